"""Appointments that will not take place: cancelled by a side, by the end of their case or before an erasure, or expired."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, bookings, invitations, lifecycles
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import AGREED, APPOINTMENT, UNCONFIRMED, Actor, AppointmentState, Who
from services.enquiry.quotes import booking
from services.enquiry.settings import Settings
from shared.events import Case
from shared.events.appointment import AppointmentCancelled, AppointmentExpired, CancelReason, Party
from shared.events.enquiry import Link
from shared.problems import Conflict


def cancel_appointment(
    session: Session,
    settings: Settings,
    *,
    appointment_id: UUID,
    reason: str,
    late_is_known: bool,
    revision: int | None,
    actor: Actor,
    now: datetime,
) -> Appointment:
    """It will not take place. A patient who is late by the policy says that this is known.

    Raises Conflict (invalid-transition, late-not-known), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "cancel", state=AppointmentState(one.state), who=actor.kind)
    if actor.kind is Who.PATIENT and _is_late(one, now) and not late_is_known:
        raise Conflict("late-not-known", late_from=one.late_from)
    link = appointments.case_link(session, settings, enquiry, now)
    _cancel(session, case, enquiry, one, CancelReason(reason), actor=actor, now=now, link=link)
    booking.unbook(session, settings, case, enquiry, one, now=now)
    return one


def _is_late(one: Appointment, now: datetime) -> bool:
    return one.state in AGREED and now >= one.late_from


def _cancel(
    session: Session,
    case: Case,
    enquiry: Enquiry,
    one: Appointment,
    reason: CancelReason,
    *,
    actor: Actor,
    now: datetime,
    link: Link | None,
) -> None:
    one.late = _is_late(one, now)
    if one.confirmed_at is not None:
        one.sequence += 1
    fact = AppointmentCancelled(
        **appointments.named(case, enquiry, one),
        by=Party(actor.kind),
        reason=reason,
        state=one.state,
        late=one.late,
        **appointments.times_of(one),
        timezone=one.timezone,
        sequence=one.sequence if one.confirmed_at is not None else None,
        case_link=link,
    )
    appointments.end(session, one, fact, act="cancel", actor=replace(actor, reason=reason), now=now)


def cancel_unconfirmed(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """The case has ended: what was not agreed goes with it. About what is confirmed the patient decides."""
    for one in bookings.bookings_of(session, enquiry.id):
        if one.state in UNCONFIRMED:
            actor = cause.cascade(CancelReason.ENQUIRY_ENDED)
            _cancel(session, case, enquiry, one, CancelReason.ENQUIRY_ENDED, actor=actor, now=now, link=None)


def cancel_all(session: Session, case: Case, enquiry: Enquiry, *, actor: Actor, now: datetime) -> None:
    """Before a person is erased: whatever is still to come is cancelled, by whoever confirms the erasure."""
    for one in bookings.bookings_of(session, enquiry.id):
        if one.state in (*UNCONFIRMED, *AGREED):
            _cancel(session, case, enquiry, one, CancelReason.ERASURE, actor=actor, now=now, link=None)


def expire_appointment(session: Session, settings: Settings, enquiry_id: UUID, appointment_id: UUID, now: datetime) -> bool:
    """Its time is over. False where somebody has acted meanwhile, or there is a later time now."""
    case, enquiry, one = appointments.locked(session, appointment_id)
    assert enquiry.id == enquiry_id  # noqa: S101
    if one.state not in UNCONFIRMED or one.expires_at is None or one.expires_at > now:
        return False
    told = one.state != AppointmentState.HELD
    link = appointments.case_link(session, settings, enquiry, now) if told else None
    fact = AppointmentExpired(**appointments.named(case, enquiry, one), state=one.state, case_link=link)
    appointments.end(session, one, fact, act="expire", actor=lifecycles.SYSTEM, now=now)
    invitations.end_search(session, settings, case, enquiry, now=now)
    return True
