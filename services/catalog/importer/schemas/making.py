"""From the fields of a schema to its record, with what the file says for all of its records."""

from typing import Any, ClassVar

from marshmallow import Schema, fields, post_load

from services.catalog.importer import kinds
from services.catalog.importer.records.origin import Provenance


class ValueSchema(Schema):
    """Loads into `makes`, lists as tuples."""

    makes: ClassVar[type]

    def given(self, data: dict[str, Any]) -> dict[str, Any]:
        """The record's values from the fields; a schema whose fields differ from its record says how here."""
        return data

    @post_load
    def made(self, data: dict[str, Any], **_: object) -> object:
        return self.makes(**{name: tuple(value) if isinstance(value, list) else value for name, value in self.given(data).items()})


class ProvenanceSchema(ValueSchema):
    makes = Provenance
    source = kinds.of(kinds.line, required=True)
    observed_on = kinds.of(kinds.day)


class RecordSchema(ValueSchema):
    sample = kinds.of(kinds.flag)
    provenance = fields.Nested(ProvenanceSchema())

    @post_load
    def made(self, data: dict[str, Any], **_: object) -> object:
        around = kinds.surroundings()
        defaults = {"sample": around.sample, "provenance": around.provenance}
        return super().made(defaults | data | {"origin": around.origin})
