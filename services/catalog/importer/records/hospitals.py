"""Hospitals, what they offer, and their doctors."""

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from .origin import Record, Texts


class AuthorisationStanding(StrEnum):
    UNKNOWN = "unknown"
    VALID = "valid"
    LAPSED = "lapsed"


@dataclass(frozen=True, kw_only=True)
class Authorisation:
    """The right to treat patients from abroad. Unless unknown, all of authority, number and valid_until are given."""

    standing: AuthorisationStanding = AuthorisationStanding.UNKNOWN
    authority: str | None = None
    number: str | None = None
    valid_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Insurance:
    """The complication insurance that Turkey's rules of 2025 ask for."""

    insurer: str
    valid_until: date


@dataclass(frozen=True, kw_only=True)
class WorkingSpan:
    """Local time of the hospital; `closes` is later than `opens`; one weekday may have several that don't overlap."""

    weekday: int
    """ISO 8601: 1 is Monday, 7 Sunday."""
    opens: time
    closes: time


@dataclass(frozen=True, kw_only=True)
class Holiday:
    on: date
    name: Texts


@dataclass(frozen=True, kw_only=True)
class Rating:
    """`average` is in tenths (47 is 4.7) and None if nobody gave one; it is never made up from anything else."""

    count: int
    average_tenths: int | None = None
    at_least: bool = False
    """The count was printed as "12+"."""
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Accreditation:
    """Key inside the hospital: slug, such as jci."""

    slug: str
    name: str
    valid_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Hospital(Record):
    """Key: slug."""

    slug: str
    name: Texts
    country: str
    city: str | None
    """Slug of a city of the gazetteer; None if the name given is not in it."""
    city_given: str | None
    timezone: str | None = None
    working_hours: tuple[WorkingSpan, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    languages: tuple[str, ...] = ()
    doctor_count: int | None = None
    rating: Rating | None = None
    accreditations: tuple[Accreditation, ...] = ()
    authorisation: Authorisation = Authorisation()
    complication_insurance: Insurance | None = None
    partner: bool = False
    summary: Texts | None = None


@dataclass(frozen=True, kw_only=True)
class Offering(Record):
    """Key: (hospital, procedure)."""

    hospital: str
    procedure: str
    department: Texts
    evidence: Texts | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Doctor(Record):
    """Key: slug. `specialty`, `hospital` and `procedures` are slugs."""

    slug: str
    name: str
    title: Texts
    specialty: str
    hospital: str
    since_year: int | None = None
    languages: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
