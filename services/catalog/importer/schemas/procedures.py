"""How procedures and their destinations are written."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from services.catalog.importer import kinds
from services.catalog.importer.records import procedures
from services.catalog.importer.records.procedures import AnswerKind

from .making import RecordSchema, ValueSchema

STAY_DAYS = kinds.span(0, 365)
RECOVERY_WEEKS = kinds.span(0, 520)


class WantedDocumentSchema(ValueSchema):
    makes = procedures.WantedDocument
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.texts, required=True)


class PreparationSchema(ValueSchema):
    makes = procedures.Preparation
    text = kinds.of(kinds.texts, required=True)
    days_before = kinds.whole(0, 365)
    document_required = fields.Nested(WantedDocumentSchema())


class RiskSchema(ValueSchema):
    makes = procedures.Risk
    text = kinds.of(kinds.texts, required=True)
    severity = fields.Enum(procedures.Severity, by_value=True)


class WarningSignSchema(ValueSchema):
    makes = procedures.WarningSign
    text = kinds.of(kinds.texts, required=True)
    what_to_do = kinds.of(kinds.texts, required=True)


class FollowupSchema(ValueSchema):
    makes = procedures.Followup
    kind = kinds.of(kinds.texts, required=True)
    every_months = kinds.of(kinds.span(1, 240))
    where = fields.Enum(procedures.Where, by_value=True, required=True)

    def given(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"every_months": None} | data


class FaqSchema(ValueSchema):
    makes = procedures.Faq
    question = kinds.of(kinds.texts, required=True)
    answer = kinds.of(kinds.texts, required=True)
    reviewed_on = kinds.of(kinds.day)


class StageSchema(ValueSchema):
    makes = procedures.Stage
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.texts, required=True)


class ChoiceSchema(ValueSchema):
    makes = procedures.Choice
    slug = kinds.of(kinds.slug, required=True)
    label = kinds.of(kinds.texts, required=True)


class IntakeQuestionSchema(ValueSchema):
    makes = procedures.IntakeQuestion
    slug = kinds.of(kinds.slug, required=True)
    question = kinds.of(kinds.texts, required=True)
    kind = fields.Enum(AnswerKind, by_value=True, required=True)
    required = kinds.of(kinds.flag)
    hint = kinds.of(kinds.texts)
    choices = kinds.listed(fields.Nested(ChoiceSchema()))
    min = kinds.whole(-1_000_000, 1_000_000)
    max = kinds.whole(-1_000_000, 1_000_000)
    unit = kinds.of(kinds.texts)

    @validates_schema
    def check_choices(self, data: dict[str, Any], **_: object) -> None:
        if (data["kind"] is AnswerKind.CHOICE) != (len(data.get("choices", [])) >= 2):
            raise ValidationError("Must be two or more for a choice, and absent otherwise.", "choices")

    @validates_schema
    def check_limits(self, data: dict[str, Any], **_: object) -> None:
        if "min" in data and "max" in data and data["min"] > data["max"]:
            raise ValidationError("Must not be above max.", "min")
        if data["kind"] is AnswerKind.NUMBER and not {"min", "max"} <= data.keys():
            raise ValidationError("A number must have min and max.", "max")
        if data["kind"] not in {AnswerKind.NUMBER, AnswerKind.TEXT} and data.keys() & {"min", "max", "unit"}:
            raise ValidationError("Only numbers and texts have limits.", "max")


class ProcedureSchema(RecordSchema):
    makes = procedures.Procedure
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.texts, required=True)
    synonyms = kinds.listed(kinds.of(kinds.texts))
    specialty = kinds.of(kinds.slug, required=True)
    summary = kinds.of(kinds.texts, required=True)
    overview = kinds.of(kinds.texts, required=True)
    mechanism = kinds.of(kinds.texts)
    conditions = kinds.listed(kinds.of(kinds.texts))
    alternatives = kinds.listed(kinds.of(kinds.texts))
    performed_by = kinds.listed(kinds.of(kinds.slug))
    device_implanted = kinds.of(kinds.flag)
    highlights = kinds.listed(kinds.of(kinds.texts))
    indications = kinds.listed(kinds.of(kinds.texts))
    preparation = kinds.listed(fields.Nested(PreparationSchema()))
    risks = kinds.listed(fields.Nested(RiskSchema()))
    warning_signs = kinds.listed(fields.Nested(WarningSignSchema()))
    recovery_notes = kinds.listed(kinds.of(kinds.texts))
    restrictions = kinds.listed(kinds.of(kinds.texts))
    carry = kinds.listed(kinds.of(kinds.texts))
    followups = kinds.listed(fields.Nested(FollowupSchema()))
    stay_days = kinds.of(STAY_DAYS)
    recovery_weeks = kinds.of(RECOVERY_WEEKS)
    recovery_note = kinds.of(kinds.texts)
    stages = kinds.listed(fields.Nested(StageSchema()))
    intake = kinds.listed(fields.Nested(IntakeQuestionSchema()))
    faqs = kinds.listed(fields.Nested(FaqSchema()))
    reviewed_by = kinds.of(kinds.line)
    reviewed_on = kinds.of(kinds.day)

    @validates_schema
    def check_review(self, data: dict[str, Any], **_: object) -> None:
        if ("reviewed_by" in data) != ("reviewed_on" in data):
            raise ValidationError("Goes with reviewed_on: both or neither.", "reviewed_by")


class DestinationFactsSchema(RecordSchema):
    makes = procedures.DestinationFacts
    procedure = kinds.of(kinds.slug, required=True)
    country = kinds.of(kinds.country, required=True)
    stay_days = kinds.of(STAY_DAYS)
    recovery_weeks = kinds.of(RECOVERY_WEEKS)
    recovery_note = kinds.of(kinds.texts)
    source = kinds.of(kinds.line)
    compared_with = kinds.listed(kinds.of(kinds.country))
