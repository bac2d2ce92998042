"""Operations over HTTP."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from services.notification import alerts, audit, backlog, context, holds, tasks
from services.notification.deliveries import holding, records
from services.notification.deliveries.routes import DeliverySchema, DeliveryWithAttemptsSchema, LogSchema, with_attempts
from services.notification.endpoints.routes import EndpointShownSchema, shown, tagged
from shared import auth, web
from shared.inbox import parked
from shared.web import Blueprint, pages
from shared.web.idempotency import idempotent
from shared.web.openapi import leading_to

from . import register_for_hospital, replay_parked
from .schemas import (
    BacklogSchema,
    BecauseSchema,
    CountSchema,
    HoldSchema,
    HoldsSchema,
    LetterSchema,
    LettersSchema,
    NewHoldSchema,
    OpsEndpointSchema,
    OpsLogQuery,
    ParkedKeysSchema,
    ReplaySchema,
    TaskQuery,
    TaskSchema,
    TasksSchema,
    WithheldsSchema,
)

# -- routes -------------------------------------------------------------------

bp = Blueprint("ops", __name__, url_prefix="/v1/ops", description="For operations only")


@bp.route("/backlog", methods=["GET"])
@auth.requires("ops")
@bp.response(200, BacklogSchema(many=True))
def show_backlog() -> list[dict[str, Any]]:
    """How much waits, and since when."""
    with web.reading() as session:
        return backlog.backlog_of(session)


@bp.route("/tasks", methods=["GET"])
@auth.requires("ops")
@bp.arguments(TaskQuery(), location="query")
@bp.response(200, TasksSchema())
@bp.doc(**leading_to(200, "ops.finish_task", task_id="/items/0/id"))
def list_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """The work list, the oldest first."""
    with web.reading() as session:
        rows = tasks.tasks_of(session, done=query["done"], after=pages.id_place(query["after"]), limit=query["limit"])
    return pages.page(rows, limit=query["limit"], key=lambda row: row.id)


@bp.route("/tasks/<uuid:task_id>/finish", methods=["POST"])
@auth.requires("ops")
@bp.arguments(BecauseSchema())
@bp.response(200, TaskSchema())
def finish_task(body: dict[str, str], task_id: UUID) -> tasks.Task:
    """Take it off the list."""
    with web.transaction() as session:
        return tasks.finish_task(session, task_id=task_id, actor=context.actor(), because=body["because"])


@bp.route("/parked-keys", methods=["GET"])
@auth.requires("ops")
@bp.arguments(pages.PageQuery(), location="query")
@bp.response(200, ParkedKeysSchema())
def list_parked(query: dict[str, Any]) -> dict[str, Any]:
    """Cases whose events could not be handled, the oldest letters first."""
    with web.reading() as session:
        rows = parked.parked_of(session, context.hearing(), after=pages.number_place(query["after"]), limit=query["limit"] + 1)
    return pages.page(rows, limit=query["limit"], key=lambda key: key.letter)


@bp.route("/parked-keys/replay", methods=["POST"])
@auth.requires("ops")
@bp.arguments(ReplaySchema())
@bp.response(200, CountSchema())
def replay(body: dict[str, str]) -> dict[str, int]:
    """Handle what waits under a key, in order, and let it go on; if one fails again nothing is changed."""
    with web.transaction() as session:
        return {"count": replay_parked(session, context.hearing(), actor=context.actor(), **body)}


@bp.route("/dead-letters", methods=["GET"])
@auth.requires("ops")
@bp.arguments(pages.PageQuery(), location="query")
@bp.response(200, LettersSchema())
@bp.doc(**leading_to(200, "ops.show_letter", "ops.drop_letter", letter_id="/items/0/id"))
def list_letters(query: dict[str, Any]) -> dict[str, Any]:
    """Those that wait, the oldest first."""
    with web.reading() as session:
        rows = parked.letters_of(session, context.hearing(), after=pages.number_place(query["after"]), limit=query["limit"] + 1)
    return pages.page(rows, limit=query["limit"], key=lambda row: row.id)


@bp.route("/dead-letters/<int:letter_id>", methods=["GET"])
@auth.requires("ops")
@bp.response(200, LetterSchema())
def show_letter(letter_id: int) -> parked.Letter:
    """One letter; never its contents."""
    with web.reading() as session:
        return parked.find_letter(session, context.hearing(), letter_id)


@bp.route("/dead-letters/<int:letter_id>/drop", methods=["POST"])
@auth.requires("ops")
@bp.arguments(BecauseSchema())
@bp.response(200, LetterSchema())
def drop_letter(body: dict[str, str], letter_id: int) -> parked.Letter:
    """Give one letter up."""
    with web.transaction() as session:
        parked.drop_letter(session, context.hearing(), letter_id=letter_id, actor=context.actor(), because=body["because"])
        audit.note(session, actor=context.actor(), act="letter.drop", subject=str(letter_id), because=body["because"])
        return parked.find_letter(session, context.hearing(), letter_id)


@bp.route("/deliveries", methods=["GET"])
@auth.requires("ops")
@bp.arguments(OpsLogQuery(), location="query")
@bp.response(200, LogSchema())
@bp.doc(**leading_to(200, "ops.show_delivery", "ops.resend", delivery_id="/items/0/id"))
def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """Everybody's deliveries, the newest first."""
    with web.reading() as session:
        rows = records.deliveries_page(session, after=pages.id_place(query["after"]), limit=query["limit"], states=query["state"])
    return pages.page(rows, limit=query["limit"], key=lambda row: row.id)


@bp.route("/deliveries/<uuid:delivery_id>", methods=["GET"])
@auth.requires("ops")
@bp.response(200, DeliveryWithAttemptsSchema())
def show_delivery(delivery_id: UUID) -> Response:
    """One delivery with its attempts."""
    with web.reading() as session:
        return jsonify(with_attempts(records.find_delivery(session, delivery_id), records.attempts_of(session, delivery_id)))


@bp.route("/deliveries/<uuid:delivery_id>/resend", methods=["POST"])
@auth.requires("ops")
@idempotent
@bp.arguments(BecauseSchema())
@bp.response(202, DeliverySchema())
def resend(body: dict[str, str], delivery_id: UUID) -> Any:
    """Send it once more."""
    with web.transaction() as session:
        audit.note(session, actor=context.actor(), act="delivery.resend", subject=str(delivery_id), because=body["because"])
        return records.resend(session, records.find_delivery(session, delivery_id))


@bp.route("/holds", methods=["GET"])
@auth.requires("ops")
@bp.arguments(pages.PageQuery(), location="query")
@bp.response(200, HoldsSchema())
def list_holds(query: dict[str, Any]) -> dict[str, Any]:
    """What is held back now, the newest first."""
    with web.reading() as session:
        rows = holds.holds_of(session, live=True, after=pages.id_place(query["after"]), limit=query["limit"])
    return pages.page(rows, limit=query["limit"], key=lambda row: row.id)


@bp.route("/holds", methods=["POST"])
@auth.requires("ops")
@idempotent
@bp.arguments(NewHoldSchema())
@bp.response(201, HoldSchema())
@bp.doc(**leading_to(201, "ops.release", hold_id="/id"))
def hold(body: dict[str, str]) -> holds.Hold:
    """Hold back a channel, a template or a hospital; what is held waits."""
    with web.transaction() as session:
        return holds.hold(session, **body, actor=context.actor())


@bp.route("/holds/<uuid:hold_id>/release", methods=["POST"])
@auth.requires("ops")
@bp.arguments(BecauseSchema())
@bp.response(200, HoldSchema())
def release(body: dict[str, str], hold_id: UUID) -> holds.Hold:
    """Let it go on."""
    with web.transaction() as session:
        return holding.release(session, hold_id=hold_id, actor=context.actor(), because=body["because"])


@bp.route("/withheld", methods=["GET"])
@auth.requires("ops")
@bp.arguments(pages.PageQuery(), location="query")
@bp.response(200, WithheldsSchema())
@bp.doc(**leading_to(200, "ops.release_withheld", event_id="/items/0/event_id"))
def list_withheld(query: dict[str, Any]) -> dict[str, Any]:
    """Facts that came more than a day late, so that nobody was told."""
    with web.reading() as session:
        rows = alerts.withheld_of(session, after=pages.id_place(query["after"]), limit=query["limit"])
    return pages.page(rows, limit=query["limit"], key=lambda fact: fact.event_id)


@bp.route("/withheld/<uuid:event_id>/release", methods=["POST"])
@auth.requires("ops")
@bp.arguments(BecauseSchema())
@bp.response(200, CountSchema())
def release_withheld(body: dict[str, str], event_id: UUID) -> dict[str, int]:
    """Tell now whom it would have told."""
    with web.transaction() as session:
        return {
            "count": alerts.release_withheld(session, context.settings(), event_id=event_id, actor=context.actor(), because=body["because"])
        }


@bp.route("/hospitals/<uuid:hospital_id>/endpoints", methods=["POST"])
@auth.requires("ops")
@idempotent
@bp.arguments(OpsEndpointSchema())
@bp.response(201, EndpointShownSchema())
def register_for(body: dict[str, Any], hospital_id: UUID) -> Response:
    """Register an endpoint for a hospital that has no people here yet; a mail address is proved by its owner, unless `trusted`."""
    settings = context.settings()
    with web.transaction() as session:
        place = body.get("address") or body["url"]
        chosen = {name: body[name] for name in ("kind", "trusted", "because")}
        made, secret = register_for_hospital(session, settings, hospital_id=hospital_id, place=place, actor=context.actor(), **chosen)
        return tagged(EndpointShownSchema().dump({**shown(made, settings), "secret": secret}), status=201)
