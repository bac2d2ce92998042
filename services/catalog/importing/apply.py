"""The transaction of an import: rows, states for everybody else, documents; all of it or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Table, Uuid, cast, column, delete, func, insert, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from services.catalog.composing.composer import compose_all
from services.catalog.db import table_of
from services.catalog.editions import begin_edition
from services.catalog.holdings import Holdings
from services.catalog.hospitals import Hospital
from services.catalog.importer import records
from services.catalog.procedures import Procedure
from services.catalog.publications import publish_states
from services.catalog.states import UNPUBLISHED, hospital_state, procedure_state
from services.catalog.words import recount_words

from .plan import KindPlan, Plan, make_plan

LOCK = 7270971
"""Advisory: one import at a time."""
VERSIONED = {"procedures", "hospitals"}
TIMEOUTS = {"statement_timeout": 60_000, "lock_timeout": 30_000, "idle_in_transaction_session_timeout": 120_000}
"""Milliseconds: composing a whole catalog takes longer than a request may."""
FEW = 10
"""Of so few, any number may be withdrawn."""


class TooSweeping(Exception):
    """More than half of a kind would be withdrawn: perhaps a file was forgotten."""


@dataclass(frozen=True)
class Outcome:
    plan: Plan
    published: int
    """States and tombstones recorded for the topics."""
    composed: int
    """Documents written or removed."""


def apply_import(session: Session, found: records.Import, *, today: date, withdraw_many: bool = False) -> Outcome:
    """Make the catalog what the import says. Documents are composed as of `today` (UTC). Raises StateTooLarge, TooSweeping."""
    lock_imports(session)
    plan = make_plan(session, found)
    if not withdraw_many:
        _refuse_sweep(plan)
    for each in plan.kinds:
        _write(session, each)
    for each in reversed(plan.kinds):
        _withdraw(session, each)
    if not plan.is_empty:
        recount_words(session)
        begin_edition(session)
    published, composed = bring_up_to_date(session, today=today)
    return Outcome(plan, published=published, composed=composed)


def _refuse_sweep(plan: Plan) -> None:
    for each in plan.kinds:
        gone = len(each.withdrawn)
        if each.kind.name in VERSIONED and each.there >= FEW and gone * 2 > each.there:
            raise TooSweeping(f"it would withdraw {gone} of {each.there} {each.kind.name}; say --withdraw-many if that is meant")


def lock_imports(session: Session) -> None:
    """Whoever changes or publishes holds this until the end of its transaction."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def bring_up_to_date(session: Session, *, today: date) -> tuple[int, int]:
    """Publish the states and compose the documents that the rows now make; how many of each changed. The caller holds the lock."""
    holdings = Holdings.read(session)
    procedures = [procedure_state(holdings, procedure) for procedure in holdings.procedures.values()]
    hospitals = [hospital_state(holdings, hospital) for hospital in holdings.hospitals.values()]
    versions = publish_states(session, [*procedures, *hospitals])
    for model in (Procedure, Hospital):
        _count_up(session, table_of(model), versions)
    composed = compose_all(session, holdings, today=today)
    if versions or composed:
        begin_edition(session)
    return len(versions), composed


def _write(session: Session, planned: KindPlan) -> None:
    """Parents stand before their children in the plan."""
    table = planned.kind.table
    if planned.added:
        first = {"version": UNPUBLISHED} if planned.kind.name in VERSIONED else {}
        session.execute(insert(table), [row | first for row in planned.added.values()])
    for change in planned.changed.values():
        its_key = [table.c[name].is_not_distinct_from(change.row[name]) for name in planned.kind.key]
        session.execute(update(table).where(*its_key).values({name: change.row[name] for name in change.fields}))


def _withdraw(session: Session, planned: KindPlan) -> None:
    columns = [planned.kind.table.c[name] for name in planned.kind.key]
    for key in planned.withdrawn:
        its_key = [column.is_not_distinct_from(part) for column, part in zip(columns, key, strict=True)]
        session.execute(delete(planned.kind.table).where(*its_key))


def _count_up(session: Session, table: Table, versions: Mapping[UUID, int]) -> None:
    given = func.unnest(cast(list(versions), ARRAY(Uuid)), cast(list(versions.values()), ARRAY(BigInteger)))
    new = given.table_valued(column("id", Uuid), column("version", BigInteger)).render_derived()
    if versions:
        session.execute(update(table).where(table.c.id == new.c.id).values(version=new.c.version))
