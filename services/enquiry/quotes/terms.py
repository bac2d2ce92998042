"""What a quote says: priced stages, what is included and what is not, deposit, assumptions, aftercare. Checked for itself, against the procedure and against confirmed prices.

Pure; keeps nothing. Money in minor units (ISO 4217).
"""

from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from shared.events.catalog import PriceRange, ProcedureState
from shared.problems import Fault, field_error

Terms = dict[str, Any]  # as documents.TermsSchema loads them, in JSON values


class Item(StrEnum):
    """What a price can include: the catalog's words for it, so that prices and quotes can be compared."""

    CONSULTATION = "consultation"
    TESTS = "tests-and-imaging"
    SURGICAL_TEAM = "surgical-team"
    ANAESTHESIA = "anaesthesia"
    IMPLANT = "implant-or-device"
    HOSPITAL_STAY = "hospital-stay"
    INTENSIVE_CARE = "intensive-care"
    MEDICINES = "medicines-in-hospital"
    SCREENING_TRIAL = "screening-trial"
    PHYSIOTHERAPY = "physiotherapy"
    FOLLOW_UP = "follow-up-visits"
    INTERPRETER = "interpreter"
    TRANSFER = "airport-transfer"
    COMPANION = "companion-accommodation"
    HOTEL = "hotel"
    COMPLICATIONS = "complication-cover"


class Total(NamedTuple):
    """From `minimum` to `maximum` minor units of `currency`: the same where the price is fixed."""

    minimum: int
    maximum: int
    currency: str


def total_of(terms: Terms) -> Total:
    """The sum of the stages."""
    stages = terms["stages"]
    return Total(sum(one["min_minor"] for one in stages), sum(one["max_minor"] for one in stages), terms["currency"])


def faults_of(terms: Terms, procedure: ProcedureState, *, today: date) -> Iterator[Fault]:
    """What keeps a quote from being issued."""
    total = total_of(terms)
    for at, stage in enumerate(terms["stages"]):
        if stage["max_minor"] < stage["min_minor"]:
            yield Fault("invalid", field_error(f"terms/stages/{at}/max_minor", "is less than min_minor"))
    both = set(terms["included"]) & set(terms["excluded"])
    for item in sorted(both):
        yield Fault("invalid", field_error("terms/excluded", f"{item} is included, too"))
    if not terms["included"]:
        yield Fault("invalid", field_error("terms/included", "say what is in the price"))
    deposit = terms.get("deposit")
    if deposit and deposit["amount_minor"] > total.maximum:
        yield Fault("invalid", field_error("terms/deposit/amount_minor", "is more than the total"))
    yield from _aftercare_faults(terms.get("aftercare"), procedure, today)


def _aftercare_faults(aftercare: dict[str, Any] | None, procedure: ProcedureState, today: date) -> Iterator[Fault]:
    if procedure.device_implanted and not aftercare:
        yield Fault("invalid", field_error("terms/aftercare", "is required where a device is implanted"))
    if aftercare and date.fromisoformat(aftercare["complication_cover_until"]) < today:
        yield Fault("invalid", field_error("terms/aftercare/complication_cover_until", "lies in the past"))


def is_plausible(total: Total, confirmed: Sequence[PriceRange], *, factor: float) -> bool:
    """Whether a total overlaps with what confirmed prices of the same currency make likely: from the least divided by `factor` to the most times it.

    Where there are none, nothing can be said against it.
    """
    same = [one for one in confirmed if one.currency == total.currency]
    if not same:
        return True
    least, most = min(one.min_minor for one in same) / factor, max(one.max_minor for one in same) * factor
    return total.maximum >= least and total.minimum <= most
