"""The way of an appointment: a case opens, somebody looks for a free slot, holds one, asks for it; the hospital says yes; over a year of bookings."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bench.past import HOSPITAL_WITH_A_PAST
from services.enquiry import appointments, bookings, enquiries, listings
from services.enquiry.appointments import answering, asking, changing, ending, routes
from services.enquiry.appointments.documents import appointment_document
from services.enquiry.bookings import Appointment
from services.enquiry.cases import find_enquiry
from services.enquiry.lifecycles import Actor, Who
from services.enquiry.settings import Settings
from services.enquiry.slots import resources
from services.enquiry.slots.routes import slots_document
from shared.clock import system_clock

PATIENT, HOSPITAL = Actor(Who.PATIENT), Actor(Who.HOSPITAL)
OPERATIONS = Actor(Who.OPERATIONS, because="the benchmark vouches for it")
WEEK = [{"weekday": day, "opens": "00:00", "closes": "23:30"} for day in range(1, 8)]
DOCTOR = {
    "kind": "doctor", "name": "Dr. Deniz Kaya", "slot_minutes": 30, "lead_minutes": 60, "buffer_minutes": 10, "late_minutes": 2880,
    "instant": False, "hours": WEEK, "exceptions": [],
}  # fmt: skip
_QUERY = {"days": 14, "zone": "Africa/Lagos"}


class _Booking:
    """One case at one hospital, from step to step."""

    def __init__(self, settings: Settings, *, hospital: str, reference: str, now: datetime) -> None:
        self.settings, self.hospital, self.reference, self.now = settings, hospital, reference, now
        self.begins = datetime.combine(now.date() + timedelta(days=2), time(9), tzinfo=now.tzinfo)

    def _hospital_id(self, session: Session) -> UUID:
        return listings.hospitals_by_slug(session, [self.hospital])[self.hospital].id

    def _mine(self, session: Session) -> Appointment:
        return bookings.bookings_of(session, find_enquiry(session, self.reference).id)[-1]

    def _at(self, days: int) -> datetime:
        return self.begins + timedelta(days=days)

    def open(self, session: Session) -> None:
        enquiries.verify_for_patient(session, self.settings, reference=self.reference, actor=OPERATIONS, now=self.now)

    def add_doctor(self, session: Session) -> None:
        resources.add_resource(session, hospital_id=self._hospital_id(session), values=DOCTOR)

    def look(self, session: Session) -> None:
        assert slots_document(session, self.hospital, _QUERY, self.now)["days"]  # noqa: S101

    def hold(self, session: Session) -> None:
        (doctor,) = resources.resources_of(session, self._hospital_id(session))
        asking.hold_slot(
            session, self.settings, reference=self.reference, resource_id=doctor.id, start=self.begins, actor=PATIENT, clock=system_clock
        )

    def submit(self, session: Session) -> None:
        one = self._mine(session)
        asking.submit_appointment(
            session, self.settings, appointment_id=one.id, kind="assessment", mode="on_site", companions=1, revision=one.revision,
            actor=PATIENT, clock=system_clock,
        )  # fmt: skip

    def confirm(self, session: Session) -> None:
        answering.confirm_appointment(session, self.settings, **self._seen(session), actor=HOSPITAL, clock=system_clock)

    def show(self, session: Session) -> None:
        appointment_document(session, appointments.find_appointment(session, self._mine(session).id), who=Who.PATIENT)

    def propose(self, session: Session) -> None:
        changing.propose_change(
            session, self.settings, **self._seen(session), resource_id=None, start=self._at(1), actor=PATIENT, clock=system_clock
        )

    def accept(self, session: Session) -> None:
        changing.accept_change(session, self.settings, **self._seen(session), actor=HOSPITAL, clock=system_clock)

    def cancel(self, session: Session) -> None:
        ending.cancel_appointment(
            session, self.settings, **self._seen(session), reason="changed_mind", late_is_known=True, actor=PATIENT, now=self.now
        )

    def _seen(self, session: Session) -> dict[str, Any]:
        one = self._mine(session)
        return {"appointment_id": one.id, "revision": one.revision}

    def withdraw(self, session: Session) -> None:
        enquiries.withdraw_enquiry(session, reference=self.reference, revision=None, actor=PATIENT, now=self.now)


def acts(settings: Settings, *, hospital: str, reference: str, now: datetime) -> dict[str, Callable[[Session], object]]:
    """Each by the name of its path, in the order in which they have to be walked."""
    case = _Booking(settings, hospital=hospital, reference=reference, now=now)
    return {
        "a case opens, its hospitals are asked": case.open,
        "a doctor is added": case.add_doctor,
        "free slots of a hospital": case.look,
        "a slot is held": case.hold,
        "a held slot is asked for": case.submit,
        "an appointment is confirmed": case.confirm,
        "an appointment": case.show,
        "another time is proposed": case.propose,
        "another time is agreed": case.accept,
        "an appointment is cancelled": case.cancel,
        "a case is withdrawn": case.withdraw,
        "a hospital's appointments": lambda session: _listed(session, None),
        "a hospital's appointments, of one state": lambda session: _listed(session, "confirmed"),
        "a hospital's appointments, a later page": _later_page,
    }


def _listed(session: Session, state: str | None) -> list[Appointment]:
    return routes.appointments_page(session, HOSPITAL_WITH_A_PAST, state=state, limit=50, after=None)


def _later_page(session: Session) -> None:
    routes.appointments_page(session, HOSPITAL_WITH_A_PAST, state=None, limit=50, after=_listed(session, None)[-1].id)
