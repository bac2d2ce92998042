"""Which prices are confirmed: those that somebody vouches for and that are no other price times a factor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from .records.prices import Price, PriceStanding

SAME_FACTOR = 0.001
"""Both ends within 0.1 % of one factor."""


@dataclass(frozen=True)
class Derivation:
    price: Price
    derived_from: Price
    factor: float


def derivations(prices: Sequence[Price]) -> Iterator[Derivation]:
    """Countrywide prices that are an earlier one of another country times a factor; one with a source counts as earlier.

    Single hospitals' prices are left out: so many pairs meet a factor by chance, and each has its own price list.
    """
    countrywide = [price for price in prices if price.hospital is None]
    ordered = sorted(countrywide, key=lambda price: (price.procedure, price.source is None))
    for _, group in groupby(ordered, key=lambda price: price.procedure):
        same = list(group)
        for position, price in enumerate(same):
            found = (Derivation(price, earlier, factor) for earlier in same[:position] if (factor := _factor(earlier, price)))
            yield from list(found)[:1]


def _factor(earlier: Price, later: Price) -> float | None:
    """By what both ends were multiplied; None if they are independent, of one country, or no true ranges."""
    if earlier.country == later.country or earlier.basis != later.basis:
        return None
    if not 0 < earlier.min_minor < earlier.max_minor:
        return None
    low, high = later.min_minor / earlier.min_minor, later.max_minor / earlier.max_minor
    middle = (later.min_minor + later.max_minor) / (earlier.min_minor + earlier.max_minor)
    return middle if low > 0 and abs(high / low - 1) <= SAME_FACTOR else None


def with_standing(prices: Sequence[Price]) -> tuple[Price, ...]:
    derived = {id(derivation.price) for derivation in derivations(prices)}
    return tuple(
        replace(price, standing=PriceStanding.CONFIRMED) if price.source and id(price) not in derived else price for price in prices
    )
