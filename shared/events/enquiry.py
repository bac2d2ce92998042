"""What happens to enquiries and to the accounts of partners. One transition, one fact."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from shared.events import Fact, State, Topic, register

EVENTS = Topic(
    "enquiry.events", 12, compacted=False, meaning="each change of state of an enquiry and of what belongs to it", accounted=True
)
PATIENTS = Topic(
    "enquiry.patients", 12, compacted=True, meaning="how to reach the requester, encrypted under a key per patient", personal=True
)
ACCOUNTS = Topic("enquiry.accounts", 3, compacted=True, meaning="how to reach people of hospitals and operations, encrypted", personal=True)


class Want(StrEnum):
    """What an enquiry asks for; each ends on its own."""

    QUOTE = "quote"
    APPOINTMENT = "appointment"
    ASSISTANCE = "assistance"


class RejectReason(StrEnum):
    UNVERIFIED = "unverified"
    SPAM = "spam"
    DUPLICATE = "duplicate"
    OUT_OF_SCOPE = "out_of_scope"


class Reminder(StrEnum):
    """Why a verification link is sent again."""

    RESEND = "resend"
    FIRST = "first_reminder"
    LAST = "last_reminder"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A capability link. Whoever holds the link key derives its token from this; the token itself never travels here."""

    id: UUID
    purpose: Annotated[str, "verify, case, account or sign_in"]
    expires_at: datetime


# -- the enquiry --------------------------------------------------------------


@register("enquiry.submitted.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquirySubmitted(Fact):
    """An enquiry waits for proof of its address; no hospital has heard of it."""

    reference: str
    verify: Annotated[Link | None, "none where the address has had enough such mails for now"] = None


@register("enquiry.verification_requested.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class VerificationRequested(Fact):
    """The link that proves the address is to be sent again."""

    reference: str
    why: Reminder
    verify: Link


@register("enquiry.opened.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryOpened(Fact):
    """The address is proved, or a trusted client vouches for it: hospitals hear of it now."""

    reference: str
    wants: list[Want]
    hospital_ids: Annotated[list[UUID], "hospitals asked, those that could not be reached left out"]
    promised_at: Annotated[datetime | None, "when the last of them is to have answered"]
    case_link: Link


@register("enquiry.link_requested.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class LinkRequested(Fact):
    """The requester asked for the link to the case again."""

    reference: str
    case_link: Link


@register("enquiry.unattended.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryUnattended(Fact):
    """None of the hospitals named can be reached: operations must find another way."""

    reference: str


@register("enquiry.rejected.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryRejected(Fact):
    """Operations or, after 72 hours without proof of the address, the timer ended it."""

    reference: str
    reason: RejectReason
    verified: bool


@register("enquiry.withdrawn.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryWithdrawn(Fact):
    """The patient (or operations for the patient) ended it."""

    reference: str
    verified: bool


@register("enquiry.answered.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryAnswered(Fact):
    """The first quote or slot offer is there."""

    reference: str
    late: Annotated[bool, "the search had been given up"]


@register("enquiry.accepted.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryAccepted(Fact):
    """The patient has chosen."""

    reference: str


@register("enquiry.reopened.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryReopened(Fact):
    """The last quote or offer is gone, or what was chosen has come to nothing."""

    reference: str
    was_accepted: bool
    case_link: Link


@register("enquiry.unfulfilled.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class EnquiryUnfulfilled(Fact):
    """Every hospital asked has declined or let its time pass."""

    reference: str
    case_link: Link


@register("assistance.asked.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AssistanceAsked(Fact):
    """The patient wants help from operations: one business day."""

    reference: str


@register("assistance.closed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AssistanceClosed(Fact):
    """No help is wanted any more: the case has ended."""

    reference: str


# -- consent ------------------------------------------------------------------


@register("consent.given.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class ConsentGiven(Fact):
    """The patient agreed that one hospital may see the case. The text is named by version and hash."""

    consent_id: UUID
    hospital_id: UUID
    purpose: str
    text_version: int
    sha256: str


# -- accounts -----------------------------------------------------------------


@register("account.invited.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AccountInvited(Fact):
    """A person was given an account; the link lets them set up their second factor."""

    link: Link


@register("account.sign_in_requested.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class SignInRequested(Fact):
    """A person asked to sign in; the link is the first of two factors."""

    link: Link


# -- personal state, encrypted ------------------------------------------------


@register("enquiry.patient.v1", PATIENTS)
@dataclass(frozen=True, kw_only=True)
class PatientState(State):
    """The requester's contact {name, email, language, timezone} as JSON under the patient's key, which is wrapped under the contact key."""

    wrapped_key: Annotated[str, "base64; bound to `patient:<id>:key`"]
    sealed: Annotated[str, "base64; bound to `patient:<id>:contact`"]


@register("enquiry.account.v1", ACCOUNTS)
@dataclass(frozen=True, kw_only=True)
class AccountState(State):
    """A person's contact {name, email, language} under the account's key, wrapped as for patients."""

    hospital_id: UUID | None
    wrapped_key: Annotated[str, "base64; bound to `account:<id>:key`"]
    sealed: Annotated[str, "base64; bound to `account:<id>:contact`"]
