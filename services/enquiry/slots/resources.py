"""Resources: doctors and coordinators of a hospital who can be met, with their weekly hours, exceptions, lead time and buffer.

A resource is a name in a calendar, never an account.
"""

from datetime import date, datetime, time
from itertools import pairwise
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry import context, lifecycles
from services.enquiry.clocks import Calendar, Span
from services.enquiry.db import Base
from services.enquiry.wording import one_line
from shared import auth, crypto, web
from shared.problems import Conflict, NotFound
from shared.web.idempotency import idempotent
from shared.web.openapi import leading_to

MOST = 500  # of a hospital

# -- table --------------------------------------------------------------------


class Resource(Base):
    """Hours are local time by ISO weekday, `[{weekday, opens, closes}]`; exceptions take a day's place, `[{day, spans: [{opens, closes}]}]`."""

    __tablename__ = "resources"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    hospital_id: Mapped[UUID] = mapped_column(index=True)
    revision: Mapped[int]
    kind: Mapped[str]
    name: Mapped[str]
    slot_minutes: Mapped[int]
    lead_minutes: Mapped[int]
    buffer_minutes: Mapped[int]
    late_minutes: Mapped[int]
    instant: Mapped[bool]
    hours: Mapped[list[Any]]
    exceptions: Mapped[list[Any]]
    retired_at: Mapped[datetime | None]

    def calendar(self, hospital: Calendar) -> Calendar:
        """The hospital's zone and holidays with this resource's own hours; an exception is stronger than a holiday."""
        hours: dict[int, list[Span]] = {}
        for one in self.hours:
            hours.setdefault(one["weekday"], []).append(_span(one))
        days = {date.fromisoformat(one["day"]): sorted(map(_span, one["spans"])) for one in self.exceptions}
        return Calendar(hospital.zone, {day: sorted(spans) for day, spans in hours.items()}, hospital.holidays, days)


def _span(one: dict[str, Any]) -> Span:
    return time.fromisoformat(one["opens"]), time.fromisoformat(one["closes"])


# -- schema -------------------------------------------------------------------

_TIME = validate.Regexp(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", error="must be a local time, as 09:30")


class SpanSchema(web.Schema):
    opens = fields.String(required=True, validate=_TIME, metadata={"description": "local time", "examples": ["09:00"]})
    closes = fields.String(required=True, validate=_TIME, metadata={"examples": ["12:30"]})

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data["opens"] >= data["closes"]:
            raise ValidationError("must be later than opens", "closes")


class HoursSchema(SpanSchema):
    weekday = fields.Integer(required=True, strict=True, validate=validate.Range(1, 7), metadata={"description": "ISO: 1 is Monday"})


class ExceptionSchema(web.Schema):
    """A day with hours of its own; with none nobody is there."""

    day = fields.Date(required=True, metadata={"examples": ["2027-01-04"]})
    spans = fields.List(fields.Nested(SpanSchema()), required=True, validate=validate.Length(max=6))


class NewResourceSchema(web.Schema):
    kind = fields.String(required=True, validate=validate.OneOf(("doctor", "coordinator")))
    name = fields.String(required=True, validate=[validate.Length(1, 120), one_line], metadata={"examples": ["Dr. Deniz Kaya"]})
    slot_minutes = fields.Integer(strict=True, load_default=30, validate=validate.Range(5, 480))
    lead_minutes = fields.Integer(
        strict=True, load_default=1440, validate=validate.Range(0, 129_600), metadata={"description": "asked for no later than this before"}
    )
    buffer_minutes = fields.Integer(
        strict=True, load_default=0, validate=validate.Range(0, 240), metadata={"description": "kept free behind each"}
    )
    late_minutes = fields.Integer(
        strict=True,
        load_default=2880,
        validate=validate.Range(0, 129_600),
        metadata={"description": "cancelled within this before the start is late: shown to the patient before"},
    )
    instant = fields.Boolean(load_default=False, metadata={"description": "a patient's choice is confirmed at once"})
    hours = fields.List(fields.Nested(HoursSchema()), required=True, validate=validate.Length(max=50))
    exceptions = fields.List(fields.Nested(ExceptionSchema()), load_default=list, validate=validate.Length(max=400))

    @validates_schema
    def no_overlap(self, data: dict[str, Any], **_: Any) -> None:
        days: dict[Any, list[dict[str, Any]]] = {}
        for one in data["hours"]:
            days.setdefault(one["weekday"], []).append(one)
        for spans in days.values():
            _refuse_overlap(spans, "hours")
        for one in data["exceptions"]:
            _refuse_overlap(one["spans"], "exceptions")
        if len({one["day"] for one in data["exceptions"]}) < len(data["exceptions"]):
            raise ValidationError("names a day twice", "exceptions")


def _refuse_overlap(spans: list[dict[str, Any]], name: str) -> None:
    ordered = sorted(spans, key=lambda one: str(one["opens"]))
    if any(later["opens"] < earlier["closes"] for earlier, later in pairwise(ordered)):
        raise ValidationError("spans of a day overlap", name)


class ResourceSchema(NewResourceSchema):
    id = fields.UUID()
    revision = fields.Integer(metadata={"description": "goes into If-Match"})
    retired_at = fields.AwareDateTime(allow_none=True)


# -- rules --------------------------------------------------------------------


def add_resource(session: Session, *, hospital_id: UUID, values: dict[str, Any]) -> Resource:
    """Somebody who can be met. Raises Conflict(limit-reached)."""
    held = session.scalars(select(func.count()).where(Resource.hospital_id == hospital_id, Resource.retired_at.is_(None))).one()
    if held >= MOST:
        raise Conflict("limit-reached", detail=f"a hospital has at most {MOST} resources", limit=MOST)
    made = Resource(id=crypto.new_id(), hospital_id=hospital_id, revision=1, **_stored(values))
    session.add(made)
    return made


def replace_resource(session: Session, *, resource_id: UUID, hospital_id: UUID, revision: int, values: dict[str, Any]) -> Resource:
    """New hours and times; what has been booked stands. Raises NotFound, PreconditionFailed."""
    found = _locked(session, resource_id, hospital_id)
    lifecycles.check_revision(found.revision, revision)
    for name, value in _stored(values).items():
        setattr(found, name, value)
    found.revision += 1
    return found


def retire_resource(session: Session, *, resource_id: UUID, hospital_id: UUID, now: datetime) -> Resource:
    """Nobody can be met there any more; what has been booked stands. Raises NotFound."""
    found = _locked(session, resource_id, hospital_id)
    found.retired_at = found.retired_at or now
    return found


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"exceptions": [{"day": one["day"].isoformat(), "spans": one["spans"]} for one in values["exceptions"]]}


def _locked(session: Session, resource_id: UUID, hospital_id: UUID) -> Resource:
    found = session.get(Resource, resource_id, with_for_update=True)
    if found is None or found.hospital_id != hospital_id:
        raise NotFound("not-found")
    return found


def find_resource(session: Session, resource_id: UUID) -> Resource:
    """Also one that nobody can ask for any more. Raises NotFound."""
    found = session.get(Resource, resource_id)
    if found is None:
        raise NotFound("not-found")
    return found


def resources_of(session: Session, hospital_id: UUID) -> list[Resource]:
    """Those who can be met, in the order in which they were added."""
    live = select(Resource).where(Resource.hospital_id == hospital_id, Resource.retired_at.is_(None))
    return list(session.scalars(live.order_by(Resource.id)))


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("resources", __name__, url_prefix="/v1/resources", description="Whom a hospital lets people meet, and when")


@bp.route("", methods=["POST"])
@auth.requires("hospital")
@idempotent
@bp.arguments(NewResourceSchema())
@bp.response(201, ResourceSchema())
@bp.doc(**leading_to(201, "resources.retire", revised=("resources.replace",), version="/revision", resource_id="/id"))
def create(body: dict[str, Any]) -> dict[str, Any]:
    """Add a doctor or coordinator of your hospital with their hours, in your hospital's zone."""
    with web.transaction() as session:
        return _shown(add_resource(session, hospital_id=auth.hospital_id(), values=body))


@bp.route("", methods=["GET"])
@auth.requires("hospital")
@bp.response(200, ResourceSchema(many=True))
def index() -> list[dict[str, Any]]:
    """Those of your hospital."""
    with web.reading() as session:
        return [_shown(one) for one in resources_of(session, auth.hospital_id())]


@bp.route("/<uuid:resource_id>", methods=["PUT"])
@auth.requires("hospital")
@bp.arguments(NewResourceSchema())
@bp.response(200, ResourceSchema())
def replace(body: dict[str, Any], resource_id: UUID) -> dict[str, Any]:
    """Replace hours and times; what has been booked stands. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        return _shown(replace_resource(session, resource_id=resource_id, hospital_id=auth.hospital_id(), revision=revision, values=body))


@bp.route("/<uuid:resource_id>", methods=["DELETE"])
@auth.requires("hospital")
@bp.response(200, ResourceSchema())
def retire(resource_id: UUID) -> dict[str, Any]:
    """Nobody can ask for a time there any more; what has been booked stands."""
    with web.transaction() as session:
        return _shown(retire_resource(session, resource_id=resource_id, hospital_id=auth.hospital_id(), now=context.now()))


def _shown(one: Resource) -> dict[str, Any]:
    names = (
        "id",
        "revision",
        "kind",
        "name",
        "slot_minutes",
        "lead_minutes",
        "buffer_minutes",
        "late_minutes",
        "instant",
        "hours",
        "retired_at",
    )
    days = [{**each, "day": date.fromisoformat(each["day"])} for each in one.exceptions]
    return {**{name: getattr(one, name) for name in names}, "exceptions": days}
