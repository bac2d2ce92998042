"""Appointments: a slot is held, asked for, confirmed, given back. What all these steps do; the steps stand in asking, offering, answering, changing, ending, attending and reminding.

Takes no moment but through slots, and tells nobody: it records facts.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import lifecycles, links, listings, slots, timers
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry, locked_enquiry
from services.enquiry.clocks import Calendar
from services.enquiry.lifecycles import APPOINTMENT, Actor, AppointmentState
from services.enquiry.settings import Settings
from services.enquiry.slots.free import Slot
from services.enquiry.slots.resources import Resource
from shared.events import Case, Fact
from shared.events.enquiry import Link
from shared.problems import NotFound


def find_appointment(session: Session, appointment_id: UUID) -> Appointment:
    """Raises NotFound."""
    found = session.get(Appointment, appointment_id)
    if found is None:
        raise NotFound("not-found")
    return found


def locked(session: Session, appointment_id: UUID, *, revision: int | None = None) -> tuple[Case, Enquiry, Appointment]:
    """The case's lock, and the appointment as it is under it. Raises NotFound; PreconditionFailed where the caller saw an older one."""
    case, enquiry = locked_enquiry(session, find_appointment(session, appointment_id).enquiry_id)
    one = session.get_one(Appointment, appointment_id, populate_existing=True)
    lifecycles.check_revision(one.revision, revision)
    return case, enquiry, one


def move(session: Session, one: Appointment, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """One transition with its fact. Raises Conflict(invalid-transition)."""
    row = lifecycles.check(APPOINTMENT, act, state=AppointmentState(one.state) if one.state else None, who=actor.kind)
    one.state = row.to
    one.revision += 1
    lifecycles.record(session, fact, row=row, subject="appointment", subject_id=one.id, actor=actor, at=now)


def end(session: Session, one: Appointment, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """A transition after which nobody has the slot."""
    move(session, one, fact, act=act, actor=actor, now=now)
    one.ended_at, one.reason = now, actor.reason
    one.windows = one.offers = one.proposal = one.expires_at = None
    slots.release(session, one.id)


def ends_at(session: Session, one: Appointment, at: datetime, *, timer: str = "appointment_expiry") -> None:
    """Its present state ends by itself then."""
    one.expires_at = at
    timers.schedule(session, enquiry_id=one.enquiry_id, subject_id=one.id, moments={timer: at})


def place(one: Appointment, slot: Slot, resource: Resource, hospital: Calendar) -> None:
    """It is about this slot now: in UTC, and on the wall clock of the hospital as it is understood today."""
    one.resource_id, one.starts_at, one.ends_at = resource.id, slot.start, slot.end
    one.timezone = hospital.zone.key
    one.local_start = slot.start.astimezone(hospital.zone).replace(tzinfo=None).isoformat(timespec="minutes")
    one.late_from = slot.start - timedelta(minutes=resource.late_minutes)


def slot_of(one: Appointment) -> Slot:
    """The moment it is about. Only of one that has a slot."""
    assert one.resource_id is not None  # noqa: S101
    return Slot(one.starts_at, one.ends_at, one.resource_id)


def times_of(one: Appointment) -> dict[str, Any]:
    """What a fact says of its slot; nothing where none was chosen yet."""
    return {"start": one.starts_at, "end": one.ends_at} if one.resource_id else {}


def named(case: Case, enquiry: Enquiry, one: Appointment) -> dict[str, Any]:
    """What every fact of an appointment says."""
    return {
        "case": case,
        "reference": enquiry.reference,
        "appointment_id": one.id,
        "invitation_id": one.invitation_id,
        "hospital_id": one.hospital_id,
    }


def case_link(session: Session, settings: Settings, enquiry: Enquiry, now: datetime) -> Link:
    """For a mail to the patient."""
    return links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)


def calendar_of(session: Session, hospital_id: UUID) -> Calendar:
    """A hospital's zone and days. Raises NotFound where it is not listed any more."""
    hospital = listings.hospitals_by_id(session, [hospital_id]).get(hospital_id)
    if hospital is None:
        raise NotFound("not-found")
    return Calendar.of(hospital)
