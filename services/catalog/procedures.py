"""Procedures: what may be asked for, and the page of each in each of its destinations.

Pages are composed elsewhere, when a fact changes; here they are found and handed out.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import BigInteger, Computed, ForeignKey, Index, Text, exists
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.wrappers import Response

from shared import web
from shared.web import Blueprint, Schema
from shared.web.pages import PageQuery, PageSchema, place

from . import wire
from .db import Base, Recorded, Texts
from .documents import LanguageQuery, answer_cards, answer_kept, cards, wanted_language
from .parameters import country_parameter, require_known, slug_parameter
from .specialties import Specialty
from .words import near_words

# -- table --------------------------------------------------------------------


class Procedure(Recorded, Base):
    """Lists hold texts or objects as the import's records name them (importer/records/procedures.py)."""

    __tablename__ = "procedures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[Texts]
    synonyms: Mapped[list[Any]]
    specialty: Mapped[str] = mapped_column(ForeignKey("specialties.slug"))
    summary: Mapped[Texts]
    overview: Mapped[Texts]
    mechanism: Mapped[Texts | None]
    conditions: Mapped[list[Any]]
    alternatives: Mapped[list[Any]]
    performed_by: Mapped[list[str]]
    device_implanted: Mapped[bool]
    highlights: Mapped[list[Any]]
    indications: Mapped[list[Any]]
    preparation: Mapped[list[Any]]
    risks: Mapped[list[Any]]
    warning_signs: Mapped[list[Any]]
    recovery_notes: Mapped[list[Any]]
    restrictions: Mapped[list[Any]]
    carry: Mapped[list[Any]]
    followups: Mapped[list[Any]]
    stay_days: Mapped[dict[str, Any] | None]
    recovery_weeks: Mapped[dict[str, Any] | None]
    recovery_note: Mapped[Texts | None]
    stages: Mapped[list[Any]]
    intake: Mapped[list[Any]]
    faqs: Mapped[list[Any]]
    reviewed_by: Mapped[str | None]
    reviewed_on: Mapped[date | None]
    found_by: Mapped[str]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text), Computed("string_to_array(fold(found_by), ' ')", persisted=True))

    __table_args__ = (
        Index(None, "specialty", "slug"),
        Index("procedures_words_idx", "words", postgresql_using="gin"),
    )


class DestinationFacts(Recorded, Base):
    """That a row exists makes the page of the procedure in that country."""

    __tablename__ = "destination_facts"

    procedure: Mapped[str] = mapped_column(ForeignKey("procedures.slug"), primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    stay_days: Mapped[dict[str, Any] | None]
    recovery_weeks: Mapped[dict[str, Any] | None]
    recovery_note: Mapped[Texts | None]
    source: Mapped[str | None]
    compared_with: Mapped[list[str] | None]

    __table_args__ = (Index(None, "country", "procedure"),)


# -- schema -------------------------------------------------------------------


class DestinationSchema(wire.CountrySchema):
    page = wire.line("the procedure's page there", example="/v1/procedures/intrathecal-baclofen-therapy/TR")
    sample = wire.flag(wire.SAMPLE)


class ProcedureCardSchema(wire.NamedSchema):
    summary = wire.text()
    specialty = fields.Nested(wire.NamedSlugSchema(), required=True)
    destinations = wire.listed(DestinationSchema())
    sample = wire.flag(wire.SAMPLE)


class ProcedureListSchema(PageSchema):
    items = wire.listed(ProcedureCardSchema())


class PractitionerSchema(Schema):
    specialty = wire.slug("neurosurgery")
    name = wire.text(about="the person: Neurosurgeon")


class ProcedureNamesSchema(wire.NamedSchema):
    synonyms = wire.texts()
    specialty = fields.Nested(wire.NamedSlugSchema(), required=True)
    performed_by = wire.listed(PractitionerSchema())
    device_implanted = wire.flag()


class PreparationSchema(Schema):
    step = wire.text()
    days_before = wire.whole(null=True)
    document_required = fields.Nested(wire.NamedSlugSchema(), required=True, allow_none=True)


class RiskSchema(Schema):
    risk = wire.text()
    severity = fields.String(required=True, allow_none=True, validate=validate.OneOf(["minor", "serious", "life_threatening"]))


class FollowupSchema(Schema):
    kind = wire.text()
    every_months = fields.Nested(wire.SpanSchema(), required=True, allow_none=True)
    where = fields.String(required=True, validate=validate.OneOf(["home", "destination", "either"]))


class FaqSchema(Schema):
    question = wire.text()
    answer = wire.text()
    reviewed_on = wire.day()


class ReviewSchema(Schema):
    by = wire.line()
    on = wire.day(null=False)


class AboutSchema(wire.PageHeadSchema):
    """What holds in every country. A list that is empty is a section to be left out."""

    procedure = fields.Nested(ProcedureNamesSchema(), required=True)
    summary = wire.text()
    overview = wire.text()
    mechanism = wire.text(null=True)
    conditions = wire.texts("what it is done for")
    alternatives = wire.texts()
    highlights = wire.texts()
    indications = wire.texts("whom it is for")
    preparation = wire.listed(PreparationSchema())
    risks = wire.listed(RiskSchema())
    warning_signs = wire.listed(wire.WarningSignSchema())
    recovery_notes = wire.texts()
    restrictions = wire.texts()
    carry = wire.texts("what to have on you")
    followups = wire.listed(FollowupSchema())
    stages = wire.listed(wire.NamedSlugSchema(), "what a quote prices one by one")
    faqs = wire.listed(FaqSchema())
    review = fields.Nested(ReviewSchema(), required=True, allow_none=True, metadata={"description": "null: nobody has reviewed it"})
    provenance = fields.Nested(wire.ProvenanceSchema(), required=True, allow_none=True)


class ProcedureSchema(AboutSchema):
    destinations = wire.listed(DestinationSchema())


class OrderSchema(Schema):
    slug = wire.slug()
    text = wire.text()


class StorySchema(Schema):
    slug = wire.slug()
    headline = wire.text()
    body = wire.text()
    author = wire.line()
    country = fields.Nested(wire.CountrySchema(), required=True)
    hospital = fields.Nested(wire.NamedSchema(), required=True, allow_none=True)
    treated_on = wire.day()
    sample = wire.flag(wire.SAMPLE)


class ProcedurePageSchema(AboutSchema):
    """Everything a patient reads about a procedure in a country."""

    country = fields.Nested(wire.CountrySchema(), required=True)
    stay_days = fields.Nested(wire.SpanSchema(), required=True, allow_none=True)
    recovery_weeks = fields.Nested(wire.SpanSchema(), required=True, allow_none=True)
    recovery_note = wire.text(null=True)
    source = wire.line("of stay and recovery; null: nobody", null=True)
    costs = wire.listed(wire.CostSchema(), "by country, this one among them")
    hospitals = wire.listed(wire.OfferingCardSchema(), "in the order of the rule")
    hospital_order = fields.Nested(OrderSchema(), required=True, allow_none=True, metadata={"description": "the rule; null: by name"})
    doctors = wire.listed(wire.DoctorCardSchema())
    stories = wire.listed(StorySchema(), "told with consent")
    enquiry_form = wire.line("where its form is")


class ProcedureQuery(PageQuery, LanguageQuery):
    specialty = slug_parameter("neurosurgery")
    country = country_parameter()
    q = fields.String(
        validate=validate.Length(2, 100),
        metadata={"description": "words of its names, typing errors forgiven", "examples": ["baclofen pump"]},
    )


# -- rules --------------------------------------------------------------------


def procedures_of(session: Session, language: str, *, filters: Mapping[str, Any], after: str, limit: int) -> list[tuple[str, bytes]]:
    """(slug, card) in the order of slugs, up to one more than `limit`. Raises Invalid(slug-unknown)."""
    query = cards("procedure-card", Procedure.slug, language).where(Procedure.slug > after)
    if "specialty" in filters:
        query = query.where(Procedure.specialty == filters["specialty"])
    if "country" in filters:
        there = exists().where(DestinationFacts.procedure == Procedure.slug, DestinationFacts.country == filters["country"])
        query = query.where(there)
    if "q" in filters:
        query = query.where(*(Procedure.words.overlap(list(meant)) for meant in near_words(session, filters["q"]).values()))
    found = session.execute(query.order_by(Procedure.slug).limit(limit + 1)).all()
    if not found:
        require_known(session, {"specialty": (filters.get("specialty"), Specialty.slug)}, country=filters.get("country"))
    return [(slug, body) for slug, body in found]


# -- routes -------------------------------------------------------------------

bp = Blueprint("procedures", __name__, url_prefix="/v1/procedures", description="What may be asked for")


@bp.route("")
@bp.arguments(ProcedureQuery(), location="query")
@bp.response(200, ProcedureListSchema())
def list_(parameters: dict[str, Any]) -> Response:
    """Procedures, by specialty, country or words."""
    language = wanted_language(parameters)
    with web.reading() as session:
        found = procedures_of(session, language, filters=parameters, after=place(parameters["after"]) or "", limit=parameters["limit"])
    return answer_cards(found, parameters["limit"], language)


@bp.route("/<slug>")
@bp.arguments(LanguageQuery(), location="query")
@bp.response(200, ProcedureSchema())
def show(parameters: dict[str, Any], slug: str) -> Response:
    """A procedure: what holds in every country, and where there is a page of it."""
    return answer_kept("procedure", slug, parameters)


@bp.route("/<slug>/<country>")
@bp.arguments(LanguageQuery(), location="query")
@bp.response(200, ProcedurePageSchema())
def show_page(parameters: dict[str, Any], slug: str, country: str) -> Response:
    """The page of a procedure in a country, as one document."""
    return answer_kept("page", f"{slug}/{country.upper()}", parameters)
