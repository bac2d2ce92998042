"""What a procedure is said to cost."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .origin import Record


class Basis(StrEnum):
    ESTIMATE = "estimate"
    """A range somebody names without seeing the patient."""
    PROCEDURE_ONLY = "procedure_only"
    PACKAGE = "package"
    """Procedure, stay and what `inclusions` lists."""


class PriceStanding(StrEnum):
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, kw_only=True)
class Price(Record):
    """Key: (procedure, country, hospital, basis). Amounts in minor units of `currency` (ISO 4217).

    `standing` is derived, never read: confirmed only with a source and not derived from another price.
    """

    procedure: str
    country: str
    hospital: str | None
    min_minor: int
    max_minor: int
    currency: str
    basis: Basis
    source: str | None
    observed_on: date | None
    inclusions: tuple[str, ...]
    standing: PriceStanding = PriceStanding.UNCONFIRMED
