"""A procedure by itself: what holds in every country, and where there is a page of it."""

from services.catalog.procedures import Procedure

from . import pages, parts
from .parts import Value, View


def overview(view: View, procedure: Procedure) -> Value:
    return parts.document(
        view,
        {
            "sample": procedure.sample,
            "unconfirmed": parts.codes([("review", procedure.reviewed_by is None)]),
            **pages.about(view, procedure),
            "destinations": parts.destinations_of(view, procedure),
        },
    )


def prices(view: View, procedure: Procedure) -> Value:
    """What it is said to cost, by country."""
    known = view.holdings.prices.get(procedure.slug, [])
    return parts.document(
        view,
        {
            "sample": procedure.sample,
            "unconfirmed": parts.codes([("prices", any(price.standing == "unconfirmed" for price in known))]),
            "procedure": parts.named(procedure, view.language),
            "costs": parts.cost_lines(view, procedure),
        },
    )
