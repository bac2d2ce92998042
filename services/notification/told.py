"""Whom each fact tells: one table to be read, with `nobody` said, too.

Plans nothing and sends nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.events import Fact, appointment, erasure, invitation, quote
from shared.events import enquiry as heard
from shared.events.notification import Recipient


@dataclass(frozen=True)
class Alert:
    """Who is told, by which letter (for operations: by which kind of task), and in which case only."""

    recipient: Recipient
    letter: str
    only_if: Callable[[Any], bool] = lambda _fact: True
    addressee: str | None = None  # the fact's field that names them, where it is not the case's patient


def patient(letter: str, only_if: Callable[[Any], bool] = lambda _fact: True) -> Alert:
    """A mail to the requester."""
    return Alert(Recipient.PATIENT, letter, only_if)


def receipt(letter: str, only_if: Callable[[Any], bool]) -> Alert:
    """A mail to somebody who is no patient any more, at the address that is kept for it under the fact's `contact_id`."""
    return Alert(Recipient.PATIENT, letter, only_if, addressee="contact_id")


def hospital(letter: str, only_if: Callable[[Any], bool] = lambda _fact: True) -> Alert:
    """Every e-mail address and webhook of the hospital that the fact names; never waits."""
    return Alert(Recipient.HOSPITAL, letter, only_if)


def by_patient(fact: Any) -> bool:
    return bool(fact.by == appointment.Party.PATIENT)


def by_hospital(fact: Any) -> bool:
    return bool(fact.by == appointment.Party.HOSPITAL)


def unanswered(by: appointment.Party) -> Callable[[Any], bool]:
    """Whether nobody answered what this side had proposed."""
    return lambda fact: fact.by == appointment.Party.SYSTEM and fact.proposed_by == by


def was_asked_for(fact: Any) -> bool:
    """Of a slot that was only held nobody has heard."""
    return bool(fact.state != "held")


def operations(kind: str, only_if: Callable[[Any], bool] = lambda _fact: True) -> Alert:
    """A row on the work list and a mail."""
    return Alert(Recipient.OPERATIONS, kind, only_if)


def account(letter: str) -> Alert:
    """A mail to the person of the account; never waits."""
    return Alert(Recipient.ACCOUNT, letter)


TOLD: dict[type[Fact], tuple[Alert, ...]] = {
    heard.EnquirySubmitted: (patient("verify_address", lambda fact: fact.verify is not None),),
    heard.VerificationRequested: (patient("verify_address"),),
    heard.EnquiryOpened: (patient("enquiry_opened"),),
    heard.LinkRequested: (patient("case_link"),),
    heard.EnquiryUnattended: (operations("enquiry_unattended"),),
    heard.EnquiryRejected: (patient("enquiry_rejected", lambda fact: fact.verified),),
    heard.EnquiryWithdrawn: (patient("enquiry_withdrawn", lambda fact: fact.verified),),  # hospitals hear by invitation.revoked
    heard.EnquiryAnswered: (),  # the quote or the offer is told
    heard.EnquiryAccepted: (),  # as is what was accepted
    heard.EnquiryReopened: (
        patient("enquiry_reopened", lambda fact: fact.was_accepted),
        operations("enquiry_reopened", lambda fact: fact.was_accepted),
    ),
    heard.EnquiryUnfulfilled: (patient("enquiry_unfulfilled"), operations("enquiry_unfulfilled")),
    heard.AssistanceAsked: (operations("assistance_asked"),),
    heard.AssistanceClosed: (),  # the end of the case is told, this goes with it
    heard.ConsentGiven: (),
    invitation.InvitationSent: (hospital("invitation_sent"),),
    invitation.InvitationViewed: (),
    invitation.InvitationReminded: (hospital("invitation_reminded"),),
    invitation.InvitationOverdue: (operations("invitation_overdue"),),
    invitation.AlternativesOffered: (patient("alternatives_offered"),),
    invitation.InvitationLapsed: (hospital("invitation_lapsed"), patient("hospital_silent"), operations("invitation_lapsed")),
    invitation.InvitationAnswered: (),  # what it was answered with is told
    invitation.InvitationDeclined: (),  # the patient sees it in the timeline
    invitation.InvitationRevoked: (hospital("invitation_revoked"),),
    quote.QuoteDrafted: (),
    quote.QuoteIssued: (
        patient("quote_issued", lambda fact: fact.number == 1),
        operations("quote_implausible", lambda fact: fact.implausible),
    ),
    quote.QuoteRevised: (patient("quote_revised"),),  # and its next version is issued with it
    quote.QuoteWithdrawn: (patient("quote_withdrawn"),),
    quote.QuoteDeclined: (hospital("hospital_quote_declined"),),
    quote.QuoteReinstated: (patient("quote_reinstated"),),
    quote.QuoteExpiring: (patient("quote_expiring"),),
    quote.QuoteExpired: (patient("quote_expired"), hospital("hospital_quote_expired")),
    quote.QuoteAccepted: (hospital("hospital_quote_accepted"), patient("quote_accepted")),
    quote.QuoteBooked: (),  # the appointment is told
    quote.QuoteUnbooked: (patient("quote_unbooked"), hospital("hospital_quote_unbooked")),
    quote.QuoteExtended: (hospital("hospital_quote_extended", by_patient), patient("quote_extended", by_hospital)),
    quote.QuoteLapsing: (patient("quote_lapsing"),),
    quote.QuoteLapsed: (patient("quote_lapsed"), hospital("hospital_quote_lapsed"), operations("quote_lapsed")),
    quote.QuoteCancelled: (
        patient("quote_cancelled", lambda fact: fact.by in {quote.Side.HOSPITAL, quote.Side.OPERATIONS}),
        hospital("hospital_quote_cancelled", lambda fact: fact.by != quote.Side.HOSPITAL),
        operations("quote_cancelled", lambda fact: fact.by in {quote.Side.PATIENT, quote.Side.HOSPITAL}),
    ),
    quote.QuoteUnsettled: (operations("quote_unsettled"),),
    quote.QuoteVoided: (
        patient("quote_voided", lambda fact: fact.was_issued),
        hospital("hospital_quote_voided", lambda fact: fact.was_issued),
    ),
    appointment.AppointmentRequested: (hospital("hospital_appointment_requested"), patient("appointment_requested")),
    appointment.AppointmentSlotsOffered: (patient("appointment_slots_offered"),),
    appointment.AppointmentOfferReminded: (patient("appointment_offer_reminded"),),
    appointment.AppointmentHeld: (),
    appointment.AppointmentSubmitted: (hospital("hospital_appointment_submitted"), patient("appointment_received")),
    appointment.AppointmentConfirmed: (patient("appointment_confirmed"), hospital("hospital_appointment_confirmed")),
    appointment.AppointmentDeclined: (patient("appointment_declined", by_hospital), hospital("hospital_appointment_declined", by_patient)),
    appointment.AppointmentExpired: (
        patient("appointment_expired", was_asked_for),
        hospital("hospital_appointment_expired", was_asked_for),
    ),
    appointment.AppointmentChangeProposed: (
        patient("appointment_change_proposed", by_hospital),
        hospital("hospital_appointment_change_proposed", by_patient),
    ),
    appointment.AppointmentRescheduled: (patient("appointment_rescheduled"), hospital("hospital_appointment_rescheduled")),
    appointment.AppointmentChangeDeclined: (
        patient("appointment_change_declined", lambda fact: by_hospital(fact) or unanswered(appointment.Party.PATIENT)(fact)),
        hospital("hospital_appointment_change_declined", lambda fact: by_patient(fact) or unanswered(appointment.Party.HOSPITAL)(fact)),
        operations("change_unanswered", unanswered(appointment.Party.HOSPITAL)),
    ),
    appointment.AppointmentReminded: (patient("appointment_reminded"),),
    appointment.AppointmentCheckedIn: (),
    appointment.AppointmentCompleted: (patient("appointment_completed"),),
    appointment.AppointmentNoShowRecorded: (patient("appointment_no_show_recorded"),),
    appointment.AppointmentNoShowDisputed: (operations("no_show_disputed"),),
    appointment.AppointmentNoShowResolved: (patient("appointment_no_show_resolved"), hospital("hospital_appointment_no_show_resolved")),
    appointment.AppointmentNoShowUpheld: (patient("appointment_no_show_upheld"), hospital("hospital_appointment_no_show_upheld")),
    appointment.AppointmentOutcomeAsked: (hospital("hospital_appointment_outcome_asked"),),
    appointment.AppointmentUnrecorded: (operations("appointment_unrecorded"),),
    appointment.AppointmentVoided: (patient("appointment_voided", was_asked_for), hospital("hospital_appointment_voided", was_asked_for)),
    appointment.AppointmentCancelled: (
        patient(
            "appointment_cancelled",
            lambda fact: was_asked_for(fact) and (fact.sequence is not None or fact.by == appointment.Party.OPERATIONS),
        ),  # a calendar entry is taken back from both; else the other side is told, and the end of a case has its own letter
        hospital("hospital_appointment_cancelled", was_asked_for),
    ),
    erasure.ErasureRequested: (patient("erasure_requested"),),
    erasure.ErasureVerified: (),
    erasure.ErasureStarted: (),
    erasure.PatientErased: (),  # nobody is told; this service forgets, and answers
    erasure.ErasureOverdue: (operations("erasure_overdue"),),
    erasure.ErasureDone: (receipt("erasure_done", lambda fact: fact.contact_id is not None),),
    heard.AccountInvited: (account("account_invited"),),
    heard.SignInRequested: (account("sign_in"),),
}
