"""Proposals: which hospitals to ask, up to five, each with its reasons. A suggestion only: the caller names the hospitals."""

from datetime import datetime
from typing import Any

from marshmallow import fields, validate
from sqlalchemy.orm import Session

from shared import web
from shared.events.catalog import HospitalState

from . import context, listings

MOST = 5


class ProposeSchema(web.Query):
    procedure = fields.String(required=True, validate=validate.Length(1, 120), metadata={"examples": ["intrathecal-baclofen-therapy"]})
    destination = fields.String(required=True, validate=validate.Length(2, 2), metadata={"examples": ["TR"]})
    language = fields.String(load_default="en", validate=validate.Length(2, 35))


class ReasonSchema(web.Schema):
    code = fields.String(metadata={"description": "speaks_language, accredited or ranked", "examples": ["speaks_language"]})
    detail = fields.String(allow_none=True)


class ProposalSchema(web.Schema):
    hospital = fields.String(metadata={"description": "slug"})
    name = fields.String()
    city = fields.String()
    sample = fields.Boolean()
    reasons = fields.List(fields.Nested(ReasonSchema()))


def propose(session: Session, *, procedure: str, destination: str, language: str, now: datetime) -> list[dict[str, Any]]:
    """Hospitals that offer it there, can be asked and can be reached: those that speak the language first, then in the catalog's order.

    Raises Invalid(procedure-not-listed).
    """
    found = listings.find_destination(listings.find_procedure(session, procedure), destination)
    known = listings.hospitals_by_id(session, found.hospital_ids)
    reachable = listings.reachable_among(session, found.hospital_ids)
    able = [known[one] for one in found.hospital_ids if one in known and one in reachable and listings.can_be_asked(known[one], now.date())]
    ordered = sorted(enumerate(able, start=1), key=lambda placed: (language not in placed[1].languages, placed[0]))
    return [_proposal(hospital, place, language) for place, hospital in ordered[:MOST]]


def _proposal(hospital: HospitalState, place: int, language: str) -> dict[str, Any]:
    reasons = [{"code": "ranked", "detail": str(place)}]
    if language in hospital.languages:
        reasons.insert(0, {"code": "speaks_language", "detail": language})
    if hospital.accreditations:
        reasons.append({"code": "accredited", "detail": ", ".join(hospital.accreditations)})
    return {"hospital": hospital.slug, "name": hospital.name, "city": hospital.city, "sample": hospital.sample, "reasons": reasons}


bp = web.Blueprint("proposals", __name__, url_prefix="/v1/proposals", description="Hospitals to ask")


@bp.route("", methods=["GET"])
@bp.arguments(ProposeSchema(), location="query")
@bp.response(200, ProposalSchema(many=True))
def index(query: dict[str, Any]) -> list[dict[str, Any]]:
    """Up to five hospitals that could be asked, with reasons."""
    with web.reading() as session:
        return propose(session, **query, now=context.now())
