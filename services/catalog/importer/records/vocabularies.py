"""The words that other records name by slug: specialties, cities, inclusions."""

from dataclasses import dataclass

from .origin import Record, Texts


@dataclass(frozen=True, kw_only=True)
class Specialty(Record):
    """Key: slug."""

    slug: str
    name: Texts
    practitioner: Texts
    """The person: Neurosurgeon."""
    operates: bool
    """Whether its people operate or implant devices; a procedure that implants one needs at least one who does."""


@dataclass(frozen=True, kw_only=True)
class City(Record):
    """Key: slug. The gazetteer."""

    slug: str
    country: str
    name: Texts
    other_names: tuple[str, ...] = ()
    province: str | None = None
    districts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Inclusion(Record):
    """Key: slug. The one vocabulary of what a price or a quote may include."""

    slug: str
    name: Texts
