"""A time is asked for by days that suit, the hospital keeps one to three for the patient, who takes one: the others are free again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, invitations, lifecycles, listings, slots, timers
from services.enquiry.bookings import Appointment
from services.enquiry.cases import find_enquiry, locked_enquiry
from services.enquiry.clocks import Calendar, add_business_days
from services.enquiry.invitations import Invitation
from services.enquiry.lifecycles import APPOINTMENT, Actor, AppointmentState, Who
from services.enquiry.settings import Settings
from services.enquiry.slots import resources
from services.enquiry.slots.free import Slot
from services.enquiry.timers import Firing
from shared import crypto, outbox
from shared.clock import Clock
from shared.events.appointment import AppointmentOfferReminded, AppointmentRequested, AppointmentSlotsOffered, OfferedSlot
from shared.problems import Conflict, Invalid, field_error

from . import answering, asking

FURTHEST = timedelta(days=366)
REMINDERS = {"offer_reminder_24h": timedelta(hours=24), "offer_reminder_6h": timedelta(hours=6)}  # before the offer ends


@dataclass(frozen=True)
class Window:
    """Days that suit, the first and the last, in the hospital's zone."""

    since: date
    until: date


@dataclass(frozen=True)
class Wish:
    """What a patient asks for without choosing a slot."""

    hospital: str
    kind: str
    mode: str
    companions: int
    windows: Sequence[Window]


def request_appointment(session: Session, settings: Settings, *, reference: str, wish: Wish, actor: Actor, clock: Clock) -> Appointment:
    """Ask a hospital for times within some days; it has one business day.

    Raises NotFound, Invalid (the hospital is not asked; days that are over), Conflict (appointment-exists, the enquiry is not open).
    """
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    asking.refuse_unless_open(enquiry, actor)
    known = listings.hospitals_by_slug(session, [wish.hospital]).get(wish.hospital)
    invitation = asking.invitation_of(session, enquiry, known.id if known else None, field="hospital")
    hospital, now = appointments.calendar_of(session, invitation.hospital_id), clock()
    _refuse_days(wish.windows, now.astimezone(hospital.zone).date())
    asking.refuse_same_kind(session, enquiry_id=enquiry.id, hospital_id=invitation.hospital_id, kind=wish.kind)
    begins, ends = _span(hospital, wish.windows)
    one = Appointment(
        id=crypto.new_id(),
        enquiry_id=enquiry.id,
        invitation_id=invitation.id,
        hospital_id=invitation.hospital_id,
        revision=0,
        kind=wish.kind,
        mode=wish.mode,
        companions=wish.companions,
        starts_at=begins,
        ends_at=ends,
        timezone=hospital.zone.key,
        local_start=begins.astimezone(hospital.zone).replace(tzinfo=None).isoformat(timespec="minutes"),
        late_from=begins,
        windows=[{"from": day.since.isoformat(), "until": day.until.isoformat()} for day in wish.windows],
        sequence=0,
        created_at=now,
    )
    due = add_business_days(hospital, now, settings.appointment_answer)
    link = appointments.case_link(session, settings, enquiry, now)
    fact = AppointmentRequested(**appointments.named(case, enquiry, one), answer_due=due, case_link=link)
    appointments.move(session, one, fact, act="request", actor=actor, now=now)
    appointments.ends_at(session, one, due)
    session.add(one)
    session.flush()
    return one


def _refuse_days(windows: Sequence[Window], today: date) -> None:
    for place, window in enumerate(windows):
        if window.until < today:
            raise Invalid("invalid", errors=[field_error(f"windows/{place}/until", "is over")])
        if window.until > today + FURTHEST:
            raise Invalid("invalid", errors=[field_error(f"windows/{place}/until", f"is more than {FURTHEST.days} days ahead")])


def _span(hospital: Calendar, windows: Sequence[Window]) -> tuple[datetime, datetime]:
    first, last = min(one.since for one in windows), max(one.until for one in windows)
    return hospital.utc(first, time()), hospital.utc(last + timedelta(days=1), time())


# -- the hospital's offer -----------------------------------------------------


def offer_slots(
    session: Session,
    settings: Settings,
    *,
    appointment_id: UUID,
    wanted: Sequence[tuple[UUID, datetime]],
    revision: int | None,
    actor: Actor,
    clock: Clock,
) -> Appointment:
    """Keep one to three slots, (resource, start), for the patient: each for 72 h, and no longer than until its lead time begins.

    Raises Invalid (no slot, another hospital's), Conflict (slot-taken, invalid-transition), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "offer_slots", state=AppointmentState(one.state), who=actor.kind)
    keeping = _Keeping(session, settings, one, appointments.calendar_of(session, one.hospital_id), clock)
    in_order = sorted(range(len(wanted)), key=lambda place: (str(wanted[place][0]), wanted[place][1]))  # locks in one order for all
    offers = [keeping.keep(*wanted[place], field=f"slots/{place}") for place in in_order]
    one.offers = sorted(offers, key=lambda offer: str(offer["start"]))
    now, ends = clock(), max(datetime.fromisoformat(offer["expires_at"]) for offer in one.offers)
    fact = AppointmentSlotsOffered(
        **appointments.named(case, enquiry, one),
        slots=[OfferedSlot(start=slot.start, end=slot.end) for slot in map(_slot, one.offers)],
        timezone=one.timezone,
        answer_due=ends,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.move(session, one, fact, act="offer_slots", actor=actor, now=now)
    appointments.ends_at(session, one, ends)
    moments = {kind: ends - left for kind, left in REMINDERS.items() if ends - left > now}
    timers.schedule(session, enquiry_id=one.enquiry_id, subject_id=one.id, moments=moments)
    invitation = session.get_one(Invitation, one.invitation_id, populate_existing=True)
    answered_by = actor if actor.kind is Who.HOSPITAL else actor.cascade("slots_offered")
    invitations.answer(session, case, enquiry, invitation, actor=answered_by, now=now)
    return one


@dataclass(frozen=True)
class _Keeping:
    """Slots are kept for one appointment."""

    session: Session
    settings: Settings
    one: Appointment
    hospital: Calendar
    clock: Clock

    def keep(self, resource_id: UUID, start: datetime, *, field: str) -> dict[str, Any]:
        """As it stands in `offers`. Raises Invalid, Conflict(slot-taken)."""
        resource, start = resources.find_resource(self.session, resource_id), start.astimezone(UTC)
        if resource.hospital_id != self.one.hospital_id:
            raise Invalid("invalid", errors=[field_error(f"{field}/resource", "is of another hospital")])
        left = min(self.settings.offer_time, start - timedelta(minutes=resource.lead_minutes) - self.clock())
        if left <= timedelta(0):
            raise Invalid("invalid", errors=[field_error(f"{field}/start", "is too soon: its lead time has begun")])
        claim = slots.claim(
            self.session,
            resource_id=resource.id,
            appointment_id=self.one.id,
            start=start,
            hold_for=left,
            hospital=self.hospital,
            clock=self.clock,
        )
        assert claim.expires_at is not None  # noqa: S101
        ends = start + timedelta(minutes=resource.slot_minutes)
        times = {"start": start, "end": ends, "expires_at": claim.expires_at}
        return {"resource": str(resource.id), **{name: at.isoformat() for name, at in times.items()}}


def _slot(offer: dict[str, Any]) -> Slot:
    return Slot(datetime.fromisoformat(offer["start"]), datetime.fromisoformat(offer["end"]), UUID(offer["resource"]))


# -- the patient's choice -----------------------------------------------------


def accept_slot(
    session: Session,
    settings: Settings,
    *,
    appointment_id: UUID,
    resource_id: UUID,
    start: datetime,
    revision: int,
    actor: Actor,
    clock: Clock,
) -> Appointment:
    """Take one of those that are offered; the others are free again.

    Raises Invalid (it was not offered), Conflict (offer-expired, slot-taken, invalid-transition), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "accept_slot", state=AppointmentState(one.state), who=actor.kind)
    chosen = _offered(one, resource_id, start.astimezone(UTC))
    if datetime.fromisoformat(chosen["expires_at"]) <= clock():
        raise Conflict("offer-expired")
    slot, hospital = _slot(chosen), appointments.calendar_of(session, one.hospital_id)
    slots.release(session, one.id, but=slot)
    appointments.place(one, slot, resources.find_resource(session, slot.resource_id), hospital)
    one.windows = one.offers = None
    answering.confirm(session, settings, case, enquiry, one, act="accept_slot", actor=actor, clock=clock)
    return one


def _offered(one: Appointment, resource_id: UUID, start: datetime) -> dict[str, Any]:
    for offer in one.offers or ():
        slot = _slot(offer)
        if (slot.resource_id, slot.start) == (resource_id, start):
            return dict(offer)
    raise Invalid("invalid", errors=[field_error("start", "was not offered")])


# -- time ---------------------------------------------------------------------


def firings(settings: Settings) -> dict[str, Firing]:
    """The timers of an offer, by kind."""

    def reminding(left: timedelta) -> Firing:
        return lambda session, _, appointment_id, now: _remind(session, settings, appointment_id, left, now)

    return {kind: reminding(left) for kind, left in REMINDERS.items()}


def _remind(session: Session, settings: Settings, appointment_id: UUID, left: timedelta, now: datetime) -> bool:
    """Late is pointless: when the next reminder is due, or the offer has ended, this one is dropped."""
    later = max((other for other in REMINDERS.values() if other < left), default=timedelta(0))
    case, enquiry, one = appointments.locked(session, appointment_id)
    if one.state != AppointmentState.OFFERED or one.expires_at is None or not one.expires_at - left <= now < one.expires_at - later:
        return False
    link = appointments.case_link(session, settings, enquiry, now)
    fact = AppointmentOfferReminded(**appointments.named(case, enquiry, one), answer_due=one.expires_at, case_link=link)
    outbox.record(session, fact, at=now)
    return True
