"""Parameters of lists: how slugs and countries are given, and what is said where one is unknown."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.problems import Invalid, NotFound

from .importer.codes import countries

SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*\Z"
LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z"


def slug_parameter(example: str, *, required: bool = False) -> fields.String:
    return fields.String(required=required, validate=[validate.Length(1, 80), validate.Regexp(SLUG)], metadata={"examples": [example]})


def country_parameter(*, required: bool = False) -> fields.String:
    metadata = {"description": "ISO 3166-1 alpha-2", "examples": ["TR"]}
    return fields.String(required=required, validate=validate.Regexp(r"[A-Z]{2}\Z"), metadata=metadata)


def language_parameter(about: str) -> fields.String:
    return fields.String(
        validate=[validate.Length(2, 35), validate.Regexp(LANGUAGE)],
        metadata={"description": f"BCP 47; {about}", "examples": ["en", "tr", "ar"]},
    )


def require_known(session: Session, named: Mapping[str, tuple[Any, InstrumentedAttribute[str]]], *, country: str | None = None) -> None:
    """Raises Invalid(slug-unknown) naming each parameter whose slug stands in no row. Asked only where a list came out empty."""
    given = {name: pair for name, pair in named.items() if pair[0] is not None}
    unknown = [name for name, (slug, column) in given.items() if not session.scalar(select(exists().where(column == slug)))]
    if country is not None and country not in countries():
        unknown.append("country")
    if unknown:
        raise Invalid("slug-unknown", errors=[{"parameter": name, "reason": "names nothing we know"} for name in unknown])


def without_nul(part: str) -> str:
    """A part of a path as it came. Raises NotFound: nothing is called so, and PostgreSQL takes no NUL."""
    if "\x00" in part:
        raise NotFound("not-found")
    return part
