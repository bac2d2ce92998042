"""What answers are made of: the pieces that several documents on the wire share. Only their shape; they are filled elsewhere."""

from marshmallow import fields, validate

from shared.web import Schema

CODE = validate.Length(1, 80)
LINE = validate.Length(1, 300)
PROSE = validate.Length(1, 8000)


def text(*, required: bool = True, null: bool = False, about: str = "") -> fields.Nested:
    """A field that holds a text and says its language."""
    return fields.Nested(TextSchema(), required=required, allow_none=null, metadata={"description": about} if about else {})


def texts(about: str = "") -> fields.List[fields.Nested]:
    return fields.List(fields.Nested(TextSchema()), required=True, metadata={"description": about} if about else {})


def listed(schema: Schema, about: str = "") -> fields.List[fields.Nested]:
    return fields.List(fields.Nested(schema), required=True, metadata={"description": about} if about else {})


def line(about: str = "", *, null: bool = False, example: str = "") -> fields.String:
    metadata = {"description": about} if about else {}
    return fields.String(required=True, allow_none=null, validate=LINE, metadata=metadata | ({"examples": [example]} if example else {}))


def slug(example: str = "") -> fields.String:
    return fields.String(required=True, validate=CODE, metadata={"examples": [example]} if example else {})


def whole(about: str = "", *, null: bool = False) -> fields.Integer:
    metadata = {"description": about} if about else {}
    return fields.Integer(required=True, strict=True, allow_none=null, validate=validate.Range(0, 10**13), metadata=metadata)


def flag(about: str = "") -> fields.Boolean:
    return fields.Boolean(required=True, metadata={"description": about} if about else {})


def day(about: str = "", *, null: bool = True) -> fields.Date:
    return fields.Date(required=True, allow_none=null, metadata={"description": about} if about else {})


SAMPLE = "invented, to have something to look at; say so wherever you show it"


class TextSchema(Schema):
    text = fields.String(required=True, validate=PROSE)
    lang = fields.String(
        required=True, validate=CODE, metadata={"description": "BCP 47; where it is not the document's, the text was not there in that"}
    )


class HeadSchema(Schema):
    """What every document begins with."""

    language = fields.String(required=True, validate=CODE, metadata={"description": "BCP 47", "examples": ["en"]})
    dir = fields.String(required=True, validate=validate.OneOf(["ltr", "rtl"]), metadata={"description": "direction of writing"})
    other_languages = fields.List(
        fields.String(validate=CODE), required=True, metadata={"description": "single texts had to be given in these"}
    )


class PageHeadSchema(HeadSchema):
    sample = flag(SAMPLE)
    unconfirmed = fields.List(
        fields.String(validate=CODE), required=True, metadata={"description": "codes of what nobody vouches for; say so"}
    )


class CountrySchema(Schema):
    code = fields.String(required=True, validate=validate.Length(2, 2), metadata={"description": "ISO 3166-1 alpha-2", "examples": ["TR"]})
    name = line()


class NamedSlugSchema(Schema):
    slug = slug()
    name = text()


class NamedSchema(Schema):
    """A procedure or a hospital, as others name it."""

    id = fields.UUID(required=True)
    slug = slug()
    name = text()


class SpanSchema(Schema):
    """Both ends included."""

    min = whole()
    max = whole()


class ProvenanceSchema(Schema):
    """Where we have it from; not who vouches for its figures."""

    source = line()
    observed_on = day()


class AccreditationSchema(Schema):
    slug = slug("jci")
    name = line()
    valid_until = day()


class RatingSchema(Schema):
    average_tenths = whole("47 is 4.7; null: nobody gave one, show none", null=True)
    count = whole()
    at_least = flag("the count is a lower bound")
    source = line(null=True)


class StandingSchema(Schema):
    """The right to treat patients from abroad."""

    standing = fields.String(required=True, validate=validate.OneOf(["unknown", "valid", "lapsed"]))
    valid_until = day()


class CitySchema(Schema):
    slug = fields.String(required=True, allow_none=True, validate=CODE, metadata={"description": "null: not in our gazetteer"})
    name = text(null=True)


class HospitalCardSchema(NamedSchema):
    summary = text(null=True)
    country = fields.Nested(CountrySchema(), required=True)
    city = fields.Nested(CitySchema(), required=True)
    partner = flag("it works with us; listed is not partner")
    can_be_asked = flag("an enquiry may name it: a partner whose authorisation is valid")
    authorisation = fields.Nested(StandingSchema(), required=True)
    accreditations = listed(AccreditationSchema())
    languages = fields.List(fields.String(validate=CODE), required=True, metadata={"description": "spoken there; empty: unknown"})
    doctor_count = whole(null=True)
    rating = fields.Nested(RatingSchema(), required=True, allow_none=True)
    sample = flag(SAMPLE)


class OfferingCardSchema(HospitalCardSchema):
    """A hospital as one that offers the procedure at hand."""

    department = text()
    evidence = text(null=True, about="null: it claims experience and has shown none")
    evidence_source = line(null=True)


class DoctorCardSchema(Schema):
    slug = slug()
    name = line()
    title = text()
    specialty = fields.Nested(NamedSlugSchema(), required=True)
    hospital = fields.Nested(NamedSchema(), required=True)
    since_year = whole("in practice since", null=True)
    languages = fields.List(fields.String(validate=CODE), required=True)
    procedures = fields.List(fields.String(validate=CODE), required=True, metadata={"description": "slugs"})
    sample = flag(SAMPLE)


class PriceSchema(Schema):
    """A range in minor units of the currency; `digits` of them stand behind the point."""

    hospital = fields.Nested(NamedSchema(), required=True, allow_none=True, metadata={"description": "null: anywhere in the country"})
    min_minor = whole()
    max_minor = whole()
    currency = fields.String(required=True, validate=validate.Length(3, 3), metadata={"description": "ISO 4217", "examples": ["USD"]})
    digits = whole()
    basis = fields.String(required=True, validate=validate.OneOf(["estimate", "procedure_only", "package"]))
    standing = fields.String(
        required=True,
        validate=validate.OneOf(["confirmed", "unconfirmed"]),
        metadata={"description": "unconfirmed: nobody vouches for it; say so and offer to ask for a quote"},
    )
    source = line(null=True)
    observed_on = day()
    inclusions = listed(NamedSlugSchema())
    sample = flag(SAMPLE)


class CostSchema(Schema):
    """Stay, recovery and prices in one destination."""

    country = fields.Nested(CountrySchema(), required=True)
    stay_days = fields.Nested(SpanSchema(), required=True, allow_none=True)
    recovery_weeks = fields.Nested(SpanSchema(), required=True, allow_none=True)
    recovery_note = text(null=True)
    source = line("who says so; null: nobody", null=True)
    prices = listed(PriceSchema())
    sample = flag(SAMPLE)


class WarningSignSchema(Schema):
    sign = text()
    what_to_do = text()
