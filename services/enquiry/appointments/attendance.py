"""Routes of the day itself and after: what a hospital records, what a patient disputes, what operations decide."""

from typing import Any
from uuid import UUID

from flask import Response

from services.enquiry import context
from shared import auth, web
from shared.web.openapi import leading_to, version_unless

from . import attending, callers
from .documents import AppointmentSchema, AttendanceSchema, CompleteSchema, ResolveSchema, VoidSchema

bp = web.Blueprint("attendance", __name__, url_prefix="/v1/appointments", description="Whether an appointment took place")


@bp.route("/<uuid:appointment_id>/check-in", methods=["POST"])
@auth.requires("hospital", "ops")
@version_unless("ops")
@bp.arguments(AttendanceSchema())
@bp.response(200, AppointmentSchema())
@bp.doc(**leading_to(200, "attendance.void", revised=("attendance.complete",), version="/revision", appointment_id="/id"))
def check_in(body: dict[str, Any], appointment_id: UUID) -> Response:
    """The patient is there: on the day, not before. Needs If-Match; operations give a reason instead."""
    callers.refuse_wrong_reason(body)
    actor, revision = context.actor(because=body.get("because")), None if "because" in body else web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        one = attending.check_in(session, appointment_id=appointment_id, revision=revision, actor=actor, now=context.now())
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/<uuid:appointment_id>/complete", methods=["POST"])
@auth.requires("hospital", "ops")
@version_unless("ops")
@bp.arguments(CompleteSchema())
@bp.response(200, AppointmentSchema())
def complete(body: dict[str, Any], appointment_id: UUID) -> Response:
    """It took place. Needs If-Match; operations give a reason instead."""
    callers.refuse_wrong_reason(body)
    actor, revision = context.actor(because=body.get("because")), None if "because" in body else web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        one = attending.complete(
            session,
            context.settings(),
            appointment_id=appointment_id,
            outcome=body["outcome"],
            revision=revision,
            actor=actor,
            now=context.now(),
        )
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/<uuid:appointment_id>/record-no-show", methods=["POST"])
@auth.requires("hospital")
@bp.response(200, AppointmentSchema())
@bp.doc(
    **leading_to(200, "attendance.resolve", "attendance.uphold", revised=("attendance.dispute",), version="/revision", appointment_id="/id")
)
def record_no_show(appointment_id: UUID) -> Response:
    """Nobody came: from an hour to five days after the start. The patient may dispute it for seven days. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        one = attending.record_no_show(
            session, context.settings(), appointment_id=appointment_id, revision=revision, actor=context.actor(), now=context.now()
        )
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/<uuid:appointment_id>/dispute", methods=["POST"])
@auth.requires("patient")
@bp.response(200, AppointmentSchema())
def dispute(appointment_id: UUID) -> Response:
    """You did come: operations decide. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, appointment_id)
        one = attending.dispute(session, appointment_id=appointment_id, revision=revision, actor=context.actor(), now=context.now())
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/<uuid:appointment_id>/resolve", methods=["POST"])
@auth.requires("ops")
@bp.arguments(ResolveSchema())
@bp.response(200, AppointmentSchema())
def resolve(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Operations find for the patient: it took place after all, or it is cancelled."""
    with web.transaction() as session:
        actor = context.actor(because=body["because"])
        act = f"resolve_as_{body['state']}"
        one = attending.resolve(session, context.settings(), appointment_id=appointment_id, act=act, actor=actor, now=context.now())
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/<uuid:appointment_id>/uphold", methods=["POST"])
@auth.requires("ops")
@bp.arguments(VoidSchema())
@bp.response(200, AppointmentSchema())
def uphold(body: dict[str, Any], appointment_id: UUID) -> Response:
    """Operations find for the hospital: nobody came."""
    with web.transaction() as session:
        actor = context.actor(because=body["because"])
        one = attending.uphold(session, context.settings(), appointment_id=appointment_id, actor=actor, now=context.now())
        session.flush()
        return callers.answer_with(one, session)


@bp.route("/<uuid:appointment_id>/void", methods=["POST"])
@auth.requires("ops")
@bp.arguments(VoidSchema())
@bp.response(200, AppointmentSchema())
def void(body: dict[str, Any], appointment_id: UUID) -> Response:
    """It was entered in error: whoever was told of it is told, and calendars take it back."""
    with web.transaction() as session:
        actor = context.actor(because=body["because"])
        one = attending.void(session, context.settings(), appointment_id=appointment_id, actor=actor, now=context.now())
        session.flush()
        return callers.answer_with(one, session)
