"""Holdings: everything the catalog holds, read at once, for what is composed from all of it. Never used to answer a request."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from .cities import City
from .consent_texts import ConsentText, newest
from .db import Base
from .doctors import Doctor
from .hospitals import Hospital, Offering
from .inclusions import Inclusion
from .prices import Price
from .procedures import DestinationFacts, Procedure
from .ranking_rules import RankingRule, position_of, rule_for
from .specialties import Specialty
from .stories import Story

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True)
class Offered:
    """A hospital of a destination and what it says of the procedure there."""

    hospital: Hospital
    offering: Offering


@dataclass(frozen=True)
class Holdings:
    """Rows by their keys, or lists by what they belong to, each in a fixed order."""

    specialties: Mapping[str, Specialty]
    cities: Mapping[str, City]
    inclusions: Mapping[str, Inclusion]
    procedures: Mapping[str, Procedure]
    hospitals: Mapping[str, Hospital]
    destinations: Mapping[str, Sequence[DestinationFacts]]
    prices: Mapping[str, Sequence[Price]]
    offerings: Sequence[Offering]
    doctors: Mapping[str, Sequence[Doctor]]
    stories: Mapping[str, Sequence[Story]]
    consent_texts: Sequence[ConsentText]
    rules: Sequence[RankingRule]

    @classmethod
    def read(cls, session: Session) -> Self:
        return cls(
            specialties=_by_slug(session, Specialty),
            cities=_by_slug(session, City),
            inclusions=_by_slug(session, Inclusion),
            procedures=_by_slug(session, Procedure),
            hospitals=_by_slug(session, Hospital),
            destinations=_by("procedure", _all(session, DestinationFacts)),
            prices=_by("procedure", _all(session, Price, "country", "hospital", "basis")),
            offerings=_all(session, Offering),
            doctors=_by("hospital", _all(session, Doctor)),
            stories=_by("procedure", _all(session, Story)),
            consent_texts=newest(_all(session, ConsentText)),
            rules=_all(session, RankingRule),
        )

    @cached_property
    def _offered(self) -> Mapping[tuple[str, str], list[Offered]]:
        found: dict[tuple[str, str], list[Offered]] = defaultdict(list)
        for offering in self.offerings:
            hospital = self.hospitals[offering.hospital]
            found[offering.procedure, hospital.country].append(Offered(hospital, offering))
        return found

    @cached_property
    def _procedures_of(self) -> Mapping[str, list[Offering]]:
        return _by("hospital", self.offerings)

    def offered(self, procedure: str, country: str) -> list[Offered]:
        """Who offers it there, in the order of the ranking rule (by name where there is none)."""
        rule = rule_for(self.rules, procedure=procedure, country=country)
        there = self._offered.get((procedure, country), [])
        return sorted(there, key=lambda each: position_of(rule, each.hospital, has_evidence=each.offering.evidence is not None))

    def offerings_of(self, hospital: str) -> list[Offering]:
        return self._procedures_of.get(hospital, [])


def _all(session: Session, model: type[Row], *order: str) -> list[Row]:
    keys = order or tuple(column.name for column in model.__table__.primary_key)
    return list(session.scalars(select(model).order_by(*(getattr(model, key) for key in keys))))


def _by_slug(session: Session, model: type[Row]) -> dict[str, Row]:
    rows: list[Any] = _all(session, model, "slug")
    return {row.slug: row for row in rows}


def _by(name: str, rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return dict(found)
