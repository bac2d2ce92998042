"""The batches of a poll, in one transaction: recognised, handled, parked or ignored, and never half.

Knows rows only; shared.inbox.consume does the talking to Kafka.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from shared import db, log, metrics, tracing, writes
from shared.bus import Batch, Incoming
from shared.events import Envelope, Fact, UnknownType, Unreadable, decode, is_heartbeat
from shared.inbox import Hearing, consumer_progress, dead_letters, parked_keys

logger = log.get(__name__)

TRIES = 3  # of a handler that fails; then its key is parked
STARTS = 3  # of a batch that ends the process; then its records are taken singly, and after as many more the culprit is parked


class TooManyParked(Exception):
    """More keys are parked than is allowed: the release is bad, not the records. Stop rather than drain the topic."""


def begin(engine: Engine, hearing: Hearing, batch: Batch, *, again: bool = False) -> tuple[Batch, bool]:
    """Count a start, committed before the work: returns the batch to take now, and whether its first record is to be parked unread.

    `again`: this process has begun it before and lives, the database was in trouble: no start is counted, or an outage would be held against the record.
    """
    first, last = batch.records[0].offset, batch.records[-1].offset
    with db.transaction(engine) as session:
        starts, singly_until, _ = session.execute(_COUNT_START, {**_where(hearing, batch), "first": first, "one": 0 if again else 1}).one()
        if starts > STARTS and first > singly_until:
            singly_until, starts = last, 1
            session.execute(_TAKE_SINGLY, {**_where(hearing, batch), "last": last})
    if first > singly_until:
        return batch, False
    return Batch(batch.topic, batch.partition, batch.records[:1]), starts > STARTS


def begin_together(engine: Engine, hearing: Hearing, batches: Sequence[Batch]) -> bool:
    """Count a start of each at once; False, and nothing counted, where one of them was begun before and not ended: they are begun one by one then, or all would be held to blame for one."""
    with db.transaction(engine) as session:
        starts = [{**_where(hearing, batch), "first": batch.records[0].offset} for batch in batches]
        given = {name: [one[name] for one in starts] for name in ("topic", "partition", "first")}
        return bool(session.execute(_COUNT_STARTS, {"consumer": hearing.name, **given}).all())


# The count is for a process that ends, not for a server that does: nobody waits until it is on disk.
_COUNT_STARTS = text(
    """
    WITH given AS (SELECT * FROM unnest(CAST(:topic AS text[]), CAST(:partition AS integer[]), CAST(:first AS bigint[])) AS given (topic, partition, first))
    INSERT INTO consumer_progress AS p (consumer, topic, partition, next_offset, starts) SELECT :consumer, topic, partition, first, 1 FROM given
    WHERE NOT EXISTS (
        SELECT FROM given JOIN consumer_progress p USING (topic, partition)
        WHERE p.consumer = :consumer AND (p.starts > 0 AND p.next_offset = given.first OR p.singly_until >= given.first)
    )
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET starts = 1, next_offset = excluded.next_offset
    RETURNING set_config('synchronous_commit', 'off', true)
    """
)
_COUNT_START = text(
    """
    INSERT INTO consumer_progress AS p (consumer, topic, partition, next_offset, starts) VALUES (:consumer, :topic, :partition, :first, 1)
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET starts = CASE WHEN p.next_offset = :first THEN p.starts + :one ELSE 1 END, next_offset = :first
    RETURNING starts, singly_until, set_config('synchronous_commit', 'off', true)
    """
)
_TAKE_SINGLY = text(
    "UPDATE consumer_progress SET singly_until = :last, starts = 1 WHERE consumer = :consumer AND topic = :topic AND partition = :partition"
)
_FINISH = text(
    "UPDATE consumer_progress SET next_offset = :next, starts = 0, lost_at = NULL WHERE consumer = :consumer AND topic = :topic AND partition = :partition"
)


def _where(hearing: Hearing, batch: Batch) -> dict[str, object]:
    return {"consumer": hearing.name, "topic": batch.topic, "partition": batch.partition}


def receive(session: Session, hearing: Hearing, *batches: Batch, park_first: bool = False, parked_limit: int = 50) -> None:
    """Handle batches in the session's transaction. Raises TooManyParked; transient errors of the database pass through, for all of it to be rolled back.

    `park_first`: the first record of the first batch.
    """
    for topic in dict.fromkeys(batch.topic for batch in batches):
        records = [record for batch in batches if batch.topic == topic for record in batch.records]
        free = _free(session, hearing, records, park_first=park_first and topic == batches[0].topic)
        if not _handle_together(session, hearing, free):
            _handle_singly(session, hearing, free)
    session.execute(_FINISH, [{**_where(hearing, batch), "next": batch.next_offset} for batch in batches])
    _check_limit(session, hearing, parked_limit)


def _free(session: Session, hearing: Hearing, records: Sequence[Incoming], *, park_first: bool) -> list[Incoming]:
    """Of records of one topic those whose keys are not parked; the others are kept for later."""
    parked, free = parked_among(session, hearing, records), list[Incoming]()
    for at, record in enumerate(records):
        key = record.key or b""
        if key in parked:
            _bury(session, hearing, record, "the key is parked")
        elif park_first and at == 0:
            _park(session, hearing, record, "the process ended each time it was handled")
            parked.add(key)
        else:
            free.append(record)
    return free


# -- all at once --------------------------------------------------------------


def _handle_together(session: Session, hearing: Hearing, records: Sequence[Incoming]) -> bool:
    """All under one savepoint, their marks in one statement. False where one of them fails or cannot be read: then nothing of it has happened."""
    if len(records) < 2:
        return not records
    try:
        read = [_read(record) for record in records]
        with writes.savepoint(session):
            outcomes = _handle_all(session, hearing, read)
    except Exception as fault:
        if db.is_transient(fault):
            raise
        logger.warning("a batch is taken singly", reason=log.describe(fault))
        return False
    for outcome, count in Counter(outcomes).items():
        metrics.inbox_handled.labels(records[0].topic, outcome).inc(count)
    return True


@dataclass(frozen=True)
class _Read:
    """A record as far as it can be read; `envelope` is None for a type that is not known, and without an id it is a heartbeat."""

    record: Incoming
    id: UUID | None = None
    type: str = ""
    envelope: Envelope | None = None

    def is_for(self, hearing: Hearing) -> bool:
        return self.envelope is not None and hearing.hears(self.envelope.event)


def _read(record: Incoming) -> _Read:
    """Raises Unreadable."""
    if is_heartbeat(record.key):
        return _Read(record)
    try:
        envelope = decode(record.topic, record.headers, record.value)
    except UnknownType as unknown:
        return _Read(record, unknown.event_id, unknown.name)
    return _Read(record, envelope.id, envelope.event.type, envelope)


def _handle_all(session: Session, hearing: Hearing, read: Sequence[_Read]) -> list[str]:
    """In order; returns what became of each."""
    facts = [one for one in read if one.id is not None and (one.envelope is None or isinstance(one.envelope.event, Fact))]
    new, outcomes = _mark(session, hearing, facts), list[str]()
    marked = {id(one) for one in facts}
    hearing.look_ahead(session, [one.envelope for one in facts if one.id in new and one.envelope])
    for one in read:
        if one.id is None:
            outcomes.append("heartbeat")
        elif id(one) in marked and one.id not in new:
            outcomes.append("duplicate")
        else:
            new.discard(one.id)  # twice in one batch: the second is the duplicate
            outcomes.append("handled" if one.is_for(hearing) else "ignored")
            if one.envelope is not None and one.is_for(hearing):
                with tracing.span(f"handle {one.type}", one.envelope.traceparent):
                    hearing.handle(session, one.envelope)
    return outcomes


# -- one by one ---------------------------------------------------------------


def _handle_singly(session: Session, hearing: Hearing, records: Sequence[Incoming]) -> None:
    """Whatever one of them does, its neighbours are handled."""
    parked = set[bytes]()
    for record in records:
        key = record.key or b""
        if key in parked:
            _bury(session, hearing, record, "the key is parked")
        elif (reason := handle(session, hearing, record)) is not None:
            _park(session, hearing, record, reason)
            parked.add(key)


def handle(session: Session, hearing: Hearing, record: Incoming) -> str | None:
    """One record, under a savepoint, up to TRIES times. Returns why its key must be parked, or None when it is done."""
    try:
        read = _read(record)
    except Unreadable as fault:
        return f"unreadable: {fault}"
    for attempt in range(1, TRIES + 1):
        try:
            with writes.savepoint(session):
                (outcome,) = _handle_all(session, hearing, [read])
        except Exception as fault:
            if db.is_transient(fault):
                raise
            logger.exception("handler failed", type=read.type, event_id=str(read.id), attempt=attempt)
            reason = f"handler failed: {log.describe(fault)}"
        else:
            metrics.inbox_handled.labels(record.topic, outcome).inc()
            return None
    return reason


_MARK = text(
    """
    INSERT INTO inbox (consumer, topic, event_id, type, outcome, partition, "offset")
    SELECT :consumer, :topic, given.*
    FROM json_to_recordset(CAST(:rows AS json)) AS given (event_id uuid, type text, outcome text, partition integer, "offset" bigint)
    ON CONFLICT DO NOTHING RETURNING event_id
    """
)


def _mark(session: Session, hearing: Hearing, facts: Sequence[_Read]) -> set[UUID]:
    """Write the inbox rows; returns the ids of those that were not there."""
    if not facts:
        return set()
    rows = []
    for one in facts:
        outcome, at = "handled" if one.is_for(hearing) else "ignored", {"partition": one.record.partition, "offset": one.record.offset}
        rows.append({"event_id": one.id, "type": one.type, "outcome": outcome, **at})
    values = {"consumer": hearing.name, "topic": facts[0].record.topic, "rows": orjson.dumps(rows).decode()}
    return set(session.scalars(_MARK, values))


def parked_among(session: Session, hearing: Hearing, records: Sequence[Incoming]) -> set[bytes]:
    """Keys of these records of one topic that are parked. Waits for a replay that holds one, and then sees it gone."""
    keys = {record.key or b"" for record in records}
    mine = (parked_keys.c.consumer == hearing.name) & (parked_keys.c.topic == records[0].topic)
    query = select(parked_keys.c.key).where(mine, parked_keys.c.key.in_(keys)).with_for_update(read=True)
    return {bytes(key) for key in session.scalars(query)}


def _park(session: Session, hearing: Hearing, record: Incoming, reason: str) -> None:
    values = {"consumer": hearing.name, "topic": record.topic, "key": record.key or b"", "reason": reason}
    session.execute(upsert(parked_keys).values(**values).on_conflict_do_nothing())
    _bury(session, hearing, record, reason)
    metrics.inbox_parked.labels(record.topic).inc()
    logger.error("key parked", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason)


def _bury(session: Session, hearing: Hearing, record: Incoming, reason: str) -> None:
    """Keep the record as it came: bytes, headers and place."""
    place = {"consumer": hearing.name, "topic": record.topic, "partition": record.partition, "offset": record.offset}
    headers = {name.replace("\x00", "\ufffd"): raw.hex() for name, raw in record.headers.items()}  # a jsonb takes no NUL
    row = upsert(dead_letters).values(**place, key=record.key or b"", headers=headers, value=record.value, reason=reason)
    session.execute(row.on_conflict_do_nothing())


def _check_limit(session: Session, hearing: Hearing, limit: int) -> None:
    count = session.scalars(text("SELECT count(*) FROM parked_keys WHERE consumer = :consumer"), {"consumer": hearing.name}).one()
    if count > limit:
        raise TooManyParked(f"{count} keys are parked, {limit} are allowed")


def tell_lost(engine: Engine, hearing: Hearing, places: Mapping[tuple[str, int], int]) -> None:
    """Keep that the broker no longer has these offsets, for the alarm; the place is set by a person, or read from again."""
    rows = [{"consumer": hearing.name, "topic": topic, "partition": at, "offset": offset} for (topic, at), offset in places.items()]
    if rows:
        with db.transaction(engine) as session:
            session.execute(_LOST, rows)


_LOST = text(
    """
    INSERT INTO consumer_progress AS p (consumer, topic, partition, next_offset, lost_at)
    VALUES (:consumer, :topic, :partition, :offset, clock_timestamp())
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET lost_at = coalesce(p.lost_at, excluded.lost_at)
    """
)


class Progress:
    """How far each partition was read, from our own records: the bus asks when the broker has forgotten."""

    def __init__(self, engine: Engine, hearing: Hearing) -> None:
        self._engine, self._name = engine, hearing.name

    def next_offset(self, topic: str, partition: int) -> int | None:
        """The offset to read next, or None where nothing was ever read."""
        c = consumer_progress.c
        query = select(c.next_offset).where(c.consumer == self._name, c.topic == topic, c.partition == partition)
        with db.transaction(self._engine) as session:
            return session.scalars(query).first()
