"""Records that are read once more, when an operator asks for it: states from the beginning, facts that were ignored, positions that were lost.

Works beside a running consumer, but for set_position; versions and the inbox recognise what both of them see.
"""

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from shared import db, log, writes
from shared.bus import Batch, Incoming
from shared.bus import reading as topics
from shared.config import Settings
from shared.events import REGISTRY, Fact
from shared.inbox import Hearing, acts, consumer_progress, inbox
from shared.inbox.receive import handle, parked_among
from shared.problems import Conflict, Invalid, NotFound


@dataclass
class Read:
    """What became of the records: handled, or why not. `failed` are sentences that name a place, never contents."""

    handled: int = 0
    parked: int = 0  # left alone, because their key is parked: replay that first
    gone: int = 0  # no longer in the topic
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Position:
    """Where a consumer reads on in one partition, and what the partition holds. `lost`: that place is not in it any more."""

    topic: str
    partition: int
    next: int | None
    oldest: int
    newest: int

    @property
    def lost(self) -> bool:
        return self.next is not None and not self.oldest <= self.next <= self.newest


def note(session: Session, hearing: Hearing, *, act: str, subject: str, actor: str, because: str) -> None:
    """Keep who did it and why, in the transaction that does it."""
    session.execute(acts.insert().values(consumer=hearing.name, act=act, subject=subject, actor=actor, because=because))


def acts_of(session: Session, hearing: Hearing, *, after: int | None = None, limit: int = 100) -> Sequence[Row[Any]]:
    """What operators did, the oldest first, those behind the number `after`, at most `limit`."""
    c = acts.c
    query = select(acts).where(c.consumer == hearing.name, c.id > (after or 0))
    return session.execute(query.order_by(c.id).limit(limit)).all()


def rebuild(engine: Engine, settings: Settings, hearing: Hearing, *, topic: str) -> Read:
    """Apply every state of a compacted topic once more, from the beginning; a row that is as new already stays. Raises NotFound for a topic of which no state is heard, BusUnavailable."""
    if topic not in {one.name for one in hearing.states}:
        raise NotFound("not-found")
    done = Read()
    with closing(topics.read(settings, topic)) as batches:
        for batch in batches:
            with db.transaction(engine) as session:
                for record in batch.records:
                    _count(done, record, handle(session, hearing, record))
    return done


def ignored_of(session: Session, hearing: Hearing) -> list[tuple[str, int]]:
    """Types that were ignored, and how many of each."""
    query = select(inbox.c.type, func.count()).where(inbox.c.consumer == hearing.name, inbox.c.outcome == "ignored")
    return [(name, count) for name, count in session.execute(query.group_by(inbox.c.type).order_by(inbox.c.type))]


def replay_ignored(engine: Engine, settings: Settings, hearing: Hearing, *, name: str) -> Read:
    """Handle what came of a type before this release knew it, in the order of each partition, each record in a transaction of its own.

    What came later of the same case was handled long ago: the order is not restored. Raises Conflict where this release does not handle the type, BusUnavailable.
    """
    cls = REGISTRY.get(name)
    if cls is None or not issubclass(cls, Fact) or cls not in hearing.facts:
        raise Conflict("invalid-transition", state="ignored", possible=[], reason=f"this release does not handle {name}")
    done = Read()
    for topic, wanted in _ignored_places(engine, hearing, name).items():
        first = {partition: min(offsets) for partition, offsets in wanted.items()}
        with closing(topics.read(settings, topic, first=first)) as batches:
            for batch in batches:
                _replay_among(engine, hearing, batch, wanted[batch.partition], done)
                if not any(wanted.values()):
                    break
        done.gone += sum(map(len, wanted.values()))
    return done


def _ignored_places(engine: Engine, hearing: Hearing, name: str) -> dict[str, dict[int, set[int]]]:
    """Offsets by topic and partition."""
    c, places = inbox.c, dict[str, dict[int, set[int]]]()
    query = select(c.topic, c.partition, c.offset).where(c.consumer == hearing.name, c.type == name, c.outcome == "ignored")
    with db.transaction(engine) as session:
        for topic, partition, offset in session.execute(query):
            places.setdefault(topic, {}).setdefault(partition, set()).add(offset)
    return places


def _replay_among(engine: Engine, hearing: Hearing, batch: Batch, wanted: set[int], done: Read) -> None:
    for record in batch.records:
        if record.offset in wanted:
            wanted.discard(record.offset)
            with db.transaction(engine) as session:
                _replay(session, hearing, record, done)


def _replay(session: Session, hearing: Hearing, record: Incoming, done: Read) -> None:
    if parked_among(session, hearing, [record]):
        done.parked += 1
        return
    with suppress(_Refused), writes.savepoint(session):
        if _forget(session, hearing, record):
            reason = handle(session, hearing, record)
            _count(done, record, reason)
            if reason is not None:
                raise _Refused  # it stays ignored


class _Refused(Exception):
    """Roll the savepoint back."""


def _forget(session: Session, hearing: Hearing, record: Incoming) -> bool:
    """Take the mark `ignored` away, so that the record is new again; False where somebody else has done so."""
    c = inbox.c
    place = (c.topic == record.topic) & (c.partition == record.partition) & (c.offset == record.offset)
    mine = delete(inbox).where(c.consumer == hearing.name, place, c.outcome == "ignored")
    return session.execute(mine.returning(c.event_id)).first() is not None


def _count(done: Read, record: Incoming, reason: str | None) -> None:
    if reason is None:
        done.handled += 1
    else:
        done.failed.append(f"{record.topic} / {record.partition} / {record.offset}: {reason}")


def positions_of(session: Session, settings: Settings, hearing: Hearing) -> list[Position]:
    """Every partition of every topic heard. Raises BusUnavailable."""
    c = consumer_progress.c
    query = select(c.topic, c.partition, c.next_offset).where(c.consumer == hearing.name)
    known = {(topic, partition): offset for topic, partition, offset in session.execute(query)}
    return [
        Position(topic, partition, known.get((topic, partition)), bounds.oldest, bounds.newest)
        for topic in hearing.topics
        for partition, bounds in topics.bounds_of(settings, topic).items()
    ]


def set_position(session: Session, settings: Settings, hearing: Hearing, *, topic: str, partition: int, to: str) -> int:
    """Read on at `oldest`, `newest` or an offset; returns the offset. What was heard already is recognised, what is passed over is never heard.

    Raises NotFound for a place that is not heard, Invalid for an offset outside the partition, GroupActive while the consumer runs, BusUnavailable.
    """
    bounds = topics.bounds_of(settings, topic).get(partition) if topic in hearing.topics else None
    if bounds is None:
        raise NotFound("not-found")
    named = {"oldest": bounds.oldest, "newest": bounds.newest}
    offset = named[to] if to in named else int(to) if to.isascii() and to.isdigit() and len(to) < 19 else -1
    if not bounds.oldest <= offset <= bounds.newest:
        raise Invalid("invalid", errors=[{"parameter": "to", "reason": f"must be oldest, newest or {bounds.oldest} to {bounds.newest}"}])
    topics.set_position(settings, group=hearing.name, topic=topic, partition=partition, offset=offset)
    place = {"consumer": hearing.name, "topic": topic, "partition": partition}
    fresh = {"next_offset": offset, "starts": 0, "singly_until": -1, "lost_at": None}
    statement = upsert(consumer_progress).values(**place, **fresh)
    session.execute(statement.on_conflict_do_update(index_elements=list(place), set_=fresh))
    log.get(__name__).warning("position set by an operator", topic=topic, partition=partition, offset=offset)
    return offset
