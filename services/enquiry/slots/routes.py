"""Free slots of a hospital, for everybody: by day, in the zone of whoever asks."""

from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import fields, validate
from sqlalchemy.orm import Session

from services.enquiry import context, listings, slots
from services.enquiry.clocks import Calendar
from services.enquiry.wording import zone_name
from shared import web
from shared.problems import NotFound

from . import resources
from .free import MOST_DAYS


class SlotsQuery(web.Query):
    since = fields.Date(data_key="from", metadata={"description": "first day, in `zone`; today without it", "examples": ["2027-01-04"]})
    days = fields.Integer(load_default=14, validate=validate.Range(1, MOST_DAYS))
    zone = fields.String(
        load_default="UTC", validate=[validate.Length(1, 64), zone_name], metadata={"description": "IANA", "examples": ["Africa/Lagos"]}
    )


class SlotSchema(web.Schema):
    resource = fields.UUID()
    start = fields.AwareDateTime(metadata={"description": "in `zone`"})
    end = fields.AwareDateTime()


class DaySchema(web.Schema):
    day = fields.Date()
    slots = fields.List(fields.Nested(SlotSchema()))


class WhoSchema(web.Schema):
    id = fields.UUID()
    kind = fields.String(metadata={"description": "doctor or coordinator", "examples": ["doctor"]})
    name = fields.String(metadata={"examples": ["Dr. Deniz Kaya"]})
    instant = fields.Boolean(metadata={"description": "what a patient chooses is confirmed at once"})


class SlotsSchema(web.Schema):
    hospital = fields.String()
    hospital_zone = fields.String(metadata={"description": "IANA", "examples": ["Europe/Istanbul"]})
    zone = fields.String(metadata={"description": "the one asked for", "examples": ["Africa/Lagos"]})
    resources = fields.List(fields.Nested(WhoSchema()))
    days = fields.List(fields.Nested(DaySchema()), metadata={"description": "days without a free slot are left out"})


def slots_document(session: Session, slug: str, query: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The values of SlotsSchema. Raises NotFound."""
    hospital = listings.hospitals_by_slug(session, [slug]).get(slug)
    if hospital is None:
        raise NotFound("not-found")
    zone = ZoneInfo(query["zone"])
    first = query.get("since") or now.astimezone(zone).date()
    begin, end = (datetime.combine(day, time(), tzinfo=zone).astimezone(UTC) for day in (first, first + timedelta(days=query["days"])))
    who, calendar = resources.resources_of(session, hospital.id), Calendar.of(hospital)
    found = slots.free_slots(session, who, hospital=calendar, since=begin, until=end, now=now)
    local: list[dict[str, Any]] = [
        {"resource": one.resource_id, "start": one.start.astimezone(zone), "end": one.end.astimezone(zone)} for one in found
    ]
    return {
        "hospital": slug,
        "hospital_zone": calendar.zone.key,
        "zone": query["zone"],
        "resources": who,
        "days": [{"day": day, "slots": list(those)} for day, those in groupby(local, key=lambda one: one["start"].date())],
    }


bp = web.Blueprint("slots", __name__, url_prefix="/v1/hospitals", description="When somebody of a hospital can be met")


@bp.route("/<slug>/slots", methods=["GET"])
@bp.arguments(SlotsQuery(), location="query")
@bp.response(200, SlotsSchema())
def index(query: dict[str, Any], slug: str) -> dict[str, Any]:
    """Free slots by day, in the zone you ask for."""
    with web.snapshot() as session:
        return slots_document(session, slug, query, context.now())
