"""Quotes side by side on the same lines, and what changed between two versions of one. What a quote does not say is called so, never guessed.

Pure: takes terms, gives documents.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from .terms import Item, Terms, total_of

INCLUDED, EXCLUDED, NOT_SAID = "included", "excluded", "not_said"


def said_of(terms: Terms, item: str) -> str:
    """What a quote says of an item: included, excluded or not_said."""
    if item in terms["included"]:
        return INCLUDED
    return EXCLUDED if item in terms["excluded"] else NOT_SAID


def compare(quotes: Mapping[UUID, Terms]) -> dict[str, Any]:
    """`{lines, totals}`: for each item that any quote names, what each says of it; whether the totals may be compared, and if not, why."""
    lines = [_line(item, quotes) for item in Item if any(said_of(terms, item) != NOT_SAID for terms in quotes.values())]
    return {"lines": lines, "totals": _totals(quotes, lines)}


def _line(item: str, quotes: Mapping[UUID, Terms]) -> dict[str, Any]:
    said = [{"quote": str(quote_id), "says": said_of(terms, item)} for quote_id, terms in quotes.items()]
    return {"item": str(item), "differs": len({one["says"] for one in said}) > 1, "quotes": said}


def _totals(quotes: Mapping[UUID, Terms], lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Totals stand beside each other always; they are ranked only where the same things are in them, in the same money."""
    totals = {quote_id: total_of(terms) for quote_id, terms in quotes.items()}
    reasons = []
    if len({one.currency for one in totals.values()}) > 1:
        reasons.append("currencies_differ")
    if any(line["differs"] for line in lines):
        reasons.append("inclusions_differ")
    if any(line["included"] for terms in quotes.values() for line in terms["free_lines"]):
        reasons.append("free_lines")
    comparable = len(totals) > 1 and not reasons
    ranked = sorted(totals, key=lambda one: (totals[one].minimum, totals[one].maximum, str(one))) if comparable else []
    return {"comparable": comparable, "reasons": reasons, "by_price": [str(one) for one in ranked]}


def difference(before: Terms, after: Terms) -> list[dict[str, Any]]:
    """What changed from one version to the next: `{field, before, after}` with a path such as stages/0/max_minor; None where it was not there."""
    was, now = dict(_leaves(before)), dict(_leaves(after))
    return [
        {"field": field, "before": was.get(field), "after": now.get(field)}
        for field in [*was, *(one for one in now if one not in was)]
        if was.get(field) != now.get(field)
    ]


def _leaves(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """Lists of words are sets: their order says nothing."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _leaves(one, f"{path}/{name}" if path else name)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(one, str) for one in value):
            yield from ((f"{path}/{one}", True) for one in sorted(value))
        else:
            for at, one in enumerate(value):
                yield from _leaves(one, f"{path}/{at}")
    elif value is not None:
        yield path, value
