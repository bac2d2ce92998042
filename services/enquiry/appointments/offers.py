"""Routes of times that are asked for by days: a patient names them, a hospital offers slots, the patient takes one."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.typing import ResponseReturnValue

from services.enquiry import context
from services.enquiry.cases import find_enquiry
from services.enquiry.lifecycles import Who
from shared import auth, web
from shared.web import idempotency
from shared.web.idempotency import idempotent
from shared.web.openapi import version_unless

from . import callers, offering
from .documents import AppointmentOfferSchema, AppointmentRequestSchema, AppointmentSchema, ChosenSlotSchema, appointment_document
from .offering import Window, Wish

bp = web.Blueprint("offers", __name__, url_prefix="/v1", description="Times asked for by days, offered by the hospital, one of them taken")


@bp.route("/enquiries/<reference>/appointment-requests", methods=["POST"])
@auth.requires("patient", "ops")
@idempotent
@bp.arguments(AppointmentRequestSchema())
@bp.response(201, AppointmentSchema())
def request_times(body: dict[str, Any], reference: str) -> ResponseReturnValue:
    """Ask a hospital for times within days that suit, without choosing a slot; it is to offer some within a business day."""
    callers.refuse_wrong_reason(body)
    with web.transaction() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        wish = Wish(
            hospital=body["hospital"],
            kind=body["kind"],
            mode=body["mode"],
            companions=body["companions"],
            windows=[Window(**window) for window in body["windows"]],
        )
        actor = context.actor(because=body.get("because"), for_patient=True)
        one = offering.request_appointment(
            session, context.settings(), reference=enquiry.reference, wish=wish, actor=actor, clock=context.clock()
        )
        idempotency.about(enquiry.id)
        return appointment_document(session, one, who=callers.who()), {
            "Location": f"/v1/appointments/{one.id}",
            "ETag": f'"{one.revision}"',
        }


@bp.route("/appointments/<uuid:appointment_id>/offer-slots", methods=["POST"])
@auth.requires("hospital", "ops")
@version_unless("ops")
@bp.arguments(AppointmentOfferSchema())
@bp.response(200, AppointmentSchema())
def offer_slots(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Keep one to three free slots for the patient, who takes one within 72 hours. Needs If-Match; operations give a reason instead."""
    callers.refuse_wrong_reason(body)
    revision = None if callers.who() is Who.OPERATIONS else web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        one = offering.offer_slots(
            session,
            context.settings(),
            appointment_id=appointment_id,
            wanted=[(slot["resource"], slot["start"]) for slot in body["slots"]],
            revision=revision,
            actor=context.actor(because=body.get("because")),
            clock=context.clock(),
        )
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/appointments/<uuid:appointment_id>/accept-slot", methods=["POST"])
@auth.requires("patient")
@bp.arguments(ChosenSlotSchema())
@bp.response(200, AppointmentSchema())
def accept_slot(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Take one of the times that are offered: it is confirmed, the others are free again. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        one = offering.accept_slot(
            session,
            context.settings(),
            appointment_id=appointment_id,
            resource_id=body["resource"],
            start=body["start"],
            revision=revision,
            actor=context.actor(),
            clock=context.clock(),
        )
        session.flush()
        return callers.answer_with(one, session)
