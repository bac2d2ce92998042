"""One batch of one partition, in one transaction: recognised, handled, parked or ignored, and never half.

Knows rows only; shared.inbox.consume does the talking to Kafka.
"""

from uuid import UUID

from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from shared import db, log, metrics, tracing, writes
from shared.bus import Batch, Incoming
from shared.events import Envelope, Fact, UnknownType, Unreadable, decode, is_heartbeat
from shared.inbox import Hearing, consumer_progress, dead_letters, inbox, parked_keys

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
        starts, singly_until = session.execute(_COUNT_START, {**_where(hearing, batch), "first": first, "one": 0 if again else 1}).one()
        if starts > STARTS and first > singly_until:
            singly_until, starts = last, 1
            session.execute(_TAKE_SINGLY, {**_where(hearing, batch), "last": last})
    if first > singly_until:
        return batch, False
    return Batch(batch.topic, batch.partition, batch.records[:1]), starts > STARTS


_COUNT_START = text(
    """
    INSERT INTO consumer_progress AS p (consumer, topic, partition, next_offset, starts) VALUES (:consumer, :topic, :partition, :first, 1)
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET starts = CASE WHEN p.next_offset = :first THEN p.starts + :one ELSE 1 END, next_offset = :first
    RETURNING starts, singly_until
    """
)
_TAKE_SINGLY = text(
    "UPDATE consumer_progress SET singly_until = :last, starts = 1 WHERE consumer = :consumer AND topic = :topic AND partition = :partition"
)
_FINISH = text(
    "UPDATE consumer_progress SET next_offset = :next, starts = 0 WHERE consumer = :consumer AND topic = :topic AND partition = :partition"
)


def _where(hearing: Hearing, batch: Batch) -> dict[str, object]:
    return {"consumer": hearing.name, "topic": batch.topic, "partition": batch.partition}


def receive(session: Session, hearing: Hearing, batch: Batch, *, park_first: bool = False, parked_limit: int = 50) -> None:
    """Handle a batch in the session's transaction. Raises TooManyParked; transient errors of the database pass through, for the whole batch to be rolled back."""
    parked = parked_among(session, hearing, batch)
    for at, record in enumerate(batch.records):
        key = record.key or b""
        if key in parked:
            _bury(session, hearing, record, "the key is parked")
        elif park_first and at == 0:
            _park(session, hearing, record, "the process ended each time it was handled")
            parked.add(key)
        elif (reason := handle(session, hearing, record)) is not None:
            _park(session, hearing, record, reason)
            parked.add(key)
    session.execute(_FINISH, {**_where(hearing, batch), "next": batch.next_offset})
    _check_limit(session, hearing, parked_limit)


def handle(session: Session, hearing: Hearing, record: Incoming) -> str | None:
    """One record, under a savepoint, up to TRIES times. Returns why its key must be parked, or None when it is done."""
    if is_heartbeat(record.key):
        metrics.inbox_handled.labels(record.topic, "heartbeat").inc()
        return None
    try:
        envelope = decode(record.topic, record.headers, record.value)
    except UnknownType as unknown:
        _mark(session, hearing, record, event_id=unknown.event_id, name=unknown.name, outcome="ignored")
        return None
    except Unreadable as fault:
        return f"unreadable: {fault}"
    for attempt in range(1, TRIES + 1):
        try:
            with writes.savepoint(session), tracing.span(f"handle {envelope.event.type}", envelope.traceparent):
                _handle_once(session, hearing, record, envelope)
        except Exception as fault:
            if db.is_transient(fault):
                raise
            logger.exception("handler failed", type=envelope.event.type, event_id=str(envelope.id), attempt=attempt)
            reason = f"handler failed: {log.describe(fault)}"
        else:
            return None
    return reason


def _handle_once(session: Session, hearing: Hearing, record: Incoming, envelope: Envelope) -> None:
    event = envelope.event
    if not isinstance(event, Fact):
        outcome = "handled" if hearing.handle(session, envelope) else "ignored"
        metrics.inbox_handled.labels(record.topic, outcome).inc()
        return
    known = type(event) in hearing.facts
    if _mark(session, hearing, record, event_id=envelope.id, name=event.type, outcome="handled" if known else "ignored"):
        hearing.handle(session, envelope)


def _mark(session: Session, hearing: Hearing, record: Incoming, *, event_id: UUID, name: str, outcome: str) -> bool:
    """Write the inbox row; False where it is there already."""
    row = {"consumer": hearing.name, "event_id": event_id, "type": name, "outcome": outcome}
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    statement = upsert(inbox).values(**row, **place).on_conflict_do_nothing().returning(inbox.c.event_id)
    new = session.execute(statement).first() is not None
    metrics.inbox_handled.labels(record.topic, outcome if new else "duplicate").inc()
    return new


def parked_among(session: Session, hearing: Hearing, batch: Batch) -> set[bytes]:
    """Keys of this batch that are parked. Waits for a replay that holds one, and then sees it gone."""
    keys = {record.key or b"" for record in batch.records}
    mine = (parked_keys.c.consumer == hearing.name) & (parked_keys.c.topic == batch.topic)
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
