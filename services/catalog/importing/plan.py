"""What an import would add, change and withdraw: the rows it makes against the rows that are there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog.importer import records

from .rows import KINDS, Key, Kind, Row, rows_of


@dataclass(frozen=True)
class Change:
    """A row that is there and is to be another: which fields."""

    row: Row
    fields: tuple[str, ...]


@dataclass(frozen=True)
class KindPlan:
    kind: Kind
    there: int
    """How many there are now."""
    added: Mapping[Key, Row]
    changed: Mapping[Key, Change]
    withdrawn: tuple[Key, ...]


@dataclass(frozen=True)
class Plan:
    kinds: tuple[KindPlan, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        return not any(each.added or each.changed or each.withdrawn for each in self.kinds)

    def lines(self) -> Iterator[str]:
        """For people: one line for each record, + added, ~ changed, - withdrawn."""
        for each in self.kinds:
            name = each.kind.name
            yield from (f"+ {name} {_shown(key)}" for key in each.added)
            yield from (f"~ {name} {_shown(key)}: {', '.join(change.fields)}" for key, change in each.changed.items())
            yield from (f"- {name} {_shown(key)}" for key in each.withdrawn)


def make_plan(session: Session, found: records.Import) -> Plan:
    return Plan(tuple(_plan_kind(session, kind, rows_of(found, kind)) for kind in KINDS))


def _plan_kind(session: Session, kind: Kind, stated: Mapping[Key, Row]) -> KindPlan:
    there = {kind.key_of(row): row for row in map(dict, session.execute(select(kind.table)).mappings())}
    changes = ((key, Change(row, _fields_that_differ(row, there[key]))) for key, row in stated.items() if key in there)
    return KindPlan(
        kind,
        there=len(there),
        added={key: row for key, row in stated.items() if key not in there},
        changed={key: change for key, change in changes if change.fields},
        withdrawn=tuple(key for key in there if key not in stated),
    )


def _fields_that_differ(stated: Row, there: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns only the database fills (versions, folded words) are not compared."""
    return tuple(name for name, value in stated.items() if there[name] != value)


def _shown(key: Key) -> str:
    return "/".join("-" if part is None else str(part) for part in key)
