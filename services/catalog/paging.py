"""Pages of lists that are ordered by slug (or code): `limit`, an opaque `after`, and `next` in the answer."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from shared import web
from shared.problems import Invalid

MOST = 100


class PageQuery(web.Query):
    limit = fields.Integer(load_default=20, validate=validate.Range(1, MOST), metadata={"description": "items a page", "examples": [20]})
    after = fields.String(
        validate=validate.Length(1, 200), metadata={"description": "`next` of the page before, as it was given, with the same filters"}
    )


class PageSchema(web.Schema):
    """What all lists have."""

    next = fields.String(required=True, allow_none=True, metadata={"description": "`after` of the next page; null: there is none"})


def token(slug: str) -> str:
    return base64.urlsafe_b64encode(slug.encode()).decode().rstrip("=")


def place(after: str | None) -> str:
    """The slug to go on behind; empty at the beginning. Raises Invalid."""
    if after is None:
        return ""
    try:
        found = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as fault:
        raise Invalid("page-invalid") from fault
    if not found.isprintable():
        raise Invalid("page-invalid")
    return found


def page(rows: Sequence[tuple[str, Any]], limit: int) -> dict[str, Any]:
    """`rows` are (slug, item), one more than `limit` where there are more."""
    more = len(rows) > limit
    return {"items": [item for _, item in rows[:limit]], "next": token(rows[limit - 1][0]) if more else None}
