"""Where a record comes from, and what all records carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

Texts: TypeAlias = Mapping[str, str]
"""Language (BCP 47) to text; never empty. A reader falls back: language wanted, its language without region, en, any."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The place in the files: shown in faults and warnings, not part of the catalog."""

    file: str
    path: str
    """JSON pointer (RFC 6901) inside the file, such as /hospitals/3."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where we got a record from. It says nothing about who vouches for its figures: that is a record's own `source`."""

    source: str
    observed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    origin: Origin
    sample: bool = False
    """Invented to have something to look at; every answer that shows it says so."""
    provenance: Provenance | None = None


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A form meant for people's eyes that was read as one of ours."""

    origin: Origin
    code: str
    printed: str


@dataclass(frozen=True, kw_only=True)
class Span:
    """A closed range of whole numbers; its unit is in the name of the field that holds it."""

    min: int
    max: int
