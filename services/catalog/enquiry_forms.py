"""Enquiry forms: what is asked of whoever asks for a procedure in a country. What is answered never comes here."""

from typing import Any

from marshmallow import fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from shared import web
from shared.problems import Invalid, NotFound
from shared.web import Blueprint, Schema

from . import wire
from .documents import Document, LanguageQuery, answer_document, find_document, wanted_language
from .parameters import country_parameter, require_known, slug_parameter
from .procedures import Procedure

# -- schema -------------------------------------------------------------------


class ChoiceSchema(Schema):
    slug = wire.slug()
    label = wire.text()


class QuestionSchema(Schema):
    """A clinical question. number: from `min` to `max` in `unit`; text: at most `max` characters (null: 2000); choice: one of `choices`."""

    slug = wire.slug()
    question = wire.text()
    kind = fields.String(required=True, validate=validate.OneOf(["choice", "number", "text", "date", "yes_no"]))
    required = wire.flag()
    hint = wire.text(null=True)
    min = fields.Integer(required=True, strict=True, allow_none=True)
    max = fields.Integer(required=True, strict=True, allow_none=True)
    unit = wire.text(null=True)
    choices = wire.listed(ChoiceSchema())


class ConsentSchema(Schema):
    """Show `text` as it is; send `purpose`, `version`, `language` and `sha256` with the consent."""

    purpose = wire.slug("share_case_with_hospital")
    asked_for = fields.String(
        required=True,
        validate=validate.OneOf(["enquiry", "each_hospital", "quote_acceptance"]),
        metadata={"description": "once with the enquiry; once for each hospital named; later, when a quote is accepted"},
    )
    version = wire.whole()
    language = wire.slug("en")
    text = fields.String(required=True, validate=wire.PROSE)
    sha256 = fields.String(
        required=True, validate=validate.Length(64, 64), metadata={"description": "hexadecimal, of the text's UTF-8 bytes"}
    )


class EnquiryFormSchema(wire.HeadSchema):
    sample = wire.flag(wire.SAMPLE)
    procedure = fields.Nested(wire.NamedSchema(), required=True)
    country = fields.Nested(wire.CountrySchema(), required=True)
    intake = wire.listed(QuestionSchema())
    records = wire.listed(wire.NamedSlugSchema(), "documents the hospital will want to see")
    consents = wire.listed(ConsentSchema())
    hospitals = wire.listed(wire.OfferingCardSchema(), "that can be asked; empty: ask for assistance")
    warning_signs = wire.listed(wire.WarningSignSchema(), "this is not for emergencies")


class FormQuery(LanguageQuery):
    procedure = slug_parameter("intrathecal-baclofen-therapy", required=True)
    country = country_parameter(required=True)


# -- rules --------------------------------------------------------------------


def find_form(session: Session, *, procedure: str, country: str, language: str) -> Document:
    """Raises Invalid: slug-unknown, or procedure-not-listed where there is no page of it in that country."""
    try:
        return find_document(session, kind="enquiry-form", key=f"{procedure}/{country}", language=language)
    except NotFound as fault:
        require_known(session, {"procedure": (procedure, Procedure.slug)}, country=country)
        reason = {"parameter": "country", "reason": "no page of this procedure in this country"}
        raise Invalid("procedure-not-listed", errors=[reason]) from fault


# -- routes -------------------------------------------------------------------

bp = Blueprint("enquiry_forms", __name__, url_prefix="/v1/enquiry-form", description="What is asked of whoever asks")


@bp.route("")
@bp.arguments(FormQuery(), location="query")
@bp.response(200, EnquiryFormSchema())
def show(parameters: dict[str, Any]) -> Response:
    """The enquiry form of a procedure in a country."""
    language = wanted_language(parameters)
    with web.reading() as session:
        found = find_form(session, procedure=parameters["procedure"], country=parameters["country"], language=language)
    return answer_document(found)
