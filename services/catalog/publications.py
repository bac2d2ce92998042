"""Publications: the state of each procedure and hospital as it was last published, and of what is gone that it is gone.

A version is never used twice, not even by a thing that was withdrawn and came back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, exists, select, text
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

TOGETHER = 500
"""So many are published by one statement each for their versions and their records."""
_COUNT_UP = text(
    """
    INSERT INTO publications AS kept (id, topic, slug, version, state)
    SELECT id, topic, slug, 1, state FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:slugs AS text[]), CAST(:states AS jsonb[])) AS new (id, topic, slug, state)
    ON CONFLICT (id) DO UPDATE SET version = kept.version + 1, state = excluded.state RETURNING id, version
    """
)


class StateTooLarge(Exception):
    """What stands in the catalog cannot be published: a text or a list of it is longer than the events allow."""


def publish_states(session: Session, states: Iterable[ProcedureState | HospitalState]) -> dict[UUID, int]:
    """Record each state that is not what was last published, and tombstones for keys that have none any more.

    Returns the new versions by id; a withdrawn one's is among them. Raises StateTooLarge. The caller holds the lock on imports.
    """
    last = {row.id: row for row in session.execute(select(Publication.id, Publication.topic, Publication.slug, Publication.state))}
    now = {state.id: state for state in states}
    news = chain(
        (News(state, state.slug, value) for state in now.values() if (value := _value_if_new(state, last.get(state.id)))),
        (
            News(Tombstone(topic=TOPICS[gone.topic], id=gone.id, version=0), gone.slug, None)
            for gone in last.values()
            if gone.state and gone.id not in now
        ),
    )
    versions: dict[UUID, int] = {}
    while some := list(islice(news, TOGETHER)):
        versions |= _publish(session, some)
    return versions


@dataclass(frozen=True)
class News:
    """What is to be published, without its version; `value`: a state's as JSON."""

    event: ProcedureState | HospitalState | Tombstone
    slug: str
    value: dict[str, Any] | None


def _value_if_new(state: ProcedureState | HospitalState, last: Any) -> dict[str, Any] | None:
    """None where it was published. Raises StateTooLarge for what a reader's schema would refuse."""
    schema = schema_of(type(state))
    whole: dict[str, Any] = orjson.loads(orjson.dumps(schema.dump(state)))
    value = {name: inner for name, inner in whole.items() if name != "version"}
    if last and last.state == value:
        return None
    if faults := schema.validate(whole):
        raise StateTooLarge(f"{state.type} {state.slug}: {orjson.dumps(faults, option=orjson.OPT_NON_STR_KEYS).decode()[:500]}")
    return value


def _publish(session: Session, some: Sequence[News]) -> dict[UUID, int]:
    """The rows are locked and counted up before the outbox is written to, so that ids there follow the order of commits."""
    columns = {
        "ids": [each.event.id for each in some],
        "topics": [each.event.topic.name for each in some],
        "slugs": [each.slug for each in some],
        "states": [None if each.value is None else orjson.dumps(each.value).decode() for each in some],
    }
    versions: dict[UUID, int] = {row.id: row.version for row in session.execute(_COUNT_UP, columns)}
    for each in some:
        try:
            outbox.record(session, replace(each.event, version=versions[each.event.id]))
        except ValueError as fault:
            raise StateTooLarge(f"{each.slug}: {fault}") from fault
    return versions


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
