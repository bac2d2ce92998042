"""marshmallow schemas made from the dataclasses of events, so that each is written once.

Readers use EXCLUDE: a field that a newer writer added is passed over.
"""

import dataclasses
import types
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

MAX_TEXT = 4000
MAX_ITEMS = 2000

_SCALARS: dict[Any, Any] = {
    UUID: fields.UUID,
    bool: fields.Boolean,
    float: fields.Float,
    datetime: fields.AwareDateTime,
    date: fields.Date,
}


_made: dict[type, Schema] = {}


def schema_of(cls: type) -> Schema:
    """The schema of a dataclass: loads to an instance of it, dumps to JSON values. Fields that are not `init` or are marked `wire: False` stay out."""
    if cls not in _made:
        _made[cls] = _make(cls)
    return _made[cls]


def _make(cls: type) -> Schema:
    hints = get_type_hints(cls, include_extras=True)
    wire = {f.name: _field(hints[f.name], f) for f in dataclasses.fields(cls) if f.metadata.get("wire", True)}
    return _DataclassSchema.from_dict(wire, name=f"{cls.__name__}Schema")(cls)  # type: ignore[call-arg,arg-type]


class _DataclassSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    def __init__(self, cls: type | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.cls = cls

    @post_load
    def build(self, values: dict[str, Any], **_: Any) -> Any:
        return self.cls(**values) if self.cls and not issubclass(self.cls, WireOnly) else values


class WireOnly:
    """Mark of classes that the reader builds itself, because part of them stands in headers."""


def _field(hint: Any, declared: "dataclasses.Field[Any]") -> fields.Field[Any]:
    optional = declared.default is not dataclasses.MISSING or declared.default_factory is not dataclasses.MISSING
    made = _field_of(hint)
    made.required = not optional
    if optional:
        made.load_default = declared.default if declared.default is not dataclasses.MISSING else declared.default_factory
    return made


def _field_of(hint: Any) -> fields.Field[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        made = _field_of(arguments[0])
        made.metadata = {"description": arguments[1]}
        return made
    if origin in {Union, types.UnionType}:
        made = _field_of(next(one for one in arguments if one is not type(None)))
        made.allow_none = True
        return made
    if origin is list:
        return fields.List(_field_of(arguments[0]), validate=validate.Length(max=MAX_ITEMS))
    if origin is dict:
        return fields.Dict(keys=fields.String(), values=_field_of(arguments[1]))
    return _scalar(hint)


def _scalar(hint: Any) -> fields.Field[Any]:
    if hint is str:
        return fields.String(validate=validate.Length(max=MAX_TEXT))
    if hint is int:
        return fields.Integer(strict=True)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return fields.Enum(hint, by_value=True)
    if dataclasses.is_dataclass(hint):
        return fields.Nested(schema_of(hint))  # type: ignore[arg-type]
    return _SCALARS[hint]()  # type: ignore[no-any-return]
