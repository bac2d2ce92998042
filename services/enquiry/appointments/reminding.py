"""What time brings to an agreed appointment: patients are reminded before it, hospitals asked after it. Each re-reads the state first."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, lifecycles, timers
from services.enquiry.bookings import Appointment
from services.enquiry.lifecycles import AGREED, AppointmentState
from services.enquiry.settings import Settings
from services.enquiry.timers import Firing
from shared import outbox
from shared.events.appointment import AppointmentOutcomeAsked, AppointmentReminded, AppointmentUnrecorded

ADMISSION = "admission"
# before the start: the kind of timer, and the kinds of meetings that have it (all where none is named)
LEADS = (
    (timedelta(days=30), "appointment_reminder_30d", ADMISSION),
    (timedelta(days=14), "appointment_reminder_14d", ADMISSION),
    (timedelta(days=7), "appointment_reminder_7d", None),
    (timedelta(hours=72), "appointment_reminder_72h", None),
    (timedelta(hours=24), "appointment_reminder_24h", None),
)
REMINDERS = tuple(kind for _, kind, _ in LEADS)
UNRECORDED = (AppointmentState.CONFIRMED, AppointmentState.CHECKED_IN)


def firings(settings: Settings) -> dict[str, Firing]:
    """The timers that `follow` schedules, by kind."""
    return {
        "outcome_asked": lambda session, _, its_id, now: _ask_outcome(session, its_id, now, "outcome_asked", settings.outcome_asked),
        "outcome_asked_again": lambda session, _, its_id, now: _ask_outcome(
            session, its_id, now, "outcome_asked_again", settings.outcome_asked_again
        ),
        "outcome_unrecorded": lambda session, _, its_id, now: _leave_unrecorded(session, settings, its_id, now),
        **{kind: _reminding(settings, kind, lead) for lead, kind, _ in LEADS},
    }


def follow(session: Session, settings: Settings, one: Appointment, now: datetime) -> None:
    """From now on time counts towards and after its start. Called when a time is agreed; timers of an earlier time find it changed."""
    before = {kind: one.starts_at - lead for lead, kind, only in LEADS if only in {None, one.kind}}
    after = {name: one.ends_at + getattr(settings, name) for name in ("outcome_asked", "outcome_asked_again", "outcome_unrecorded")}
    moments = {kind: at for kind, at in (before | after).items() if at > now}
    timers.schedule(session, enquiry_id=one.enquiry_id, subject_id=one.id, moments=moments)


def _is_first(one: Appointment, kind: str) -> bool:
    """Whether this timer has not told anybody of this start yet."""
    mark = f"{kind} {one.starts_at.isoformat()}"
    first, one.reminded = one.reminded != mark, mark
    return first


def _reminding(settings: Settings, kind: str, lead: timedelta) -> Firing:
    """Late is pointless: when the next reminder is due, or the start has come, this one is dropped."""
    later = max((other for other, _, _ in LEADS if other < lead), default=timedelta(0))

    def remind(session: Session, _case_id: UUID, appointment_id: UUID, now: datetime) -> bool:
        case, enquiry, one = appointments.locked(session, appointment_id)
        if one.state not in AGREED or not one.starts_at - lead <= now < one.starts_at - later:
            return False
        if not _is_first(one, kind):
            return False
        fact = AppointmentReminded(
            **appointments.named(case, enquiry, one),
            start=one.starts_at,
            end=one.ends_at,
            timezone=one.timezone,
            case_link=appointments.case_link(session, settings, enquiry, now),
        )
        outbox.record(session, fact, at=now)
        return True

    return remind


def _ask_outcome(session: Session, appointment_id: UUID, now: datetime, kind: str, after: timedelta) -> bool:
    case, enquiry, one = appointments.locked(session, appointment_id)
    if one.state not in UNRECORDED or now < one.ends_at + after or not _is_first(one, kind):
        return False
    fact = AppointmentOutcomeAsked(**appointments.named(case, enquiry, one), start=one.starts_at, timezone=one.timezone)
    outbox.record(session, fact, at=now)
    return True


def _leave_unrecorded(session: Session, settings: Settings, appointment_id: UUID, now: datetime) -> bool:
    case, enquiry, one = appointments.locked(session, appointment_id)
    if one.state not in UNRECORDED or now < one.ends_at + settings.outcome_unrecorded:
        return False
    fact = AppointmentUnrecorded(**appointments.named(case, enquiry, one))
    appointments.end(session, one, fact, act="leave_unrecorded", actor=lifecycles.SYSTEM, now=now)
    return True
