"""Pages of a list: `limit`, an opaque `after`, and `next` in the answer, the same in every service.

A place is the key of the last item shown (an id, a number, a slug); knows no table.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from marshmallow import fields, validate

from shared import web
from shared.problems import Invalid

MOST = 100
_MOST_NUMBER = 2**63 - 1  # of a bigint: PostgreSQL would refuse to compare with more
T = TypeVar("T")


class PageQuery(web.Query):
    """Where a list goes on, and how much of it is wanted."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, MOST), metadata={"description": "items a page", "examples": [20]})
    after = fields.String(
        load_default=None,
        validate=validate.Length(1, 200),
        metadata={"description": "`next` of the page before, as it was given, with the same filters"},
    )


class PageSchema(web.Schema):
    """What every list has beside its items."""

    next = fields.String(required=True, allow_none=True, metadata={"description": "`after` of the next page; null: there is none"})


def page(rows: Sequence[T], *, limit: int, key: Callable[[T], object]) -> dict[str, Any]:
    """`{items, next}` of at most `limit` rows, made from one row more; `key` is the place of a row."""
    items = list(rows[:limit])
    return {"items": items, "next": token(key(items[-1])) if len(rows) > limit else None}


def token(last: object) -> str:
    """Opaque: behind which key the next page begins."""
    return base64.urlsafe_b64encode(str(last).encode()).decode().rstrip("=")


def place(after: str | None) -> str | None:
    """The key to go on behind; None at the beginning. Raises Invalid(page-invalid)."""
    if after is None:
        return None
    try:
        found = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as fault:
        raise Invalid("page-invalid") from fault
    if not found.isprintable():
        raise Invalid("page-invalid")
    return found


def id_place(after: str | None) -> UUID | None:
    """The same for lists whose keys are ids. Raises Invalid(page-invalid)."""
    found = place(after)
    try:
        return None if found is None else UUID(found)
    except ValueError as fault:
        raise Invalid("page-invalid") from fault


def number_place(after: str | None) -> int | None:
    """The same for lists whose keys are numbers. Raises Invalid(page-invalid)."""
    found = place(after)
    if found is None:
        return None
    if not found.isdigit() or len(found) > 19 or int(found) > _MOST_NUMBER:
        raise Invalid("page-invalid")
    return int(found)
