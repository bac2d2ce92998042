"""The delivery log over HTTP: what was sent to a hospital, every attempt with the beginning of its reply, and sending one again."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify
from marshmallow import fields, validate

from services.notification import context
from shared import auth, web
from shared.web import Blueprint, Schema, pages
from shared.web.idempotency import idempotent
from shared.web.limits import limited
from shared.web.openapi import leading_to

from . import Attempt, Delivery, State, records

# -- schema -------------------------------------------------------------------


class LogQuery(pages.PageQuery):
    state = fields.String(load_default=None, validate=validate.OneOf([str(one) for one in State]))
    endpoint = fields.UUID(load_default=None)
    since = fields.AwareDateTime(load_default=None)


class AttemptSchema(Schema):
    number = fields.Integer()
    started_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)
    result = fields.String(allow_none=True)
    status = fields.Integer(allow_none=True, metadata={"description": "HTTP status or SMTP code"})
    reply = fields.String(allow_none=True, metadata={"description": "the beginning of what was answered"})


class DeliverySchema(Schema):
    """`state` accepted means by the mail server or the endpoint, no more."""

    id = fields.UUID()
    message_id = fields.UUID(metadata={"description": "webhook-id; the same in every attempt and resend"})
    endpoint_id = fields.UUID(allow_none=True)
    channel = fields.String()
    template = fields.String(metadata={"examples": ["invitation_sent"]})
    state = fields.String(metadata={"examples": ["accepted"]})
    reason = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime()
    settled_at = fields.AwareDateTime(allow_none=True)
    again_of = fields.UUID(allow_none=True)


class DeliveryWithAttemptsSchema(DeliverySchema):
    attempts = fields.List(fields.Nested(AttemptSchema()))


class LoggedSchema(DeliverySchema):
    attempts = fields.Integer(metadata={"description": "how many were made"})


class LogSchema(pages.PageSchema):
    items = fields.List(fields.Nested(LoggedSchema()))


# what makes us send is counted per hospital: another account of it is no way round
sends_limited = limited("sends", lambda: context.settings().sends_per_hospital, by=lambda: f"hospital:{auth.hospital_id()}")


# -- routes -------------------------------------------------------------------

bp = Blueprint("deliveries", __name__, url_prefix="/v1/deliveries", description="What was sent to your hospital")


@bp.route("", methods=["GET"])
@auth.requires("hospital")
@bp.arguments(LogQuery(), location="query")
@bp.response(200, LogSchema())
@bp.doc(**leading_to(200, "deliveries.show", "deliveries.resend", delivery_id="/items/0/id"))
def index(query: dict[str, Any]) -> dict[str, Any]:
    """Your deliveries, the newest first."""
    states = [query["state"]] if query["state"] else None
    with web.reading() as session:
        rows = records.deliveries_page(
            session,
            hospital_id=auth.hospital_id(),
            after=pages.id_place(query["after"]),
            limit=query["limit"],
            states=states,
            endpoint_id=query["endpoint"],
            since=query["since"],
        )
    return pages.page(rows, limit=query["limit"], key=lambda row: row.id)


@bp.route("/<uuid:delivery_id>", methods=["GET"])
@auth.requires("hospital")
@bp.response(200, DeliveryWithAttemptsSchema())
def show(delivery_id: UUID) -> Response:
    """One delivery with all its attempts."""
    with web.reading() as session:
        found = records.find_delivery(session, delivery_id, hospital_id=auth.hospital_id())
        return jsonify(with_attempts(found, records.attempts_of(session, delivery_id)))


def with_attempts(found: Delivery, attempts: list[Attempt]) -> dict[str, Any]:
    """A delivery and its attempts, on the wire."""
    document: dict[str, Any] = DeliverySchema().dump(found)
    return {**document, "attempts": AttemptSchema(many=True).dump(attempts)}


@bp.route("/<uuid:delivery_id>/resend", methods=["POST"])
@auth.requires("hospital")
@sends_limited
@idempotent
@bp.response(202, DeliverySchema())
@bp.doc(**leading_to(202, "deliveries.show", delivery_id="/id"))
def resend(delivery_id: UUID) -> Any:
    """Send one that has ended once more: a new delivery with the same webhook-id."""
    with web.transaction() as session:
        again = records.resend(session, records.find_delivery(session, delivery_id, hospital_id=auth.hospital_id()))
        records.count_again(
            session, hospital_id=auth.hospital_id(), channel=again.channel, most=context.settings().again_per_day(again.channel)
        )
        return again
