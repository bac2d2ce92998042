"""How hospitals, their offerings and their doctors are written."""

import itertools
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.catalog.importer import kinds
from services.catalog.importer.records import hospitals
from services.catalog.importer.records.hospitals import AuthorisationStanding, WorkingSpan

from .making import RecordSchema, ValueSchema

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class WorkingHoursSchema(Schema):
    """Loads into a span per day."""

    days = kinds.listed(fields.String(validate=validate.OneOf(WEEKDAYS)), at_least=1)
    opens = kinds.of(kinds.clock, required=True)
    closes = kinds.of(kinds.clock, required=True)

    @validates_schema
    def check_order(self, data: dict[str, Any], **_: object) -> None:
        if data["opens"] >= data["closes"]:
            raise ValidationError("Must be later than opens.", "closes")


def spans_of(entries: list[dict[str, Any]]) -> tuple[WorkingSpan, ...]:
    """The week in order. Raises ValidationError if two spans of a day overlap."""
    spans = [
        WorkingSpan(weekday=WEEKDAYS.index(day) + 1, opens=entry["opens"], closes=entry["closes"])
        for entry in entries
        for day in entry["days"]
    ]
    spans.sort(key=lambda span: (span.weekday, span.opens))
    for earlier, later in itertools.pairwise(spans):
        if earlier.weekday == later.weekday and later.opens < earlier.closes:
            raise ValidationError("Must not overlap on one day.", "working_hours")
    return tuple(spans)


class HolidaySchema(ValueSchema):
    makes = hospitals.Holiday
    on = kinds.of(kinds.day, required=True)
    name = kinds.of(kinds.texts, required=True)


class RatingSchema(ValueSchema):
    makes = hospitals.Rating
    count = kinds.whole(0, 10_000_000, required=True)
    average_tenths = kinds.whole(0, 50)
    at_least = kinds.of(kinds.flag)
    source = kinds.of(kinds.line)


class AccreditationSchema(ValueSchema):
    makes = hospitals.Accreditation
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.line, required=True)
    valid_until = kinds.of(kinds.day)


class AuthorisationSchema(ValueSchema):
    makes = hospitals.Authorisation
    standing = fields.Enum(AuthorisationStanding, by_value=True, required=True)
    authority = kinds.of(kinds.line)
    number = kinds.of(kinds.line)
    valid_until = kinds.of(kinds.day)

    @validates_schema
    def check_known(self, data: dict[str, Any], **_: object) -> None:
        missing = {"authority", "number", "valid_until"} - data.keys()
        if data["standing"] is not AuthorisationStanding.UNKNOWN and missing:
            raise ValidationError({name: ["Must be given unless the standing is unknown."] for name in sorted(missing)})


class InsuranceSchema(ValueSchema):
    makes = hospitals.Insurance
    insurer = kinds.of(kinds.line, required=True)
    valid_until = kinds.of(kinds.day, required=True)


class HospitalSchema(RecordSchema):
    makes = hospitals.Hospital
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.texts, required=True)
    country = kinds.of(kinds.country, required=True)
    city = kinds.of(kinds.line)
    timezone = kinds.of(kinds.zone)
    working_hours = kinds.listed(fields.Nested(WorkingHoursSchema()))
    holidays = kinds.listed(fields.Nested(HolidaySchema()))
    languages = kinds.listed(kinds.of(kinds.language))
    doctor_count = kinds.whole(0, 100_000)
    rating = fields.Nested(RatingSchema())
    accreditations = kinds.listed(fields.Nested(AccreditationSchema()))
    authorisation = fields.Nested(AuthorisationSchema())
    complication_insurance = fields.Nested(InsuranceSchema())
    partner = kinds.of(kinds.flag)
    summary = kinds.of(kinds.texts)

    def given(self, data: dict[str, Any]) -> dict[str, Any]:
        """The city is looked up in the gazetteer once all files are read."""
        city = {"city": None, "city_given": data.pop("city", None)}
        return data | city | {"working_hours": spans_of(data.get("working_hours", []))}

    @validates_schema
    def check_partner(self, data: dict[str, Any], **_: object) -> None:
        """A partner is written to and its clock runs in its own hours."""
        missing = {"timezone", "working_hours", "languages"} - data.keys()
        if data.get("partner") and missing:
            raise ValidationError({name: ["Must be given for a partner."] for name in sorted(missing)})


class OfferingSchema(RecordSchema):
    makes = hospitals.Offering
    hospital = kinds.of(kinds.slug, required=True)
    procedure = kinds.of(kinds.slug, required=True)
    department = kinds.of(kinds.texts, required=True)
    evidence = kinds.of(kinds.texts)
    source = kinds.of(kinds.line)


class DoctorSchema(RecordSchema):
    makes = hospitals.Doctor
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.line, required=True)
    title = kinds.of(kinds.texts, required=True)
    specialty = kinds.of(kinds.slug, required=True)
    hospital = kinds.of(kinds.slug, required=True)
    since_year = kinds.whole(1940, 2100)
    languages = kinds.listed(kinds.of(kinds.language))
    procedures = kinds.listed(kinds.of(kinds.slug))
