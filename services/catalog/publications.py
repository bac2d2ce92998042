"""Publications: the state of each procedure and hospital as it was last published, and of what is gone that it is gone.

A version is never used twice, not even by a thing that was withdrawn and came back.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import outbox
from shared.cli.backups import Restoring
from shared.events import TOPICS, Tombstone
from shared.events.catalog import PROCEDURES, HospitalState, ProcedureState
from shared.events.schemas import schema_of

from .db import Base

# -- table --------------------------------------------------------------------


class Publication(Base):
    """`state` is the value of the record in its topic; NULL: a tombstone was published."""

    __tablename__ = "publications"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str]
    slug: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[dict[str, Any] | None]


# -- rules --------------------------------------------------------------------


class StateTooLarge(Exception):
    """What stands in the catalog cannot be published: a text or a list of it is longer than the events allow."""


def publish_states(session: Session, states: Iterable[ProcedureState | HospitalState]) -> dict[UUID, int]:
    """Record each state that is not what was last published, and tombstones for keys that have none any more.

    Returns the new versions by id; a withdrawn one's is among them. Raises StateTooLarge. The caller holds the lock on imports.
    """
    there = {publication.id: publication for publication in session.scalars(select(Publication))}
    now = {state.id: state for state in states}
    versions = {}
    for state in now.values():
        value = _value_of(state)
        last = there.get(state.id)
        if last is None or last.state != value:
            versions[state.id] = _publish(session, state, value)
    for gone in [last for last in there.values() if last.state is not None and last.id not in now]:
        versions[gone.id] = _withdraw(session, gone)
    return versions


def _value_of(state: ProcedureState | HospitalState) -> dict[str, Any]:
    """The state as JSON, without its version. Raises StateTooLarge for what a reader's schema would refuse."""
    schema = schema_of(type(state))
    value: dict[str, Any] = orjson.loads(orjson.dumps(schema.dump(state)))
    if faults := schema.validate(value):
        raise StateTooLarge(f"{state.type} {state.slug}: {orjson.dumps(faults, option=orjson.OPT_NON_STR_KEYS).decode()[:500]}")
    return {name: inner for name, inner in value.items() if name != "version"}


def _publish(session: Session, state: ProcedureState | HospitalState, value: dict[str, Any]) -> int:
    row = {"id": state.id, "topic": state.topic.name, "slug": state.slug, "state": value}
    version = _next_version(session, row)
    try:
        outbox.record(session, replace(state, version=version))
    except ValueError as fault:
        raise StateTooLarge(f"{state.slug}: {fault}") from fault
    return version


def _withdraw(session: Session, gone: Publication) -> int:
    row = {"id": gone.id, "topic": gone.topic, "slug": gone.slug, "state": None}
    version = _next_version(session, row)
    outbox.record(session, Tombstone(topic=TOPICS[gone.topic], id=gone.id, version=version))
    return version


def _next_version(session: Session, row: dict[str, Any]) -> int:
    """The row is locked and counted up before the outbox is written to, so that ids there follow the order of commits."""
    stated = insert(Publication).values(version=1, **row)
    counted = {"version": Publication.version + 1, "state": stated.excluded.state}
    return session.scalars(stated.on_conflict_do_update(index_elements=["id"], set_=counted).returning(Publication.version)).one()


def republish(session: Session) -> int:
    """Record every last publication once more under the same version, tombstones too; returns how many.

    For topics that were lost: readers that have them pass over what is no newer. One that still waits in the outbox is left alone.
    """
    waiting = exists().where(
        outbox.table.c.topic == Publication.topic, outbox.table.c.key == Publication.id, outbox.table.c.version == Publication.version
    )
    again = session.scalars(select(Publication).where(~waiting).order_by(Publication.topic, Publication.slug)).all()
    for last in again:
        outbox.record(session, _event_of(last))
    return len(again)


def _event_of(last: Publication) -> ProcedureState | HospitalState | Tombstone:
    if last.state is None:
        return Tombstone(topic=TOPICS[last.topic], id=last.id, version=last.version)
    kind = ProcedureState if last.topic == PROCEDURES.name else HospitalState
    state: ProcedureState | HospitalState = schema_of(kind).load({**last.state, "version": last.version})
    return state


# a restored database goes on above every version that was published
RESTORING = Restoring(statements=("UPDATE publications SET version = version + :step",), say_again=lambda session, _: republish(session))
