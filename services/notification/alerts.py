"""Alerts: which fact tells whom. One table to be read, and the handler that plans by it.

Writes rows only; nothing is sent here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import db, log, metrics
from shared.clock import Clock
from shared.events import REGISTRY, Case, Envelope, Fact, appointment, erasure, invitation
from shared.events import enquiry as heard
from shared.events.notification import Recipient
from shared.events.schemas import schema_of
from shared.problems import Conflict, NotFound

from . import audit, facts
from .db import Base
from .db import now as db_now
from .deliveries import ahead
from .deliveries.planning import Cause, plan_alerts, plan_mail, tell_operations, wake
from .settings import Settings

logger = log.get(__name__)


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


class Withheld(Base):
    """A fact that came too late to alert anybody, kept until operations release it or never."""

    __tablename__ = "withheld"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    case_id: Mapped[UUID]
    case_version: Mapped[int] = mapped_column(BigInteger)
    patient_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    traceparent: Mapped[str | None]
    withheld_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)
    released_at: Mapped[datetime | None]

    __table_args__ = (Index("withheld_waiting_idx", "event_id", postgresql_where=text("released_at IS NULL")),)


def handlers(clock: Clock, settings: Settings) -> Mapping[type[Fact], Callable[[Session, Any, Envelope], None]]:
    """One handler for every fact of the table."""

    def on_fact(session: Session, fact: Fact, envelope: Envelope) -> None:
        """Plan what the table says, and answer with how many deliveries it made, in the same transaction."""
        case = facts.case_of(session, fact.case.id, version=fact.case.version, patient_id=fact.case.patient_id)
        planned = 0
        now = min(clock(), db_now(session))  # a clock of ours that is off silences nobody
        if now - envelope.occurred_at <= settings.withheld_after:
            planned = plan(session, fact, Cause(at=envelope.occurred_at, case=case, event_id=envelope.id), fold=settings.fold_window)
        elif TOLD[type(fact)]:
            _withhold(session, fact, envelope)
        facts.record_outcome(session, case, event_id=envelope.id, planned=planned)

    return dict.fromkeys(TOLD, on_fact)


def look_ahead(session: Session, envelopes: Sequence[Envelope]) -> None:
    """Ask at once what planning asks for each of these facts."""
    told = [one.event for one in envelopes if isinstance(one.event, Fact)]
    asked = {fact.hospital_id for fact in told if any(alert.recipient == Recipient.HOSPITAL for alert in TOLD.get(type(fact), ()))}  # type: ignore[attr-defined]
    ahead.look(session, hospital_ids=asked, case_ids={fact.case.id for fact in told})
    facts.draw_ahead(session, len(told))


def plan(session: Session, fact: Fact, cause: Cause, *, fold: timedelta) -> int:
    """Rows for everybody the table names; returns how many."""
    params = schema_of(type(fact)).dump(fact)
    planned = sum(_plan_one(session, fact, alert, cause, params, fold) for alert in TOLD[type(fact)] if alert.only_if(fact))
    if planned:
        wake(session)
    return planned


def _plan_one(session: Session, fact: Fact, alert: Alert, cause: Cause, params: dict[str, Any], fold: timedelta) -> int:
    hospital_id: UUID | None = getattr(fact, "hospital_id", None)
    match alert.recipient:
        case Recipient.HOSPITAL:
            assert hospital_id is not None  # noqa: S101  # the table names hospitals only for facts that do
            return len(plan_alerts(session, cause=cause, hospital_id=hospital_id, template=alert.letter, params=params))
        case Recipient.OPERATIONS:
            tell_operations(session, cause=cause, kind=alert.letter, hospital_id=hospital_id, details=_details(params))
        case Recipient.PATIENT:
            person_id: UUID | None = getattr(fact, alert.addressee) if alert.addressee else fact.case.patient_id
            assert person_id is not None  # noqa: S101  # else its key is parked: a row that names nobody would end the delivery loop
            plan_mail(
                session, cause=cause, recipient=alert.recipient, recipient_id=person_id, template=alert.letter, params=params, fold=fold
            )
        case Recipient.ACCOUNT:
            plan_mail(session, cause=cause, recipient=alert.recipient, recipient_id=fact.case.id, template=alert.letter, params=params)
    return 1


def _details(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the work list shows: references and ids, never a link that opens a case."""
    return {name: params[name] for name in ("reference", "invitation_id", "hospital_id") if name in params}


# -- facts that came too late -------------------------------------------------


def _withhold(session: Session, fact: Fact, envelope: Envelope) -> None:
    row = {
        "event_id": envelope.id,
        "type": fact.type,
        "case_id": fact.case.id,
        "case_version": fact.case.version,
        "patient_id": fact.case.patient_id,
        "occurred_at": envelope.occurred_at,
        "data": schema_of(type(fact)).dump(fact),
        "traceparent": envelope.traceparent,
    }
    session.execute(upsert(Withheld).values(**row).on_conflict_do_nothing())
    metrics.deliveries.labels("none", "withheld").inc()
    logger.warning("fact withheld: it came too late", type=fact.type, event_id=str(envelope.id))


def withheld_of(session: Session, *, after: UUID | None, limit: int) -> list[Withheld]:
    """Those not released, oldest first; one more than `limit`."""
    query = select(Withheld).where(Withheld.released_at.is_(None))
    return list(session.scalars(db.oldest_first(query, Withheld.event_id, after=after, limit=limit)))


def release_withheld(session: Session, settings: Settings, *, event_id: UUID, actor: str, because: str) -> int:
    """Tell now whom the fact would have told; returns how many deliveries. Its outcome stays as it was answered: 0. Raises NotFound, Conflict."""
    row = session.get(Withheld, event_id, with_for_update=True)
    if row is None:
        raise NotFound("not-found")
    if row.released_at is not None:
        raise Conflict("invalid-transition", state="released", possible=[])
    row.released_at = db_now(session)
    case = Case(id=row.case_id, version=row.case_version, patient_id=row.patient_id)
    cls = REGISTRY[row.type]
    assert issubclass(cls, Fact)  # noqa: S101
    fact = cls(case=case, **schema_of(cls).load(row.data))
    numbered = facts.case_of(session, case.id, version=case.version, patient_id=case.patient_id)
    audit.note(session, actor=actor, act="withheld.release", subject=str(event_id), because=because)
    return plan(session, fact, Cause(at=row.occurred_at, case=numbered, event_id=event_id), fold=settings.fold_window)
