"""The kinds of value that records are made of, each with its limit. All refuse what is not exactly of their kind.

A kind is a function from what the file holds to the value; it raises ValidationError.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate
from marshmallow.experimental.context import Context

from . import codes
from .records.origin import Origin, Provenance, Span, Texts

LINE = 300
PROSE = 8000
ITEMS = 100
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
CLOCK = re.compile(r"\d{2}:\d{2}", re.ASCII)


@dataclass(frozen=True)
class Surroundings:
    """What a file says for all of its records, and where the record stands."""

    origin: Origin
    language: str
    sample: bool
    provenance: Provenance | None


def surroundings() -> Surroundings:
    return Context[Surroundings].get()


def of(kind: Callable[[object], object], *, required: bool = False) -> fields.Function:
    """A field of a schema that holds one value of that kind."""
    return fields.Function(deserialize=kind, required=required)


def listed(item: fields.Field[Any], *, at_least: int = 0) -> fields.List[Any]:
    """A field that holds a list of such items, a hundred at most."""
    return fields.List(item, required=at_least > 0, validate=validate.Length(at_least, ITEMS))


def whole(least: int, most: int, *, required: bool = False) -> fields.Integer:
    """A field that holds a whole number within these limits."""
    return fields.Integer(strict=True, required=required, validate=validate.Range(least, most))


def _text(value: object, *, limit: int) -> str:
    if not isinstance(value, str):
        raise ValidationError("Must be text.")
    if not value.strip():
        raise ValidationError("Must not be empty.")
    if len(value) > limit:
        raise ValidationError(f"Must not be longer than {limit} characters.")
    return value.strip()


def line(value: object) -> str:
    text = _text(value, limit=LINE)
    if "\n" in text:
        raise ValidationError("Must be one line.")
    return text


def slug(value: object) -> str:
    text = _text(value, limit=80)
    if not SLUG.fullmatch(text):
        raise ValidationError("Must be a slug: small letters and digits, joined by single hyphens.")
    return text


def texts(value: object) -> Texts:
    """A text in one or more languages; a plain one is in the file's language."""
    if not isinstance(value, dict):
        return {surroundings().language: _text(value, limit=PROSE)}
    if not value:
        raise ValidationError("Must have a text in at least one language.")
    faults = {tag: fault for tag, text in value.items() if (fault := _fault_in(tag, text))}
    if faults:
        raise ValidationError(faults)
    return {tag: text.strip() for tag, text in value.items()}


def _fault_in(tag: str, text: object) -> list[str]:
    try:
        language(tag)
        _text(text, limit=PROSE)
    except ValidationError as error:
        return [str(message) for message in error.messages]
    return []


def country(value: object) -> str:
    code = _text(value, limit=80)
    if code not in codes.countries():
        raise ValidationError("Must be the code of a country (ISO 3166-1 alpha-2).")
    return code


def currency(value: object) -> str:
    code = _text(value, limit=80)
    if code not in codes.currencies():
        raise ValidationError("Must be the code of a currency in use (ISO 4217).")
    return code


def language(value: object) -> str:
    tag = _text(value, limit=80)
    if not codes.is_language(tag):
        raise ValidationError("Must be a language tag (BCP 47), such as en or pt-BR.")
    return tag


def zone(value: object) -> str:
    name = _text(value, limit=80)
    if name not in codes.zones():
        raise ValidationError("Must be the name of a time zone (IANA), such as Europe/Istanbul.")
    return name


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValidationError("Must be true or false.")
    return value


def day(value: object) -> date:
    try:
        if isinstance(value, str) and DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError as error:
        raise ValidationError("Must be a day of the calendar.") from error
    raise ValidationError("Must be a day, as in 2026-01-31.")


def clock(value: object) -> time:
    try:
        if isinstance(value, str) and CLOCK.fullmatch(value):
            return time.fromisoformat(value)
    except ValueError as error:
        raise ValidationError("Must be a time of the day.") from error
    raise ValidationError("Must be a time of day, as in 09:30.")


class SpanSchema(Schema):
    min = fields.Integer(required=True, strict=True)
    max = fields.Integer(required=True, strict=True)


def span(least: int, most: int) -> Callable[[object], Span]:
    """The kind of ranges of whole numbers within these limits."""

    def within(value: object) -> Span:
        if not isinstance(value, dict):
            raise ValidationError("Must be a mapping with min and max.")
        found = Span(**SpanSchema().load(value))
        if found.min > found.max:
            raise ValidationError("Must have a min that is not above its max.")
        if found.min < least or found.max > most:
            raise ValidationError(f"Must be within {least} and {most}.")
        return found

    return within
