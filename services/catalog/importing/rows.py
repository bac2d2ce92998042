"""Records of an import as rows of the tables: the same names on both sides, values as the database gives them back."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Table

from services.catalog.cities import City
from services.catalog.consent_texts import ConsentText
from services.catalog.countries import names_of_country
from services.catalog.db import table_of
from services.catalog.doctors import Doctor
from services.catalog.hospitals import Hospital, Offering
from services.catalog.importer import records
from services.catalog.importer.records import hospitals as hospital_records
from services.catalog.importer.records import procedures as procedure_records
from services.catalog.importer.records.origin import Record
from services.catalog.importer.references import KEYS, names_of
from services.catalog.inclusions import Inclusion
from services.catalog.prices import Price
from services.catalog.procedures import DestinationFacts, Procedure
from services.catalog.ranking_rules import RankingRule
from services.catalog.specialties import Specialty
from services.catalog.stories import Story

NAMESPACE = uuid5(NAMESPACE_URL, "passage/catalog")

Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Kind:
    """One list of an import and the table it fills. `deriving` gives, for an import, what makes of a record the columns that other records have a part in."""

    name: str
    table: Table
    deriving: Callable[[records.Import], Callable[[Any], Row]] = lambda _: lambda _: {}
    identified: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        return KEYS[self.name]

    def key_of(self, row: Mapping[str, Any]) -> Key:
        return tuple(row[name] for name in self.key)


def identity(kind: str, *key: str | None) -> UUID:
    """The id of a thing for good: also when it was withdrawn and comes back."""
    return uuid5(NAMESPACE, "/".join([kind, *(part or "" for part in key)]))


def _finding_procedures(found: records.Import) -> Callable[[procedure_records.Procedure], Row]:
    """By its names and synonyms in all languages, and by the specialty."""
    specialties = {each.slug: each.name for each in found.specialties}

    def found_by(procedure: procedure_records.Procedure) -> Row:
        names = [procedure.name, *procedure.synonyms, specialties[procedure.specialty]]
        return {"found_by": _joined(name for texts in names for name in texts.values())}

    return found_by


def _finding_hospitals(found: records.Import) -> Callable[[hospital_records.Hospital], Row]:
    """By its names, and by those of the city and the country."""
    cities = {each.slug: [*names_of(each)] for each in found.cities}

    def found_by(hospital: hospital_records.Hospital) -> Row:
        places = cities[hospital.city] if hospital.city else [hospital.city_given or ""]
        return {"found_by": _joined([*hospital.name.values(), *names_of_country(hospital.country), *places])}

    return found_by


def _joined(names: Iterator[str] | list[str]) -> str:
    return "\n".join(dict.fromkeys(name for name in names if name))


KINDS: tuple[Kind, ...] = (
    Kind("specialties", table_of(Specialty)),
    Kind("cities", table_of(City)),
    Kind("inclusions", table_of(Inclusion)),
    Kind("procedures", table_of(Procedure), _finding_procedures, identified=True),
    Kind("destination_facts", table_of(DestinationFacts)),
    Kind("hospitals", table_of(Hospital), _finding_hospitals, identified=True),
    Kind("prices", table_of(Price), identified=True),
    Kind("offerings", table_of(Offering)),
    Kind("doctors", table_of(Doctor)),
    Kind("stories", table_of(Story)),
    Kind("consent_texts", table_of(ConsentText)),
    Kind("ranking_rules", table_of(RankingRule)),
)
"""In an order in which each names only what stands before it."""


def rows_of(found: records.Import, kind: Kind) -> dict[Key, Row]:
    """The rows an import makes of this kind, by key."""
    derived = kind.deriving(found)
    rows = (_row_of(kind, record, derived(record)) for record in getattr(found, kind.name))
    return {kind.key_of(row): row for row in rows}


def _row_of(kind: Kind, record: Record, derived: Row) -> Row:
    row = {each.name: _column(getattr(record, each.name)) for each in dataclasses.fields(record) if each.name != "origin"}
    row |= derived
    return {"id": identity(kind.name, *kind.key_of(row))} | row if kind.identified else row


def _column(value: object) -> Any:
    """A column's value: days stay days, whatever is nested becomes JSON."""
    return value if isinstance(value, date) else _plain(value)


def _plain(value: object) -> Any:
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat() if isinstance(value, date) else value.isoformat("minutes")
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return value
