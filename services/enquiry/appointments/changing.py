"""An agreed time is changed: the old slot is kept until the new one is sure. One side proposes, the other agrees; silence leaves the old time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, lifecycles, slots
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import APPOINTMENT, Actor, AppointmentState, Who, possible_acts
from services.enquiry.settings import Settings
from services.enquiry.slots import resources
from services.enquiry.slots.free import Slot
from shared.clock import Clock
from shared.events import Case
from shared.events.appointment import AppointmentChangeDeclined, AppointmentChangeProposed, AppointmentRescheduled, Party
from shared.problems import Conflict, Invalid, field_error

from . import reminding


def acts_on(one: Appointment, who: Who) -> list[str]:
    """What this kind of actor can do now: nobody agrees to a change of their own, or disputes twice."""
    acts = possible_acts(APPOINTMENT, AppointmentState(one.state), who)
    mine = one.proposal is not None and one.proposal["by"] == who
    done = {"accept_change"} if mine else {"dispute"} if one.disputed_at else set()
    return [act for act in acts if act not in done]


def propose_change(
    session: Session,
    settings: Settings,
    *,
    appointment_id: UUID,
    resource_id: UUID | None,
    start: datetime,
    revision: int,
    actor: Actor,
    clock: Clock,
) -> Appointment:
    """Claim another slot beside the old one, which may overlap with it.

    Raises Invalid (no slot, another hospital's), Conflict (slot-taken, change-too-late, invalid-transition), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "propose_change", state=AppointmentState(one.state), who=actor.kind)
    resource = resources.find_resource(session, resource_id or appointments.slot_of(one).resource_id)
    if resource.hospital_id != one.hospital_id:
        raise Invalid("invalid", errors=[field_error("resource", "is of another hospital")])
    start = start.astimezone(UTC)
    if (resource.id, start) == (one.resource_id, one.starts_at):
        raise Invalid("invalid", errors=[field_error("start", "is the time that stands")])
    hospital, until = appointments.calendar_of(session, one.hospital_id), one.starts_at - settings.change_before
    left = min(settings.change_answer, until - clock())
    if left <= timedelta(0):
        raise Conflict("change-too-late", until=until)
    claim = slots.claim(session, resource_id=resource.id, appointment_id=one.id, start=start, hold_for=left, hospital=hospital, clock=clock)
    assert claim.expires_at is not None  # noqa: S101
    end, now = start + timedelta(minutes=resource.slot_minutes), clock()
    one.proposal = {"resource": str(resource.id), "start": start.isoformat(), "end": end.isoformat(), "by": actor.kind.value}
    fact = AppointmentChangeProposed(
        **appointments.named(case, enquiry, one),
        by=Party(actor.kind),
        start=start,
        end=end,
        timezone=hospital.zone.key,
        answer_due=claim.expires_at,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.move(session, one, fact, act="propose_change", actor=actor, now=now)
    appointments.ends_at(session, one, claim.expires_at, timer="change_expiry")
    return one


def accept_change(session: Session, settings: Settings, *, appointment_id: UUID, revision: int, actor: Actor, clock: Clock) -> Appointment:
    """Swap: the new slot for good, the old one free, the calendar entry counts one more.

    Raises Conflict (invalid-transition, also for a proposal of one's own; slot-taken where its time was over), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    if "accept_change" not in (possible := acts_on(one, actor.kind)):
        raise Conflict("invalid-transition", state=one.state, possible=possible)
    slot, hospital = _proposed(one), appointments.calendar_of(session, one.hospital_id)
    slots.keep(session, slot=slot, appointment_id=one.id, expires_at=None, hospital=hospital, clock=clock)
    slots.release(session, one.id, but=slot)
    appointments.place(one, slot, resources.find_resource(session, slot.resource_id), hospital)
    one.sequence += 1
    now = clock()
    fact = AppointmentRescheduled(
        **appointments.named(case, enquiry, one),
        by=Party(actor.kind),
        start=one.starts_at,
        end=one.ends_at,
        timezone=one.timezone,
        sequence=one.sequence,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.move(session, one, fact, act="accept_change", actor=actor, now=now)
    one.proposal = one.expires_at = None
    reminding.follow(session, settings, one, now)
    return one


def _proposed(one: Appointment) -> Slot:
    assert one.proposal is not None  # noqa: S101
    start, end = (datetime.fromisoformat(one.proposal[name]) for name in ("start", "end"))
    return Slot(start, end, UUID(one.proposal["resource"]))


def decline_change(
    session: Session, settings: Settings, *, appointment_id: UUID, revision: int, actor: Actor, now: datetime
) -> Appointment:
    """The old time stands. Raises Conflict(invalid-transition), PreconditionFailed."""
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "decline_change", state=AppointmentState(one.state), who=actor.kind)
    _keep_old(session, settings, case, enquiry, one, actor=actor, now=now)
    return one


def expire_change(session: Session, settings: Settings, appointment_id: UUID, now: datetime) -> bool:
    """Nobody answered: the old time stands. False where somebody did, or there is a later proposal."""
    case, enquiry, one = appointments.locked(session, appointment_id)
    if one.state != AppointmentState.CHANGE_PROPOSED or one.expires_at is None or one.expires_at > now:
        return False
    _keep_old(session, settings, case, enquiry, one, actor=lifecycles.SYSTEM, now=now)
    return True


def _keep_old(session: Session, settings: Settings, case: Case, enquiry: Enquiry, one: Appointment, *, actor: Actor, now: datetime) -> None:
    assert one.proposal is not None  # noqa: S101
    fact = AppointmentChangeDeclined(
        **appointments.named(case, enquiry, one),
        by=Party(actor.kind),
        proposed_by=Party(one.proposal["by"]),
        start=one.starts_at,
        end=one.ends_at,
        timezone=one.timezone,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    slots.release(session, one.id, but=appointments.slot_of(one))
    appointments.move(session, one, fact, act="decline_change", actor=actor, now=now)
    one.proposal = one.expires_at = None
