"""Comparisons: two to four hospitals side by side. The same lines for all; what is not known is null, never guessed."""

from collections.abc import Sequence
from typing import Any

import orjson
from marshmallow import ValidationError, fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from shared import web
from shared.problems import Invalid
from shared.web import Blueprint

from . import wire
from .documents import LanguageQuery, answer_body, documents_of, wanted_language
from .languages import direction
from .parameters import SLUG, require_known, slug_parameter
from .procedures import Procedure

Value = dict[str, Any]

# -- schema -------------------------------------------------------------------


class SlugsField(fields.String):
    """Slugs with commas between."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        slugs = super()._deserialize(value, attr, data, **options).split(",")
        check = validate.And(validate.Length(1, 80), validate.Regexp(SLUG))
        for slug in slugs:
            check(slug)
        if not 2 <= len(set(slugs)) == len(slugs) <= 4:
            raise ValidationError("Must name 2 to 4 hospitals, each once.")
        return slugs


class ComparisonQuery(LanguageQuery):
    hospitals = SlugsField(
        required=True, metadata={"description": "2 to 4 slugs with commas between", "examples": ["mavi-fener-hospital,yedikopru-hospital"]}
    )
    procedure = slug_parameter("intrathecal-baclofen-therapy")


class OfferSchema(web.Schema):
    """What a hospital says of the procedure compared for."""

    department = wire.text()
    evidence = wire.text(null=True)
    evidence_source = wire.line(null=True)
    doctors = wire.whole("of those listed, how many do it")
    prices = wire.listed(wire.PriceSchema(), "its own; empty: none known")


class ComparedSchema(wire.HospitalCardSchema):
    timezone = wire.line(null=True)
    procedures = wire.whole("how many are listed")
    doctors = wire.whole("how many are listed")
    unconfirmed = fields.List(fields.String(validate=wire.CODE), required=True)
    offer = fields.Nested(
        OfferSchema(), required=True, allow_none=True, metadata={"description": "null: it does not offer it, or no procedure is named"}
    )


class ComparisonSchema(web.Schema):
    language = wire.slug("en")
    dir = wire.slug("ltr")
    procedure = fields.Nested(wire.NamedSchema(), required=True, allow_none=True)
    hospitals = wire.listed(ComparedSchema(), "in the order asked for")


# -- rules --------------------------------------------------------------------

CARD = tuple(wire.HospitalCardSchema().fields)


def compare_hospitals(session: Session, slugs: Sequence[str], *, procedure: str | None, language: str) -> Value:
    """Raises Invalid(slug-unknown)."""
    known = documents_of(session, kind="hospital", keys=slugs, language=language)
    if unknown := [slug for slug in slugs if slug not in known]:
        raise Invalid(
            "slug-unknown",
            errors=[{"parameter": "hospitals", "reason": f"place {slugs.index(slug) + 1} names nothing we know"} for slug in unknown],
        )
    prices = _prices(session, procedure, language) if procedure else None
    return {
        "language": language,
        "dir": direction(language),
        "procedure": prices["procedure"] if prices else None,
        "hospitals": [_compared(orjson.loads(known[slug].body), prices) for slug in slugs],
    }


def _prices(session: Session, procedure: str, language: str) -> Value:
    found = documents_of(session, kind="prices", keys=[procedure], language=language)
    if procedure not in found:
        require_known(session, {"procedure": (procedure, Procedure.slug)})
    prices: Value = orjson.loads(found[procedure].body)
    return prices


def _compared(hospital: Value, prices: Value | None) -> Value:
    return {
        **{name: hospital[name] for name in CARD},
        "authorisation": {name: hospital["authorisation"][name] for name in ("standing", "valid_until")},
        "timezone": hospital["timezone"],
        "procedures": len(hospital["procedures"]),
        "doctors": len(hospital["doctors"]),
        "unconfirmed": hospital["unconfirmed"],
        "offer": _offer(hospital, prices) if prices else None,
    }


def _offer(hospital: Value, prices: Value) -> Value | None:
    procedure = prices["procedure"]["slug"]
    found = next((each for each in hospital["procedures"] if each["slug"] == procedure), None)
    if found is None:
        return None
    own = (price for cost in prices["costs"] for price in cost["prices"] if price["hospital"])
    return {
        **{name: found[name] for name in ("department", "evidence", "evidence_source")},
        "doctors": sum(procedure in doctor["procedures"] for doctor in hospital["doctors"]),
        "prices": [price for price in own if price["hospital"]["slug"] == hospital["slug"]],
    }


# -- routes -------------------------------------------------------------------

bp = Blueprint("comparisons", __name__, url_prefix="/v1/comparisons", description="Hospitals side by side")


@bp.route("")
@bp.arguments(ComparisonQuery(), location="query")
@bp.response(200, ComparisonSchema())
def show(parameters: dict[str, Any]) -> Response:
    """Two to four hospitals side by side, if wanted for one procedure."""
    language = wanted_language(parameters)
    with web.reading() as session:
        found = compare_hospitals(session, parameters["hospitals"], procedure=parameters.get("procedure"), language=language)
    return answer_body(orjson.dumps(found), language)
