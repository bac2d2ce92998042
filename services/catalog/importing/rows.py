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
from services.catalog.importer.references import KEYS
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
    """One list of an import and the table it fills. `derived` columns are made of other records."""

    name: str
    table: Table
    derived: Callable[[records.Import, Any], Row] = lambda *_: {}
    identified: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        return KEYS[self.name]

    def key_of(self, row: Mapping[str, Any]) -> Key:
        return tuple(row[name] for name in self.key)


def identity(kind: str, *key: str | None) -> UUID:
    """The id of a thing for good: also when it was withdrawn and comes back."""
    return uuid5(NAMESPACE, "/".join([kind, *(part or "" for part in key)]))


def _found_procedure(found: records.Import, procedure: procedure_records.Procedure) -> Row:
    """By its names and synonyms in all languages, and by the specialty."""
    specialty = next(each for each in found.specialties if each.slug == procedure.specialty)
    names = [procedure.name, *procedure.synonyms, specialty.name]
    return {"found_by": _joined(name for texts in names for name in texts.values())}


def _found_hospital(found: records.Import, hospital: hospital_records.Hospital) -> Row:
    """By its names, and by those of the city and the country."""
    city = next((each for each in found.cities if each.slug == hospital.city), None)
    names = [*hospital.name.values(), *names_of_country(hospital.country)]
    places = [*city.name.values(), *city.other_names] if city else [hospital.city_given or ""]
    return {"found_by": _joined([*names, *places])}


def _joined(names: Iterator[str] | list[str]) -> str:
    return "\n".join(dict.fromkeys(name for name in names if name))


KINDS: tuple[Kind, ...] = (
    Kind("specialties", table_of(Specialty)),
    Kind("cities", table_of(City)),
    Kind("inclusions", table_of(Inclusion)),
    Kind("procedures", table_of(Procedure), _found_procedure, identified=True),
    Kind("destination_facts", table_of(DestinationFacts)),
    Kind("hospitals", table_of(Hospital), _found_hospital, identified=True),
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
    rows = (_row_of(found, kind, record) for record in getattr(found, kind.name))
    return {kind.key_of(row): row for row in rows}


def _row_of(found: records.Import, kind: Kind, record: Record) -> Row:
    row = {each.name: _column(getattr(record, each.name)) for each in dataclasses.fields(record) if each.name != "origin"}
    row |= kind.derived(found, record)
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
