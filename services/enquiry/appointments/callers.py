"""The caller of a route: whose appointment it is, who has to give a reason, what is answered. Moves nothing."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify
from sqlalchemy.orm import Session

from services.enquiry import appointments
from services.enquiry.bookings import Appointment
from services.enquiry.lifecycles import Who
from shared import auth
from shared.problems import Invalid, NotFound, field_error

from .documents import AppointmentSchema, appointment_document


def find_mine(session: Session, appointment_id: UUID) -> Appointment:
    """An appointment of the caller's. Raises NotFound also for another's: its existence is not told."""
    one, principal = appointments.find_appointment(session, appointment_id), auth.current()
    mine = {
        "patient": principal.subject == one.enquiry_id,
        "hospital": principal.subject == one.hospital_id and one.kind is not None,
        "ops": True,
    }
    if not mine.get(principal.kind, False):
        raise NotFound("not-found")
    return one


def who() -> Who:
    return Who(auth.current().kind)


def refuse_wrong_reason(body: dict[str, Any]) -> None:
    """Raises Invalid."""
    if (who() is Who.OPERATIONS) != ("because" in body):  # what a patient would write here is health data, and this column is not sealed
        raise Invalid("invalid", errors=[field_error("because", "operations give a reason, others must not")])


def answer_with(one: Appointment, session: Session) -> Response:
    """The document, with its version."""
    response = jsonify(AppointmentSchema().dump(appointment_document(session, one, who=who())))
    response.set_etag(str(one.revision))
    return response
