"""Doubts about prices: who vouches for them, what they include, whether they were observed at all."""

from collections.abc import Iterator

from services.catalog.importer import standing
from services.catalog.importer.records import Import

from .verdicts import CatalogWarning, warning


def derived(found: Import) -> Iterator[CatalogWarning]:
    """A range that is another country's times one factor, at both ends within 0.1 %: not an independent observation."""
    for derivation in standing.derivations(found.prices):
        price, earlier = derivation.price, derivation.derived_from
        yield warning(
            "price.derived", price.origin, country=price.country, derived_from=earlier.country, factor=round(derivation.factor, 4)
        )


def without_source(found: Import) -> Iterator[CatalogWarning]:
    for price in found.prices:
        if price.source is None:
            yield warning("price.no_source", price.origin, procedure=price.procedure, country=price.country)


def without_inclusions(found: Import) -> Iterator[CatalogWarning]:
    for price in found.prices:
        if not price.inclusions:
            yield warning("price.no_inclusions", price.origin, procedure=price.procedure, country=price.country)
