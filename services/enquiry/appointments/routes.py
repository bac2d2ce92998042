"""Routes of appointments: a patient holds, asks and cancels; a hospital confirms, declines and cancels; operations act for a patient with a reason."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.typing import ResponseReturnValue
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from services.enquiry import bookings, context
from services.enquiry.bookings import Appointment
from services.enquiry.cases import find_enquiry
from services.enquiry.lifecycles import Who
from shared import auth, web
from shared.problems import Invalid
from shared.web import idempotency, pages
from shared.web.idempotency import idempotent
from shared.web.openapi import leading_to, version_unless

from . import answering, asking, callers, changing, ending
from .documents import (
    AppointmentDeclineSchema,
    AppointmentSchema,
    AppointmentsPageSchema,
    AppointmentsSchema,
    CancelSchema,
    ChangeSchema,
    HoldSchema,
    ListSchema,
    SubmitSchema,
    appointment_document,
)

SEEN = ("appointments.show", "attendance.void")
CANCEL = ("appointments.cancel",)
ASKED = (*CANCEL, "appointments.confirm", "appointments.decline")
AGREED = (*CANCEL, "appointments.propose_change", "attendance.check_in", "attendance.complete", "attendance.record_no_show")
"""What can be done next: links of the document."""

bp = web.Blueprint("appointments", __name__, url_prefix="/v1", description="Times at a hospital: held, asked for, confirmed, given back")


def appointments_page(session: Session, hospital_id: UUID, *, state: str | None, limit: int, after: UUID | None) -> list[Appointment]:
    """A hospital's appointments by the time they begin: one more than `limit`, behind `after`. Holds are nobody's business but the patient's.

    Raises Invalid(page-invalid) where `after` is none of them.
    """
    query = select(Appointment).where(Appointment.hospital_id == hospital_id, Appointment.kind.is_not(None))
    if state:
        query = query.where(Appointment.state == state)
    if after:
        last = session.get(Appointment, after)
        if last is None or last.hospital_id != hospital_id:
            raise Invalid("page-invalid")
        query = query.where(tuple_(Appointment.starts_at, Appointment.id) > (last.starts_at, last.id))
    return list(session.scalars(query.order_by(Appointment.starts_at, Appointment.id).limit(limit + 1)))


@bp.route("/enquiries/<reference>/appointments", methods=["POST"])
@auth.requires("patient", "ops")
@idempotent
@bp.arguments(HoldSchema())
@bp.response(201, AppointmentSchema())
@bp.doc(**leading_to(201, *SEEN, revised=(*CANCEL, "appointments.submit"), version="/revision", appointment_id="/id"))
def hold(body: dict[str, Any], reference: str) -> ResponseReturnValue:
    """Keep a slot for 10 minutes while the form is filled in. One hold for each hospital; a taken slot is 409 with the `next` free ones."""
    callers.refuse_wrong_reason(body)
    with web.transaction() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        held = asking.hold_slot(
            session,
            context.settings(),
            reference=enquiry.reference,
            resource_id=body["resource"],
            start=body["start"],
            actor=context.actor(because=body.get("because"), for_patient=True),
            clock=context.clock(),
        )
        idempotency.about(enquiry.id)
        document = appointment_document(session, held, who=callers.who())
        return document, {"Location": f"/v1/appointments/{held.id}", "ETag": f'"{held.revision}"'}


@bp.route("/enquiries/<reference>/appointments", methods=["GET"])
@auth.requires("patient", "ops")
@bp.response(200, AppointmentsSchema())
@bp.doc(**leading_to(200, *SEEN, revised=(*CANCEL, "appointments.submit"), version="/items/0/revision", appointment_id="/items/0/id"))
def of_enquiry(reference: str) -> dict[str, Any]:
    """Every appointment of a case, also those that came to nothing."""
    with web.reading() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        return {"items": [appointment_document(session, one, who=callers.who()) for one in bookings.bookings_of(session, enquiry.id)]}


@bp.route("/appointments", methods=["GET"])
@auth.requires("hospital")
@bp.arguments(ListSchema(), location="query")
@bp.response(200, AppointmentsPageSchema())
@bp.doc(**leading_to(200, *SEEN, revised=(*ASKED, *AGREED), version="/items/0/revision", appointment_id="/items/0/id"))
def index(query: dict[str, Any]) -> dict[str, Any]:
    """Your hospital's, by the time they begin."""
    after = pages.id_place(query["after"])
    with web.reading() as session:
        rows = appointments_page(session, auth.hospital_id(), state=query.get("state"), limit=query["limit"], after=after)
        page = pages.page(rows, limit=query["limit"], key=lambda row: row.id)
        return page | {"items": [appointment_document(session, one, who=Who.HOSPITAL) for one in page["items"]]}


@bp.route("/appointments/<uuid:appointment_id>", methods=["GET"])
@auth.requires("patient", "hospital", "ops")
@bp.response(200, AppointmentSchema())
def show(appointment_id: UUID) -> Response:
    """Where it stands, by when a cancellation is late, and what you can do."""
    with web.reading() as session:
        return callers.answer_with(callers.find_mine(session, appointment_id), session)


@bp.route("/appointments/<uuid:appointment_id>/submit", methods=["POST"])
@auth.requires("patient")
@bp.arguments(SubmitSchema())
@bp.response(200, AppointmentSchema())
@bp.doc(**leading_to(200, *SEEN, revised=ASKED, version="/revision", appointment_id="/id"))
def submit(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Ask the hospital for the slot that is held; where it allows instant booking, it is confirmed at once. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        asked = asking.submit_appointment(
            session,
            context.settings(),
            appointment_id=appointment_id,
            **body,
            revision=revision,
            actor=context.actor(),
            clock=context.clock(),
        )
        session.flush()
        return callers.answer_with(asked, session)


@bp.route("/appointments/<uuid:appointment_id>/confirm", methods=["POST"])
@auth.requires("hospital")
@bp.response(200, AppointmentSchema())
@bp.doc(**leading_to(200, *SEEN, revised=AGREED, version="/revision", appointment_id="/id"))
def confirm(appointment_id: UUID) -> Response:
    """Say yes: both sides get a calendar entry. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        confirmed = answering.confirm_appointment(
            session,
            context.settings(),
            appointment_id=appointment_id,
            revision=revision,
            actor=context.actor(),
            clock=context.clock(),
        )
        session.flush()
        return callers.answer_with(confirmed, session)


@bp.route("/appointments/<uuid:appointment_id>/decline", methods=["POST"])
@auth.requires("patient", "hospital")
@bp.arguments(AppointmentDeclineSchema())
@bp.response(200, AppointmentSchema())
def decline(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Say no before anything is agreed: what was kept is free again, the other side is told. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        declined = answering.decline_appointment(
            session,
            context.settings(),
            appointment_id=appointment_id,
            reason=body["reason"],
            revision=revision,
            actor=context.actor(),
            now=context.now(),
        )
        session.flush()
        return callers.answer_with(declined, session)


@bp.route("/appointments/<uuid:appointment_id>/propose-change", methods=["POST"])
@auth.requires("patient", "hospital")
@bp.arguments(ChangeSchema())
@bp.response(200, AppointmentSchema())
@bp.doc(
    **leading_to(
        200,
        *SEEN,
        revised=(*CANCEL, "appointments.accept_change", "appointments.decline_change"),
        version="/revision",
        appointment_id="/id",
    )
)
def propose_change(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Ask for another time: both are kept until the other side has answered. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        asked = changing.propose_change(
            session,
            context.settings(),
            appointment_id=appointment_id,
            resource_id=body.get("resource"),
            start=body["start"],
            revision=revision,
            actor=context.actor(),
            clock=context.clock(),
        )
        session.flush()
        return callers.answer_with(asked, session)


@bp.route("/appointments/<uuid:appointment_id>/accept-change", methods=["POST"])
@auth.requires("patient", "hospital")
@bp.response(200, AppointmentSchema())
def accept_change(appointment_id: UUID) -> Response:
    """Agree to the other side's proposal: the new time stands, the old one is free. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        changed = changing.accept_change(
            session, context.settings(), appointment_id=appointment_id, revision=revision, actor=context.actor(), clock=context.clock()
        )
        session.flush()
        return callers.answer_with(changed, session)


@bp.route("/appointments/<uuid:appointment_id>/decline-change", methods=["POST"])
@auth.requires("patient", "hospital")
@bp.response(200, AppointmentSchema())
def decline_change(appointment_id: UUID) -> Response:
    """The old time stands: the other side's proposal is declined, or your own taken back. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        kept = changing.decline_change(
            session, context.settings(), appointment_id=appointment_id, revision=revision, actor=context.actor(), now=context.now()
        )
        session.flush()
        return callers.answer_with(kept, session)


@bp.route("/appointments/<uuid:appointment_id>/cancel", methods=["POST"])
@auth.requires("patient", "hospital", "ops")
@version_unless("ops")
@bp.arguments(CancelSchema())
@bp.response(200, AppointmentSchema())
def cancel(body: dict[str, Any], appointment_id: UUID) -> Response:
    """It will not take place; the other side is told. Needs If-Match; operations give a reason instead."""
    callers.refuse_wrong_reason(body)
    revision = None if callers.who() is Who.OPERATIONS else web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        by_ops = callers.who() is Who.OPERATIONS
        cancelled = ending.cancel_appointment(
            session,
            context.settings(),
            appointment_id=appointment_id,
            reason=body["reason"],
            late_is_known=body["late_is_known"],
            revision=revision,
            actor=context.actor(because=body.get("because"), for_patient=by_ops),
            now=context.now(),
        )
        session.flush()
        return callers.answer_with(cancelled, session)
