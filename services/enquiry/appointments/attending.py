"""The day itself and after: the patient came, or did not, or nobody says. Nothing is inferred from the date; silence is recorded as silence."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, lifecycles
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import APPOINTMENT, Actor, AppointmentState
from services.enquiry.quotes import booking
from services.enquiry.settings import Settings
from shared.events import Case
from shared.events.appointment import (
    AppointmentCheckedIn,
    AppointmentCompleted,
    AppointmentNoShowDisputed,
    AppointmentNoShowRecorded,
    AppointmentNoShowResolved,
    AppointmentNoShowUpheld,
    AppointmentVoided,
)
from shared.problems import Conflict

EARLY = timedelta(hours=12)  # a patient who comes on the day


def check_in(session: Session, *, appointment_id: UUID, revision: int | None, actor: Actor, now: datetime) -> Appointment:
    """The patient is there. Raises Conflict (invalid-transition, outside-window), PreconditionFailed."""
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "check_in", state=AppointmentState(one.state), who=actor.kind)
    _within(now, one.starts_at - EARLY, None)
    fact = AppointmentCheckedIn(**appointments.named(case, enquiry, one))
    appointments.move(session, one, fact, act="check_in", actor=actor, now=now)
    return one


def complete(
    session: Session, settings: Settings, *, appointment_id: UUID, outcome: str, revision: int | None, actor: Actor, now: datetime
) -> Appointment:
    """It took place, with this outcome. Raises Conflict (invalid-transition, outside-window), PreconditionFailed."""
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "complete", state=AppointmentState(one.state), who=actor.kind)
    _within(now, one.starts_at, None)
    fact = AppointmentCompleted(**appointments.named(case, enquiry, one), case_link=appointments.case_link(session, settings, enquiry, now))
    appointments.end(session, one, fact, act="complete", actor=actor, now=now)
    one.outcome = outcome
    return one


def record_no_show(
    session: Session, settings: Settings, *, appointment_id: UUID, revision: int | None, actor: Actor, now: datetime
) -> Appointment:
    """Nobody came, says the hospital, within its window. Raises Conflict (invalid-transition, outside-window), PreconditionFailed."""
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "record_no_show", state=AppointmentState(one.state), who=actor.kind)
    _within(now, one.starts_at + settings.no_show_after, one.starts_at + settings.no_show_until)
    due = now + settings.no_show_dispute
    fact = AppointmentNoShowRecorded(
        **appointments.named(case, enquiry, one),
        start=one.starts_at,
        timezone=one.timezone,
        answer_due=due,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.move(session, one, fact, act="record_no_show", actor=actor, now=now)
    appointments.ends_at(session, one, due, timer="no_show_uphold")
    return one


def _within(now: datetime, since: datetime, until: datetime | None) -> None:
    if now < since or (until is not None and now > until):
        raise Conflict("outside-window", since=since, until=until)


def dispute(session: Session, *, appointment_id: UUID, revision: int | None, actor: Actor, now: datetime) -> Appointment:
    """The patient says otherwise, once and in time: operations decide, no timer. Raises Conflict(invalid-transition), PreconditionFailed."""
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    fact = AppointmentNoShowDisputed(**appointments.named(case, enquiry, one))
    if one.disputed_at is not None:
        raise Conflict("invalid-transition", state=one.state, possible=[])
    appointments.move(session, one, fact, act="dispute", actor=actor, now=now)
    one.disputed_at, one.expires_at = now, None
    return one


def resolve(session: Session, settings: Settings, *, appointment_id: UUID, act: str, actor: Actor, now: datetime) -> Appointment:
    """Operations find for the patient: `act` is resolve_as_completed or resolve_as_cancelled. Raises Conflict(invalid-transition)."""
    case, enquiry, one = appointments.locked(session, appointment_id)
    row = lifecycles.check(APPOINTMENT, act, state=AppointmentState(one.state), who=actor.kind)
    link = appointments.case_link(session, settings, enquiry, now)
    fact = AppointmentNoShowResolved(**appointments.named(case, enquiry, one), found=row.to, case_link=link)
    appointments.end(session, one, fact, act=act, actor=replace(actor, reason="dispute_upheld"), now=now)
    if one.state == AppointmentState.CANCELLED:
        booking.unbook(session, settings, case, enquiry, one, now=now)
    return one


def uphold(session: Session, settings: Settings, *, appointment_id: UUID, actor: Actor, now: datetime) -> Appointment:
    """Nobody came. Raises Conflict(invalid-transition)."""
    case, enquiry, one = appointments.locked(session, appointment_id)
    _uphold(session, settings, case, enquiry, one, actor=actor, now=now)
    return one


def _uphold(session: Session, settings: Settings, case: Case, enquiry: Enquiry, one: Appointment, *, actor: Actor, now: datetime) -> None:
    link = appointments.case_link(session, settings, enquiry, now)
    fact = AppointmentNoShowUpheld(**appointments.named(case, enquiry, one), case_link=link)
    appointments.end(session, one, fact, act="uphold", actor=actor, now=now)


def uphold_undisputed(session: Session, settings: Settings, appointment_id: UUID, now: datetime) -> bool:
    """Nobody has disputed it in time. False where somebody has, or operations were quicker."""
    case, enquiry, one = appointments.locked(session, appointment_id)
    if one.state != AppointmentState.NO_SHOW or one.expires_at is None or one.expires_at > now:
        return False
    _uphold(session, settings, case, enquiry, one, actor=lifecycles.SYSTEM, now=now)
    return True


def void(session: Session, settings: Settings, *, appointment_id: UUID, actor: Actor, now: datetime) -> Appointment:
    """It was entered in error: whoever was told is told, calendars take it back. Raises Conflict(invalid-transition)."""
    case, enquiry, one = appointments.locked(session, appointment_id)
    state = one.state
    if one.confirmed_at is not None:
        one.sequence += 1
    fact = AppointmentVoided(
        **appointments.named(case, enquiry, one),
        state=state,
        **appointments.times_of(one),
        timezone=one.timezone,
        sequence=one.sequence if one.confirmed_at is not None else None,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.end(session, one, fact, act="void", actor=actor, now=now)
    booking.unbook(session, settings, case, enquiry, one, now=now)
    return one
