"""Lifecycles as data: which state follows which, by whose act, and the fact that tells it. The code runs on these tables.

One transition, one fact, one history row. Reads no other room.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, outbox, writes
from shared.events import Fact, appointment, erasure, invitation, quote
from shared.events import enquiry as facts
from shared.problems import Conflict, PreconditionFailed

from .db import Base


class Who(StrEnum):
    """Kinds of actors."""

    PATIENT = "patient"
    HOSPITAL = "hospital"
    OPERATIONS = "ops"
    CLIENT = "client"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who does it, how it reached us, for whom, by which reason code; `because` is what operations write for the audit and nobody else reads."""

    kind: Who
    id: str = ""
    channel: str = "api"
    on_behalf_of: str | None = None
    reason: str | None = None
    because: str | None = None

    def cascade(self, reason: str) -> "Actor":
        """What follows from an act is done by the system on behalf of who acted."""
        return Actor(Who.SYSTEM, channel=self.channel, on_behalf_of=self.kind, reason=reason)


SYSTEM = Actor(Who.SYSTEM, channel="timer")


class EnquiryState(StrEnum):
    PENDING_VERIFICATION = "pending_verification"
    OPEN = "open"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    UNFULFILLED = "unfulfilled"


class InvitationState(StrEnum):
    SENT = "sent"
    VIEWED = "viewed"
    ANSWERED = "answered"
    DECLINED = "declined"
    LAPSED = "lapsed"
    REVOKED = "revoked"


class QuoteState(StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    BOOKED = "booked"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"
    UNSETTLED = "unsettled"
    VOIDED = "voided"


class AppointmentState(StrEnum):
    REQUESTED = "requested"
    OFFERED = "offered"
    HELD = "held"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    CONFIRMED = "confirmed"
    CHANGE_PROPOSED = "change_proposed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    MISSED = "missed"
    UNRECORDED = "unrecorded"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    VOIDED = "voided"


class AssistanceState(StrEnum):
    ASKED = "asked"
    CLOSED = "closed"


class ErasureState(StrEnum):
    REQUESTED = "requested"
    VERIFIED = "verified"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True)
class Transition:
    """One row of a lifecycle. `act` is what `possible` names and, with hyphens, the end of its route; `since` is empty where the thing begins."""

    act: str
    since: tuple[StrEnum, ...]
    to: StrEnum
    who: tuple[Who, ...]
    fact: type[Fact]


E, V, Q, B, A, R, W = EnquiryState, InvitationState, QuoteState, AppointmentState, AssistanceState, ErasureState, Who
LIVE_INVITATIONS = (V.SENT, V.VIEWED)
UNCONFIRMED = (B.REQUESTED, B.OFFERED, B.HELD, B.AWAITING_CONFIRMATION)
AGREED = (B.CONFIRMED, B.CHANGE_PROPOSED)
LIVE_APPOINTMENTS = (*UNCONFIRMED, *AGREED, B.CHECKED_IN, B.NO_SHOW)
LIVE_ENQUIRIES = (E.PENDING_VERIFICATION, E.OPEN, E.ANSWERED, E.ACCEPTED)
TAKEN_QUOTES = (Q.ACCEPTED, Q.BOOKED)  # one an enquiry

ENQUIRY = (
    Transition("submit", (), E.PENDING_VERIFICATION, (W.PATIENT, W.CLIENT, W.OPERATIONS), facts.EnquirySubmitted),
    Transition("open", (), E.OPEN, (W.CLIENT,), facts.EnquiryOpened),
    Transition("verify", (E.PENDING_VERIFICATION,), E.OPEN, (W.PATIENT, W.OPERATIONS), facts.EnquiryOpened),
    Transition("reject", (E.PENDING_VERIFICATION, E.OPEN), E.REJECTED, (W.OPERATIONS,), facts.EnquiryRejected),
    Transition("give_up", (E.PENDING_VERIFICATION,), E.REJECTED, (W.SYSTEM,), facts.EnquiryRejected),
    Transition("verify_late", (E.REJECTED,), E.OPEN, (W.PATIENT,), facts.EnquiryOpened),
    Transition("answer", (E.OPEN, E.UNFULFILLED), E.ANSWERED, (W.SYSTEM,), facts.EnquiryAnswered),
    Transition("accept", (E.ANSWERED,), E.ACCEPTED, (W.PATIENT,), facts.EnquiryAccepted),
    Transition("reopen", (E.ANSWERED, E.ACCEPTED), E.OPEN, (W.SYSTEM,), facts.EnquiryReopened),
    Transition("withdraw", (*LIVE_ENQUIRIES, E.UNFULFILLED), E.WITHDRAWN, (W.PATIENT, W.OPERATIONS), facts.EnquiryWithdrawn),
    Transition("find_nobody", (E.OPEN,), E.UNFULFILLED, (W.SYSTEM, W.OPERATIONS), facts.EnquiryUnfulfilled),
)  # fmt: skip

INVITATION = (
    Transition("send", (), V.SENT, (W.SYSTEM,), invitation.InvitationSent),
    Transition("view", (V.SENT,), V.VIEWED, (W.HOSPITAL,), invitation.InvitationViewed),
    Transition("answer", (*LIVE_INVITATIONS, V.LAPSED), V.ANSWERED, (W.HOSPITAL, W.OPERATIONS, W.SYSTEM), invitation.InvitationAnswered),
    Transition("decline", LIVE_INVITATIONS, V.DECLINED, (W.HOSPITAL,), invitation.InvitationDeclined),
    Transition("lapse", LIVE_INVITATIONS, V.LAPSED, (W.SYSTEM,), invitation.InvitationLapsed),
    Transition("revoke", (*LIVE_INVITATIONS, V.ANSWERED), V.REVOKED, (W.PATIENT, W.OPERATIONS, W.SYSTEM), invitation.InvitationRevoked),
)  # fmt: skip

QUOTE = (
    Transition("draft", (), Q.DRAFT, (W.HOSPITAL, W.OPERATIONS), quote.QuoteDrafted),
    Transition("issue", (), Q.ISSUED, (W.HOSPITAL, W.OPERATIONS), quote.QuoteIssued),
    Transition("issue", (Q.DRAFT,), Q.ISSUED, (W.HOSPITAL, W.OPERATIONS), quote.QuoteIssued),
    Transition("revise", (Q.ISSUED,), Q.SUPERSEDED, (W.HOSPITAL, W.OPERATIONS), quote.QuoteRevised),
    Transition("withdraw", (Q.ISSUED,), Q.WITHDRAWN, (W.HOSPITAL, W.OPERATIONS), quote.QuoteWithdrawn),
    Transition("decline", (Q.ISSUED,), Q.DECLINED, (W.PATIENT, W.SYSTEM), quote.QuoteDeclined),
    Transition("reinstate", (Q.DECLINED,), Q.ISSUED, (W.HOSPITAL,), quote.QuoteReinstated),
    Transition("expire", (Q.ISSUED,), Q.EXPIRED, (W.SYSTEM,), quote.QuoteExpired),
    Transition("accept", (Q.ISSUED,), Q.ACCEPTED, (W.PATIENT,), quote.QuoteAccepted),
    Transition("book", (Q.ACCEPTED,), Q.BOOKED, (W.SYSTEM,), quote.QuoteBooked),
    Transition("unbook", (Q.BOOKED,), Q.ACCEPTED, (W.SYSTEM,), quote.QuoteUnbooked),
    Transition("extend", (Q.ACCEPTED,), Q.ACCEPTED, (W.PATIENT, W.HOSPITAL), quote.QuoteExtended),
    Transition("lapse", (Q.ACCEPTED,), Q.LAPSED, (W.SYSTEM,), quote.QuoteLapsed),
    Transition("cancel", TAKEN_QUOTES, Q.CANCELLED, (W.PATIENT, W.HOSPITAL, W.OPERATIONS, W.SYSTEM), quote.QuoteCancelled),
    Transition("unsettle", (Q.BOOKED,), Q.UNSETTLED, (W.SYSTEM,), quote.QuoteUnsettled),
    Transition("void", (Q.DRAFT, Q.ISSUED), Q.VOIDED, (W.OPERATIONS, W.SYSTEM), quote.QuoteVoided),
)  # fmt: skip

APPOINTMENT = (
    Transition("request", (), B.REQUESTED, (W.PATIENT, W.OPERATIONS), appointment.AppointmentRequested),
    Transition("offer_slots", (B.REQUESTED,), B.OFFERED, (W.HOSPITAL, W.OPERATIONS), appointment.AppointmentSlotsOffered),
    Transition("accept_slot", (B.OFFERED,), B.CONFIRMED, (W.PATIENT,), appointment.AppointmentConfirmed),
    Transition("hold", (), B.HELD, (W.PATIENT, W.OPERATIONS), appointment.AppointmentHeld),
    Transition("submit", (B.HELD,), B.AWAITING_CONFIRMATION, (W.PATIENT,), appointment.AppointmentSubmitted),
    Transition("confirm_instantly", (B.HELD,), B.CONFIRMED, (W.SYSTEM,), appointment.AppointmentConfirmed),
    Transition("confirm", (B.AWAITING_CONFIRMATION,), B.CONFIRMED, (W.HOSPITAL,), appointment.AppointmentConfirmed),
    Transition("decline", (B.REQUESTED, B.OFFERED, B.AWAITING_CONFIRMATION), B.DECLINED, (W.HOSPITAL,), appointment.AppointmentDeclined),
    Transition("decline", (B.OFFERED,), B.DECLINED, (W.PATIENT,), appointment.AppointmentDeclined),
    Transition("expire", UNCONFIRMED, B.EXPIRED, (W.SYSTEM,), appointment.AppointmentExpired),
    Transition("cancel", UNCONFIRMED, B.CANCELLED, (W.PATIENT, W.OPERATIONS, W.SYSTEM), appointment.AppointmentCancelled),
    Transition("propose_change", (B.CONFIRMED,), B.CHANGE_PROPOSED, (W.PATIENT, W.HOSPITAL), appointment.AppointmentChangeProposed),
    Transition("accept_change", (B.CHANGE_PROPOSED,), B.CONFIRMED, (W.PATIENT, W.HOSPITAL), appointment.AppointmentRescheduled),
    Transition("decline_change", (B.CHANGE_PROPOSED,), B.CONFIRMED, (W.PATIENT, W.HOSPITAL, W.SYSTEM), appointment.AppointmentChangeDeclined),
    Transition("cancel", AGREED, B.CANCELLED, (W.PATIENT, W.HOSPITAL, W.OPERATIONS), appointment.AppointmentCancelled),
    Transition("check_in", (B.CONFIRMED,), B.CHECKED_IN, (W.HOSPITAL, W.OPERATIONS), appointment.AppointmentCheckedIn),
    Transition("complete", (B.CONFIRMED, B.CHECKED_IN), B.COMPLETED, (W.HOSPITAL, W.OPERATIONS), appointment.AppointmentCompleted),
    Transition("record_no_show", (B.CONFIRMED,), B.NO_SHOW, (W.HOSPITAL,), appointment.AppointmentNoShowRecorded),
    Transition("dispute", (B.NO_SHOW,), B.NO_SHOW, (W.PATIENT,), appointment.AppointmentNoShowDisputed),
    Transition("resolve_as_completed", (B.NO_SHOW,), B.COMPLETED, (W.OPERATIONS,), appointment.AppointmentNoShowResolved),
    Transition("resolve_as_cancelled", (B.NO_SHOW,), B.CANCELLED, (W.OPERATIONS,), appointment.AppointmentNoShowResolved),
    Transition("uphold", (B.NO_SHOW,), B.MISSED, (W.SYSTEM, W.OPERATIONS), appointment.AppointmentNoShowUpheld),
    Transition("leave_unrecorded", (B.CONFIRMED, B.CHECKED_IN), B.UNRECORDED, (W.SYSTEM,), appointment.AppointmentUnrecorded),
    Transition("void", LIVE_APPOINTMENTS, B.VOIDED, (W.OPERATIONS,), appointment.AppointmentVoided),
)  # fmt: skip

ASSISTANCE = (
    Transition("ask", (), A.ASKED, (W.SYSTEM,), facts.AssistanceAsked),
    Transition("close", (A.ASKED,), A.CLOSED, (W.SYSTEM,), facts.AssistanceClosed),
)  # fmt: skip

ERASURE = (
    Transition("request", (), R.REQUESTED, (W.PATIENT, W.OPERATIONS), erasure.ErasureRequested),
    Transition("verify", (R.REQUESTED,), R.VERIFIED, (W.PATIENT, W.OPERATIONS), erasure.ErasureVerified),
    Transition("start", (R.VERIFIED,), R.RUNNING, (W.SYSTEM,), erasure.ErasureStarted),
    Transition("finish", (R.RUNNING,), R.DONE, (W.SYSTEM,), erasure.ErasureDone),
)  # fmt: skip


class HistoryRow(Base):
    """One transition that happened: what, by whom, for whom, why, and the event that told it."""

    __tablename__ = "history"
    __table_args__ = (Index("history_enquiry_id_at_idx", "enquiry_id", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"))
    event_id: Mapped[UUID]
    subject: Mapped[str]
    subject_id: Mapped[UUID]
    act: Mapped[str]
    state: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    on_behalf_of: Mapped[str | None]
    channel: Mapped[str]
    reason: Mapped[str | None]
    because: Mapped[str | None]
    at: Mapped[datetime]


def possible_acts(lifecycle: tuple[Transition, ...], state: StrEnum, who: Who) -> list[str]:
    """What this kind of actor can do now."""
    return [row.act for row in lifecycle if state in row.since and who in row.who]


def check(lifecycle: tuple[Transition, ...], act: str, *, state: StrEnum | None, who: Who) -> Transition:
    """The row that allows it; a state of None begins the life. Raises Conflict(invalid-transition) with the present state and what is possible."""
    for row in lifecycle:
        if row.act == act and who in row.who and (state in row.since if state else not row.since):
            return row
    raise Conflict("invalid-transition", state=str(state), possible=possible_acts(lifecycle, state, who) if state else [])


def check_revision(row_revision: int, expected: int | None) -> None:
    """Raises PreconditionFailed where the caller has seen an older row; None asks for no check."""
    if expected is not None and expected != row_revision:
        raise PreconditionFailed("if-match-stale")


def record(session: Session, fact: Fact, *, row: Transition, subject: str, subject_id: UUID, actor: Actor, at: datetime) -> None:
    """The fact into the outbox and its history row, in the session's transaction."""
    assert isinstance(fact, row.fact), f"{row.act} is told by {row.fact.__name__}"  # noqa: S101
    event_id = outbox.record(session, fact, at=at)
    happened = {
        "id": crypto.new_id(),
        "enquiry_id": fact.case.id,
        "event_id": event_id,
        "subject": subject,
        "subject_id": subject_id,
        "act": row.act,
        "state": row.to,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "on_behalf_of": actor.on_behalf_of,
        "channel": actor.channel,
        "reason": actor.reason,
        "because": actor.because,
        "at": at,
    }
    writes.add(session, HistoryRow, [happened])
