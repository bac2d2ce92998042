"""Hospitals: where a procedure is offered. Listed is not partner: only a partner is ever asked."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import BigInteger, ColumnElement, Computed, ForeignKey, Index, Text, exists, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.wrappers import Response

from shared import web
from shared.problems import NotFound
from shared.web import Blueprint, Schema
from shared.web.pages import PageQuery, PageSchema, place

from . import wire
from .cities import City
from .db import Base, Recorded, Texts
from .documents import LanguageQuery, answer_cards, answer_kept, cards, wanted_language
from .parameters import country_parameter, language_parameter, require_known, slug_parameter
from .procedures import Procedure

# -- table --------------------------------------------------------------------


class Hospital(Recorded, Base):
    """Objects as the import's records name them (importer/records/hospitals.py)."""

    __tablename__ = "hospitals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[Texts]
    country: Mapped[str]
    city: Mapped[str | None] = mapped_column(ForeignKey("cities.slug"))
    city_given: Mapped[str | None]
    timezone: Mapped[str | None]
    working_hours: Mapped[list[Any]]
    holidays: Mapped[list[Any]]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    doctor_count: Mapped[int | None]
    rating: Mapped[dict[str, Any] | None]
    accreditations: Mapped[list[Any]]
    authorisation: Mapped[dict[str, Any]]
    complication_insurance: Mapped[dict[str, Any] | None]
    partner: Mapped[bool]
    summary: Mapped[Texts | None]
    found_by: Mapped[str]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text), Computed("string_to_array(fold(found_by), ' ')", persisted=True))

    __table_args__ = (
        Index(None, "country", "slug"),
        Index(None, "city", "slug"),
        Index("hospitals_languages_idx", "languages", postgresql_using="gin"),
        Index(
            "hospitals_accreditations_idx", "accreditations", postgresql_using="gin", postgresql_ops={"accreditations": "jsonb_path_ops"}
        ),
        Index("hospitals_words_idx", "words", postgresql_using="gin"),
    )


class Offering(Recorded, Base):
    """That a hospital offers a procedure, and what is known to support it."""

    __tablename__ = "offerings"

    hospital: Mapped[str] = mapped_column(ForeignKey("hospitals.slug"), primary_key=True)
    procedure: Mapped[str] = mapped_column(ForeignKey("procedures.slug"), primary_key=True)
    department: Mapped[Texts]
    evidence: Mapped[Texts | None]
    source: Mapped[str | None]

    __table_args__ = (Index(None, "procedure", "hospital"),)


# -- schema -------------------------------------------------------------------


class HospitalListSchema(PageSchema):
    items = wire.listed(wire.HospitalCardSchema())


class AuthorisationSchema(wire.StandingSchema):
    authority = wire.line(null=True)
    number = wire.line(null=True)


class InsuranceSchema(Schema):
    """Of complications."""

    insurer = wire.line()
    valid_until = wire.day(null=False)


class WorkingSpanSchema(Schema):
    """Local time."""

    weekday = fields.Integer(required=True, strict=True, validate=validate.Range(1, 7), metadata={"description": "ISO 8601: 1 is Monday"})
    opens = fields.String(required=True, validate=validate.Length(5, 5), metadata={"examples": ["09:00"]})
    closes = fields.String(required=True, validate=validate.Length(5, 5), metadata={"examples": ["18:00"]})


class HolidaySchema(Schema):
    on = wire.day(null=False)
    name = wire.text()


class OfferedProcedureSchema(wire.NamedSchema):
    department = wire.text()
    evidence = wire.text(null=True)
    evidence_source = wire.line(null=True)
    sample = wire.flag(wire.SAMPLE)


class HospitalSchema(wire.HeadSchema, wire.HospitalCardSchema):
    unconfirmed = fields.List(fields.String(validate=wire.CODE), required=True, metadata={"description": "codes of what is not known"})
    authorisation = fields.Nested(AuthorisationSchema(), required=True)
    complication_insurance = fields.Nested(InsuranceSchema(), required=True, allow_none=True)
    timezone = wire.line("IANA", null=True, example="Europe/Istanbul")
    working_hours = wire.listed(WorkingSpanSchema())
    holidays = wire.listed(HolidaySchema())
    procedures = wire.listed(OfferedProcedureSchema())
    doctors = wire.listed(wire.DoctorCardSchema())
    provenance = fields.Nested(wire.ProvenanceSchema(), required=True, allow_none=True)


class HospitalQuery(PageQuery):
    """The answer's language is that of Accept-Language; `language` is one that is spoken there."""

    country = country_parameter()
    city = slug_parameter("istanbul")
    procedure = slug_parameter("intrathecal-baclofen-therapy")
    language = language_parameter("spoken at the hospital")
    accreditation = slug_parameter("jci")


# -- rules --------------------------------------------------------------------


def can_be_asked(hospital: Hospital, *, on: date) -> bool:
    """Whether it may be written to and may quote on that day: a partner whose authorisation, and insurance where it has one, is valid."""
    insurance = hospital.complication_insurance
    insured = insurance is None or date.fromisoformat(insurance["valid_until"]) >= on
    return hospital.partner and insured and standing_of(hospital, on=on) == "valid"


def standing_of(hospital: Hospital, *, on: date) -> str:
    """Of its authorisation on that day: one that was valid lapses by itself."""
    standing, until = hospital.authorisation["standing"], hospital.authorisation["valid_until"]
    return "lapsed" if standing == "valid" and date.fromisoformat(until) < on else str(standing)


def find_hospital(session: Session, slug: str) -> Hospital:
    """Raises NotFound."""
    found = session.scalar(select(Hospital).where(Hospital.slug == slug))
    if found is None:
        raise NotFound("not-found")
    return found


def hospitals_of(session: Session, language: str, *, filters: Mapping[str, Any], after: str, limit: int) -> list[tuple[str, bytes]]:
    """(slug, card) in the order of slugs, up to one more than `limit`. Raises Invalid(slug-unknown)."""
    wanted = [condition(filters[name]) for name, condition in FILTERS.items() if name in filters]
    query = cards("hospital-card", Hospital.slug, language).where(Hospital.slug > after, *wanted)
    found = session.execute(query.order_by(Hospital.slug).limit(limit + 1)).all()
    if not found:
        named = {"city": (filters.get("city"), City.slug), "procedure": (filters.get("procedure"), Procedure.slug)}
        require_known(session, named, country=filters.get("country"))
    return [(slug, body) for slug, body in found]


FILTERS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "country": lambda code: Hospital.country == code,
    "city": lambda slug: Hospital.city == slug,
    "procedure": lambda slug: exists().where(Offering.hospital == Hospital.slug, Offering.procedure == slug),
    "language": lambda tag: Hospital.languages.contains([tag]),
    "accreditation": lambda slug: Hospital.accreditations.contains([{"slug": slug}]),
}

# -- routes -------------------------------------------------------------------

bp = Blueprint("hospitals", __name__, url_prefix="/v1/hospitals", description="Where it is offered")


@bp.route("")
@bp.arguments(HospitalQuery(), location="query")
@bp.response(200, HospitalListSchema())
def list_(parameters: dict[str, Any]) -> Response:
    """Hospitals, by country, city, procedure, language spoken or accreditation."""
    language = wanted_language({})
    with web.reading() as session:
        found = hospitals_of(session, language, filters=parameters, after=place(parameters["after"]) or "", limit=parameters["limit"])
    return answer_cards(found, parameters["limit"], language)


@bp.route("/<slug>")
@bp.arguments(LanguageQuery(), location="query")
@bp.response(200, HospitalSchema())
def show(parameters: dict[str, Any], slug: str) -> Response:
    """A hospital: what is known of it, what it offers, its doctors."""
    return answer_kept("hospital", slug, parameters)
