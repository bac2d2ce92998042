"""Settings of the enquiry service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from shared import config
from shared.auth import signing_keys_fault
from shared.config import at_least, between, longer_than_nothing, setting
from shared.crypto import key_fault, key_ring_fault

RISING = (
    ("verification_reminder", "verification_last_reminder", "verification_time", "late_verification_time"),
    ("quote_validity_least", "quote_validity", "quote_validity_most"),
    ("invitation_answer", "invitation_alternatives", "invitation_lapse"),
    ("no_show_after", "no_show_until"),
    ("outcome_asked", "outcome_asked_again", "outcome_unrecorded"),
)


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """Times and limits of cases and of sign-ins; the defaults are what the product promises."""

    case_keys: str = setting(
        "keys of this service, `id:base64,…`, the current one first: wrap each patient's key", check=key_ring_fault, secret=True
    )
    contact_keys: str = setting(
        "keys shared with the notification service: wrap each patient's key in enquiry.patients", check=key_ring_fault, secret=True
    )
    lookup_key: str = setting("32 bytes in base64: keyed hash by which an address is found again", check=key_fault, secret=True)
    link_key: str = setting(
        "32 bytes in base64, shared with the notification service: derives the tokens of links", check=key_fault, secret=True
    )
    signing_keys: str = setting(
        "JWK set with private Ed25519 keys, the current one first: signs bearer tokens", check=signing_keys_fault, secret=True
    )
    verification_reminder: timedelta = setting(
        "until the link that proves an address is sent again", default=timedelta(hours=1), check=longer_than_nothing
    )
    verification_last_reminder: timedelta = setting(
        "until it is sent for the last time", default=timedelta(hours=24), check=longer_than_nothing
    )
    verification_time: timedelta = setting(
        "until an unverified enquiry is rejected", default=timedelta(hours=72), check=longer_than_nothing
    )
    late_verification_time: timedelta = setting(
        "until a late click no longer opens it", default=timedelta(days=30), check=longer_than_nothing
    )
    invitation_reminder: float = setting(
        "part of its first business day after which a hospital is reminded to answer", default=0.5, check=between(0, 1)
    )
    invitation_answer: int = setting(
        "business days in which a hospital's answer is promised; then operations are told", default=1, check=between(1, 30)
    )
    invitation_alternatives: int = setting("business days until the patient is offered other hospitals", default=2, check=between(1, 30))
    invitation_lapse: int = setting("business days until an invitation lapses", default=3, check=between(1, 30))
    hold_time: timedelta = setting(
        "a slot is kept for a patient who fills in the form", default=timedelta(minutes=10), check=longer_than_nothing
    )
    appointment_answer: int = setting(
        "business days in which a hospital is to confirm a slot that was asked for", default=1, check=between(1, 30)
    )
    offer_time: timedelta = setting(
        "the times that a hospital offers are kept for a patient to choose from", default=timedelta(hours=72), check=longer_than_nothing
    )
    change_answer: timedelta = setting(
        "until a proposed change of an appointment ends without an answer", default=timedelta(hours=48), check=longer_than_nothing
    )
    change_before: timedelta = setting(
        "no change is proposed or answered later than this before the old start", default=timedelta(hours=12), check=longer_than_nothing
    )
    no_show_after: timedelta = setting(
        "from the start until a hospital may record that nobody came", default=timedelta(hours=1), check=longer_than_nothing
    )
    no_show_until: timedelta = setting("from the start until it may do so no more", default=timedelta(days=5), check=longer_than_nothing)
    no_show_dispute: timedelta = setting("in which a patient may dispute it", default=timedelta(days=7), check=longer_than_nothing)
    outcome_asked: timedelta = setting(
        "after the end until a hospital that has recorded nothing is asked", default=timedelta(days=2), check=longer_than_nothing
    )
    outcome_asked_again: timedelta = setting("until it is asked again", default=timedelta(days=9), check=longer_than_nothing)
    outcome_unrecorded: timedelta = setting(
        "until an appointment of which nothing was recorded is left so, and operations are told",
        default=timedelta(days=14),
        check=longer_than_nothing,
    )
    quiet_hours: str = setting(
        "local time in which patients are not told what can wait, as `21:00-08:00`; empty: none",
        default="21:00-08:00",
        check=config.optional(config.span_of_day_fault),
    )
    quote_validity: timedelta = setting(
        "validity of a quote whose hospital names none", default=timedelta(days=30), check=longer_than_nothing
    )
    quote_validity_least: timedelta = setting("the shortest validity of a quote", default=timedelta(days=7), check=longer_than_nothing)
    quote_validity_most: timedelta = setting("the longest validity of a quote", default=timedelta(days=90), check=longer_than_nothing)
    quote_implausible: float = setting(
        "a quote's total this many times below or above all confirmed prices needs a reason", default=2.0, check=between(1, 100)
    )
    quote_booking: timedelta = setting(
        "until an accepted quote without an appointment lapses; can be had once more", default=timedelta(days=30), check=longer_than_nothing
    )
    quote_unsettled: timedelta = setting(
        "after its last appointment until a booked quote of which nobody said the final total is left so, and operations are told",
        default=timedelta(days=60),
        check=longer_than_nothing,
    )
    case_link_time: timedelta = setting("life of the link to a case", default=timedelta(days=30), check=longer_than_nothing)
    sign_in_time: timedelta = setting("life of a sign-in link", default=timedelta(minutes=15), check=longer_than_nothing)
    account_link_time: timedelta = setting(
        "life of the link that sets up a person's second factor", default=timedelta(hours=42), check=longer_than_nothing
    )
    session_time: timedelta = setting("a person signs in again after this", default=timedelta(hours=12), check=longer_than_nothing)
    erasure_link_time: timedelta = setting(
        "life of the link that confirms an erasure", default=timedelta(days=7), check=longer_than_nothing
    )
    erasure_consumers: list[str] = setting(
        "who must answer before an erasure is done: consumers of enquiry.events that keep patients' data", default=["notification"]
    )
    erasure_search_pause: timedelta = setting(
        "between two reads of enquiry.patients from its beginning while somebody is being erased",
        default=timedelta(minutes=15),
        check=longer_than_nothing,
    )
    erasure_repeat: timedelta = setting(
        "until a consumer that has not answered is told of an erasure again", default=timedelta(days=1), check=longer_than_nothing
    )
    erasure_overdue: timedelta = setting(
        "until operations are told of an erasure that somebody has not answered", default=timedelta(days=7), check=longer_than_nothing
    )
    erasure_receipt_time: timedelta = setting(
        "until the address of a receipt is wiped, sent or not", default=timedelta(days=14), check=longer_than_nothing
    )
    max_open_enquiries: int = setting("live enquiries of one address that its owner has proved", default=20, check=at_least(1))
    proof_mails_at_once: int = setting(
        "unproved enquiries of one address within an hour that are answered by a mail; the address of others is asked later",
        default=3,
        check=at_least(1),
    )
    unused_links: int = setting(
        "links of a kind that nobody used, sent to one mailbox within an hour: it gets no further one", default=3, check=at_least(1)
    )
    cases_sent_again: int = setting("links to the newest cases of an address that are sent again at once", default=3, check=at_least(1))
    enquiries_per_address: str = setting("new enquiries from one network address", default="30/hour", check=config.rate_fault)
    enquiries_per_client: str = setting("new enquiries by one trusted client", default="1000/minute", check=config.rate_fault)
    links_per_address: str = setting(
        "links sent again to one mail address, as one network address may ask for them", default="3/hour", check=config.rate_fault
    )
    sign_ins_per_address: str = setting(
        "sign-in links to one mail address, as one network address may ask for them", default="5/hour", check=config.rate_fault
    )
    resends_per_address: str = setting("links and sign-ins asked for from one network address", default="30/hour", check=config.rate_fault)
    tokens_per_address: str = setting("attempts to get a token from one network address", default="60/minute", check=config.rate_fault)
    retain_unverified: timedelta = setting(
        "a person who never proved the address, after the rejection", default=timedelta(days=30), check=longer_than_nothing
    )
    retain_cases: timedelta = setting(
        "a person and what they told us, after the end of the case", default=timedelta(days=365), check=longer_than_nothing
    )
    retain_accounts: timedelta = setting("a partner's person, after deactivation", default=timedelta(days=30), check=longer_than_nothing)
    retain_links: timedelta = setting("links and sessions, after their end", default=timedelta(days=30), check=longer_than_nothing)
    retain_erasure_requests: timedelta = setting("erasures that nobody confirmed", default=timedelta(days=30), check=longer_than_nothing)

    @classmethod
    def faults_between(cls, values: Mapping[str, Any]) -> list[str]:
        """What comes later takes no less time."""
        faults = super().faults_between(values)
        for earlier, later in (pair for names in RISING for pair in pairwise(names)):
            if None not in (values[earlier], values[later]) and values[later] < values[earlier]:
                faults.append(f"{later.upper()} must not be less than {earlier.upper()}")
        return faults
