"""How prices are written: whole numbers of minor units, with a currency."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from services.catalog.importer import kinds
from services.catalog.importer.records import prices

from .making import RecordSchema

MOST_MINOR = 10**13
"""A hundred thousand million in a currency of two decimals: beyond any treatment in any currency."""


class AmountSchema(Schema):
    min_minor = kinds.whole(0, MOST_MINOR, required=True)
    max_minor = kinds.whole(0, MOST_MINOR, required=True)
    currency = kinds.of(kinds.currency, required=True)

    @validates_schema
    def check_order(self, data: dict[str, Any], **_: object) -> None:
        if data["min_minor"] > data["max_minor"]:
            raise ValidationError("Must not be above max_minor.", "min_minor")


class PriceSchema(RecordSchema):
    makes = prices.Price
    procedure = kinds.of(kinds.slug, required=True)
    country = kinds.of(kinds.country, required=True)
    hospital = kinds.of(kinds.slug)
    amount = fields.Nested(AmountSchema(), required=True)
    basis = fields.Enum(prices.Basis, by_value=True, required=True)
    source = kinds.of(kinds.line)
    observed_on = kinds.of(kinds.day)
    inclusions = kinds.listed(kinds.of(kinds.slug))

    def given(self, data: dict[str, Any]) -> dict[str, Any]:
        amount: dict[str, Any] = data.pop("amount")
        return {"hospital": None, "source": None, "observed_on": None, "inclusions": ()} | amount | data

    @validates_schema
    def check_source(self, data: dict[str, Any], **_: object) -> None:
        if "source" in data and "observed_on" not in data:
            raise ValidationError("A price with a source says when it was seen.", "observed_on")
