"""Endpoints over HTTP: register, test, pause, rotate the secret, look back, send again."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from flask import Response, jsonify
from marshmallow import ValidationError, fields, validate, validates_schema

from services.notification import context
from services.notification.contacts import endpoints
from services.notification.contacts.endpoints import Endpoint
from services.notification.contacts.hospitals import hospitals_by_id
from services.notification.deliveries.records import count_again, replay_span, require_proved
from services.notification.deliveries.routes import sends_limited
from services.notification.settings import Settings
from shared import auth, web
from shared.crypto import KeyRing
from shared.events.notification import Channel
from shared.web import Blueprint, Schema
from shared.web.idempotency import idempotent
from shared.web.limits import limited
from shared.web.openapi import leading_to

from . import change_endpoint, endpoints_of, proofs, register_endpoint, remove_endpoint, rotate_secret, state_of, test_endpoint

MAX_URL = 2000
MAX_SPAN = timedelta(days=7)

# -- schema -------------------------------------------------------------------


def _url(text: str) -> None:
    """Form only; whether its name leads to a private address is asked at each attempt."""
    try:
        parts = urlsplit(text)
        right = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and not parts.fragment
            and parts.port != 0
        )
    except ValueError:  # brackets that are not closed, a port that is none
        right = False
    if not right or not text.isprintable() or " " in text:
        raise ValidationError("must be an http(s) address without user, password and fragment")


def _address(text: str) -> None:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as fault:
        raise ValidationError("must be an e-mail address") from fault


class NewEndpointSchema(Schema):
    """`email` has an `address`, `webhook` has a `url`."""

    kind = fields.String(required=True, validate=validate.OneOf([str(one) for one in Channel]), metadata={"examples": ["webhook"]})
    address = fields.String(validate=[validate.Length(3, 254), _address], metadata={"examples": ["enquiries@hospital.example"]})
    url = fields.String(validate=[validate.Length(8, MAX_URL), _url], metadata={"examples": ["https://hospital.example/passage"]})

    @validates_schema
    def one_place(self, data: dict[str, Any], **_: Any) -> None:
        wanted, other = ("address", "url") if data["kind"] == Channel.EMAIL else ("url", "address")
        if wanted not in data:
            raise ValidationError("is required for this kind", wanted)
        if other in data:
            raise ValidationError("does not go with this kind", other)


class ChangeSchema(Schema):
    address = fields.String(validate=[validate.Length(3, 254), _address])
    url = fields.String(validate=[validate.Length(8, MAX_URL), _url])
    paused = fields.Boolean(metadata={"description": "what is for a paused endpoint waits"})


class EndpointSchema(Schema):
    id = fields.UUID()
    version = fields.Integer(metadata={"description": "goes into If-Match"})
    kind = fields.String()
    address = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    state = fields.String(
        metadata={
            "description": "active, paused, disabled, or unproved: a mail address whose link was not opened yet",
            "examples": ["active"],
        }
    )
    proved_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "of a mail address: since when its owner wants alerts there"}
    )
    disabled_because = fields.String(allow_none=True)
    failures = fields.Integer(metadata={"description": "in a row"})
    created_at = fields.AwareDateTime()


class EndpointShownSchema(EndpointSchema):
    secret = fields.String(allow_none=True, metadata={"description": "of a webhook; shown this once", "examples": ["whsec_…"]})


class ProofSchema(Schema):
    token = fields.String(required=True, validate=validate.Length(1, 200), metadata={"description": "from the link in the mail"})


class ProvedSchema(Schema):
    hospital = fields.String(metadata={"description": "whose alerts go to the address from now on", "examples": ["Sample Hospital"]})


class PlannedSchema(Schema):
    deliveries = fields.List(fields.UUID(), metadata={"description": "what will be sent; GET /v1/deliveries/{id} shows how it went"})


class SpanSchema(Schema):
    since = fields.AwareDateTime(required=True, metadata={"examples": ["2027-01-11T09:00:00Z"]})
    until = fields.AwareDateTime(required=True, metadata={"examples": ["2027-01-11T12:00:00Z"]})

    @validates_schema
    def in_order(self, data: dict[str, datetime], **_: Any) -> None:
        if not timedelta(0) < data["until"] - data["since"] <= MAX_SPAN:
            raise ValidationError(f"must be later than since, by at most {MAX_SPAN.days} days", "until")


def shown(endpoint: Endpoint, settings: Settings) -> dict[str, Any]:
    """The values of EndpointSchema: a hospital sees where its own alerts go."""
    place = endpoint.address(KeyRing.parse(settings.notification_keys))
    names = ("id", "version", "kind", "proved_at", "disabled_because", "failures", "created_at")
    where = {"address": place, "url": None} if endpoint.kind == Channel.EMAIL else {"address": None, "url": place}
    return {**{name: getattr(endpoint, name) for name in names}, **where, "state": state_of(endpoint)}


# -- routes -------------------------------------------------------------------

NEXT = tuple(f"endpoints.{act}" for act in ("show", "prove_again", "test", "replay"))
REVISED = tuple(f"endpoints.{act}" for act in ("change", "remove", "rotate"))
"""What can be done next: links of the document."""

bp = Blueprint("endpoints", __name__, url_prefix="/v1/endpoints", description="Where your hospital wants to be told")


def tagged(document: dict[str, Any], *, status: int = 200) -> Response:
    """With the ETag that goes into If-Match."""
    response = jsonify(document)
    response.status_code = status
    response.set_etag(str(document["version"]))
    return response


@bp.route("", methods=["POST"])
@auth.requires("hospital")
@sends_limited
@idempotent
@bp.arguments(NewEndpointSchema())
@bp.response(201, EndpointShownSchema())
@bp.doc(**leading_to(201, *NEXT, revised=REVISED, version="/version", endpoint_id="/id"))
def create(body: dict[str, Any]) -> Response:
    """Register an e-mail address or a webhook. A webhook's secret is shown this once; an address is told of nothing until the link in a mail to it was opened."""
    with web.transaction() as session:
        place = body["address"] if body["kind"] == Channel.EMAIL else body["url"]
        made, secret = register_endpoint(session, context.settings(), hospital_id=auth.hospital_id(), kind=body["kind"], place=place)
        return tagged(EndpointShownSchema().dump({**shown(made, context.settings()), "secret": secret}), status=201)


@bp.route("", methods=["GET"])
@auth.requires("hospital")
@bp.response(200, EndpointSchema(many=True))
@bp.doc(**leading_to(200, *NEXT, revised=REVISED, version="/0/version", endpoint_id="/0/id"))
def index() -> list[dict[str, Any]]:
    """Your endpoints; there are ten at most."""
    with web.reading() as session:
        return [shown(one, context.settings()) for one in endpoints_of(session, auth.hospital_id())]


@bp.route("/<uuid:endpoint_id>", methods=["GET"])
@auth.requires("hospital")
@bp.response(200, EndpointSchema())
def show(endpoint_id: UUID) -> Response:
    """One endpoint and how it fares."""
    with web.reading() as session:
        return tagged(
            EndpointSchema().dump(shown(endpoints.find_endpoint(session, endpoint_id, hospital_id=auth.hospital_id()), context.settings()))
        )


@bp.route("/<uuid:endpoint_id>", methods=["PATCH"])
@auth.requires("hospital")
@sends_limited
@bp.arguments(ChangeSchema())
@bp.response(200, EndpointSchema())
@bp.doc(**leading_to(200, *NEXT, revised=REVISED, version="/version", endpoint_id="/id"))
def change(body: dict[str, Any], endpoint_id: UUID) -> Response:
    """Change where it leads, pause it, or let it go on; another mail address has to be proved first. Needs If-Match."""
    version = web.if_match()
    with web.transaction() as session:
        changed = change_endpoint(
            session, context.settings(), endpoint_id=endpoint_id, hospital_id=auth.hospital_id(), version=version, changes=body
        )
        return tagged(EndpointSchema().dump(shown(changed, context.settings())))


@bp.route("/<uuid:endpoint_id>", methods=["DELETE"])
@auth.requires("hospital")
@bp.response(204)
def remove(endpoint_id: UUID) -> None:
    """Remove it; its address and secret are wiped. Needs If-Match."""
    version = web.if_match()
    with web.transaction() as session:
        remove_endpoint(session, endpoint_id=endpoint_id, hospital_id=auth.hospital_id(), version=version)


@bp.route("/<uuid:endpoint_id>/rotate-secret", methods=["POST"])
@auth.requires("hospital")
@bp.response(200, EndpointShownSchema())
@bp.doc(**leading_to(200, *NEXT, revised=REVISED, version="/version", endpoint_id="/id"))
def rotate(endpoint_id: UUID) -> Response:
    """A new secret, shown this once; for 24 hours each webhook carries both signatures. Needs If-Match."""
    version = web.if_match()
    with web.transaction() as session:
        endpoint, secret = rotate_secret(
            session, context.settings(), endpoint_id=endpoint_id, hospital_id=auth.hospital_id(), version=version
        )
        return tagged(EndpointShownSchema().dump({**shown(endpoint, context.settings()), "secret": secret}))


@bp.route("/<uuid:endpoint_id>/proof", methods=["POST"])
@auth.requires("hospital")
@sends_limited
@idempotent
@bp.response(202, PlannedSchema())
@bp.doc(**leading_to(202, "deliveries.show", "deliveries.resend", delivery_id="/deliveries/0"))
def prove_again(endpoint_id: UUID) -> dict[str, Any]:
    """Mail the link that proves an address again; the one before works no more. One address gets five a day."""
    with web.transaction() as session:
        sent = proofs.send_proof_again(session, context.settings(), endpoint_id=endpoint_id, hospital_id=auth.hospital_id())
        return {"deliveries": [sent.id]}


@bp.route("/<uuid:endpoint_id>/test", methods=["POST"])
@auth.requires("hospital")
@sends_limited
@idempotent
@bp.response(202, PlannedSchema())
@bp.doc(**leading_to(202, "deliveries.show", "deliveries.resend", delivery_id="/deliveries/0"))
def test(endpoint_id: UUID) -> dict[str, Any]:
    """Send a signed test there."""
    with web.transaction() as session:
        return {"deliveries": [test_endpoint(session, endpoint_id=endpoint_id, hospital_id=auth.hospital_id()).id]}


@bp.route("/<uuid:endpoint_id>/replay", methods=["POST"])
@auth.requires("hospital")
@sends_limited
@idempotent
@bp.arguments(SpanSchema())
@bp.response(202, PlannedSchema())
@bp.doc(**leading_to(202, "deliveries.show", "deliveries.resend", delivery_id="/deliveries/0"))
def replay(body: dict[str, datetime], endpoint_id: UUID) -> dict[str, Any]:
    """Send again what was for this endpoint in a span of time: the same ids, so that your system recognises what it has."""
    with web.transaction() as session:
        endpoint = endpoints.find_endpoint(session, endpoint_id, hospital_id=auth.hospital_id())
        require_proved(endpoint)
        made = replay_span(session, endpoint_id=endpoint.id, **body)
        most = context.settings().again_per_day(endpoint.kind)
        count_again(session, hospital_id=endpoint.hospital_id, channel=endpoint.kind, most=most)
        return {"deliveries": [one.id for one in made]}


# -- routes of links ----------------------------------------------------------

links = Blueprint("endpoint-proofs", __name__, url_prefix="/v1/endpoint-proofs", description="The link that proves a mail address")


@links.route("", methods=["POST"])
@limited("proofs", lambda: context.settings().proofs_per_address)
@links.arguments(ProofSchema())
@links.response(200, ProvedSchema())
def prove(body: dict[str, str]) -> dict[str, str]:
    """The button behind the link was pressed: alerts go to the address from now on. Twice is once."""
    with web.transaction() as session:
        proved = proofs.prove(session, context.settings(), token=body["token"])
        hospital = hospitals_by_id(session, [proved.hospital_id]).get(proved.hospital_id)
        return {"hospital": hospital.name if hospital else ""}
