"""How stories, consent texts and ranking rules are written."""

import hashlib
from typing import Any

from marshmallow import fields, post_load

from services.catalog.importer import kinds
from services.catalog.importer.records import statements
from services.catalog.importer.records.statements import ConsentText

from .making import RecordSchema, ValueSchema


class StoryConsentSchema(ValueSchema):
    makes = statements.StoryConsent
    given_on = kinds.of(kinds.day, required=True)
    reference = kinds.of(kinds.line, required=True)


class StorySchema(RecordSchema):
    makes = statements.Story
    slug = kinds.of(kinds.slug, required=True)
    headline = kinds.of(kinds.texts, required=True)
    body = kinds.of(kinds.texts, required=True)
    author_display = kinds.of(kinds.line, required=True)
    country = kinds.of(kinds.country, required=True)
    procedure = kinds.of(kinds.slug, required=True)
    hospital = kinds.of(kinds.slug)
    consent = fields.Nested(StoryConsentSchema())
    treated_on = kinds.of(kinds.day)


class ConsentTextSchema(RecordSchema):
    """Loads into a record per language."""

    makes = statements.ConsentText
    purpose = fields.Enum(statements.Purpose, by_value=True, required=True)
    version = kinds.whole(1, 10_000, required=True)
    text = kinds.of(kinds.texts, required=True)

    @post_load
    def made(self, data: dict[str, Any], **_: object) -> list[ConsentText]:
        texts = data.pop("text")
        each = [{"language": language, "text": text, "sha256": sha256_of(text)} for language, text in texts.items()]
        return [record for values in each if isinstance(record := super(ConsentTextSchema, self).made(data | values), ConsentText)]


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class RankingRuleSchema(RecordSchema):
    makes = statements.RankingRule
    slug = kinds.of(kinds.slug, required=True)
    text = kinds.of(kinds.texts, required=True)
    order = kinds.listed(fields.Enum(statements.RankingKey, by_value=True), at_least=1)
    procedure = kinds.of(kinds.slug)
    country = kinds.of(kinds.country)
