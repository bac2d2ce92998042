"""Keyset pages: `limit` and an opaque `after`, over ids that are ordered by time, or over numbers.

Knows no table.
"""

import base64
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

from shared import web
from shared.problems import Invalid

DEFAULT, MOST = 20, 100
_MOST_NUMBER = 2**63 - 1  # of a bigint: PostgreSQL would refuse to compare with more
T = TypeVar("T")


class PageQuery(web.Query):
    """Where a list goes on, and how much of it is wanted."""

    limit = fields.Integer(
        strict=False, load_default=DEFAULT, validate=validate.Range(1, MOST), metadata={"description": f"how many, 1 to {MOST}"}
    )
    after = fields.String(
        load_default=None, validate=validate.Length(1, 64), metadata={"description": "the `next` of the page before, as it was given"}
    )


class PageSchema(web.Schema):
    """What every list has beside its items."""

    next = fields.String(allow_none=True, metadata={"description": "send it as `after` for the next page; null: there are no more"})


def token(last: UUID | int) -> str:
    """Opaque: where the next page begins, behind an id or a number."""
    place = last if isinstance(last, UUID) else UUID(int=last)
    return base64.urlsafe_b64encode(place.bytes).rstrip(b"=").decode()


def place(after: str | None) -> UUID | None:
    """Raises Invalid(page-invalid)."""
    if after is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(after + "=="))
    except ValueError as fault:
        raise Invalid("page-invalid") from fault


def number(after: str | None) -> int | None:
    """The same for lists that are ordered by numbers. Raises Invalid(page-invalid)."""
    found = place(after)
    if found is not None and found.int > _MOST_NUMBER:
        raise Invalid("page-invalid")
    return None if found is None else found.int


def newest_first(
    query: Select[Any], column: InstrumentedAttribute[UUID] | ColumnElement[UUID], *, after: UUID | None, limit: int
) -> Select[Any]:
    """One row more than `limit`, from the newest id down."""
    return (query.where(column < after) if after else query).order_by(column.desc()).limit(limit + 1)


def oldest_first(
    query: Select[Any], column: InstrumentedAttribute[UUID] | ColumnElement[UUID], *, after: UUID | None, limit: int
) -> Select[Any]:
    """One row more than `limit`, from the oldest id up."""
    return (query.where(column > after) if after else query).order_by(column).limit(limit + 1)


def page(rows: Sequence[T], *, limit: int, key: str = "id") -> dict[str, Any]:
    """`{items, next}` of at most `limit` rows, made from one row more."""
    items = list(rows[:limit])
    more = len(rows) > limit
    return {"items": items, "next": token(getattr(items[-1], key)) if more else None}
