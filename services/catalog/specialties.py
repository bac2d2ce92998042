"""Specialties: the branches of medicine that procedures and doctors belong to."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.wrappers import Response

from shared import web
from shared.web import Blueprint
from shared.web.pages import PageQuery, PageSchema, place

from . import wire
from .db import Base, Recorded, Texts
from .documents import LanguageQuery, answer_cards, cards, wanted_language

# -- table --------------------------------------------------------------------


class Specialty(Recorded, Base):
    __tablename__ = "specialties"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Texts]
    practitioner: Mapped[Texts]
    operates: Mapped[bool]


# -- schema -------------------------------------------------------------------


class SpecialtyCardSchema(wire.NamedSlugSchema):
    practitioner = wire.text(about="the person: Neurosurgeon")
    procedures = wire.whole("how many procedures of it are listed")


class SpecialtyListSchema(PageSchema):
    items = wire.listed(SpecialtyCardSchema())


class SpecialtyQuery(PageQuery, LanguageQuery):
    pass


# -- routes -------------------------------------------------------------------

bp = Blueprint("specialties", __name__, url_prefix="/v1/specialties", description="Branches of medicine")


@bp.route("")
@bp.arguments(SpecialtyQuery(), location="query")
@bp.response(200, SpecialtyListSchema())
def list_(parameters: dict[str, Any]) -> Response:
    """Specialties."""
    language, limit = wanted_language(parameters), parameters["limit"]
    query = cards("specialty-card", Specialty.slug, language).where(Specialty.slug > (place(parameters["after"]) or ""))
    with web.reading() as session:
        found = session.execute(query.order_by(Specialty.slug).limit(limit + 1)).all()
    return answer_cards([(slug, body) for slug, body in found], limit, language)
