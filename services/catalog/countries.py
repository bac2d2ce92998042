"""Countries: their names in the languages we speak, as CLDR has them."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from babel import Locale
from sqlalchemy import select
from werkzeug.wrappers import Response

from shared import web
from shared.web import Blueprint
from shared.web.pages import PageQuery, PageSchema, place

from . import wire
from .documents import Document, LanguageQuery, answer_cards, wanted_language
from .languages import OFFERED, offered

# -- schema -------------------------------------------------------------------


class CountryCardSchema(wire.CountrySchema):
    procedures = wire.whole("how many procedures have a page there")
    hospitals = wire.whole("how many hospitals are listed there")


class CountryListSchema(PageSchema):
    items = wire.listed(CountryCardSchema())


class CountryQuery(PageQuery, LanguageQuery):
    pass


# -- rules --------------------------------------------------------------------


@cache
def country_name(code: str, language: str) -> str:
    """The name of a country (ISO 3166-1 alpha-2) in a language; the code where CLDR has none."""
    return str(Locale.parse(language, sep="-").territories.get(code, code))


def names_of_country(code: str) -> Iterator[str]:
    """All its names in the languages we offer, and the English one that most people still type."""
    for language in OFFERED:
        yield country_name(code, language)
    if code == "TR":
        yield "Turkey"


# -- routes -------------------------------------------------------------------

bp = Blueprint("countries", __name__, url_prefix="/v1/countries", description="Where one can go")


@bp.route("")
@bp.arguments(CountryQuery(), location="query")
@bp.response(200, CountryListSchema())
def list_(parameters: dict[str, Any]) -> Response:
    """Countries with a page of a procedure or a hospital."""
    language, limit = offered(wanted_language(parameters)), parameters["limit"]
    query = select(Document.key, Document.body).where(Document.kind == "country-card", Document.language == language)
    with web.reading() as session:
        found = session.execute(
            query.where(Document.key > (place(parameters["after"]) or "")).order_by(Document.key).limit(limit + 1)
        ).all()
    return answer_cards([(code, body) for code, body in found], limit, language)
