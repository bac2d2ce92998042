"""The limit of a POST in Python: the same view behind the same door, that checks the body and keeps nothing."""

from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue

from services.enquiry.app import SERVICE
from services.enquiry.enquiries.documents import CreatedSchema, NewEnquirySchema, wish_of
from services.enquiry.settings import Settings
from shared import auth, cli, db, web

bp = web.Blueprint("enquiries", __name__, url_prefix="/v1/enquiries")


@bp.route("", methods=["POST"])
@bp.arguments(NewEnquirySchema())
@bp.response(201, CreatedSchema())
def create(body: dict[str, Any]) -> ResponseReturnValue:
    """Checks it, and answers as if it had been kept."""
    wish_of(body, client_id=None)
    return {"reference": "K7QF-2M9X-4TBD", "state": "pending_verification", "revision": 1, "promised_at": None}


def wsgi() -> Flask:
    settings = cli.read_settings(SERVICE)
    assert isinstance(settings, Settings)  # noqa: S101
    door = web.Door(settings, db.engine(settings.database_url, name="validating"), auth.Verifier(settings))
    return web.create_app("validating", door, [bp], description="A limit")
