"""Outbox: a write and its fact share one transaction. Rules call record(); the relay publishes.

Never speaks to Kafka. Ids follow the order of commits per case only because the case is locked before anything is recorded.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from shared import crypto, db, metrics, tracing, writes
from shared.events import Envelope, Event, Fact, Topic, encode

CHANNEL = "outbox_recorded"
LOCK = 7270962  # advisory: who holds it leads

metadata = db.metadata()

table = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("headers", JSONB, nullable=False),
    Column("value", LargeBinary),
    Column("blocked_because", Text),
    Column("blocked_at", DateTime(timezone=True)),
    UniqueConstraint("topic", "key", "version", "sequence"),
    Index("outbox_blocked_idx", "topic", "key", "id", postgresql_where=text("blocked_because IS NOT NULL")),
)

# What was given up: its name, why it was blocked and why it was dropped. Never its value, so that nothing in it has to be erased.
dropped = Table(
    "outbox_dropped",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("topic", Text, nullable=False),
    Column("key", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("blocked_because", Text, nullable=False),
    Column("dropped_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("dropped_by", Text, nullable=False),
    Column("dropped_because", Text, nullable=False),
)

awaiting = Table(
    "outbox_awaiting",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"), index=True),
)

# The wake-up is sent only to a relay that has said it sleeps: a notify in every transaction would serialise all commits.
_WAKE = f"SELECT pg_notify('{CHANNEL}', '')::text FROM outbox_relay WHERE sleeping"  # noqa: S608  # a constant

_WAITING = text(
    "SELECT count(*), count(blocked_because), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0) FROM outbox"
)

_LEADS = text(
    """
    SELECT EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :lock AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    """
)


def record(session: Session, event: Event, *, at: datetime | None = None) -> UUID:
    """Record that it happened, `at` (UTC; now, where nobody has looked at a clock), in the session's transaction; returns the event's id.

    Raises ValueError, before anything is written, for what cannot be serialised or exceeds 256 kB.
    """
    return record_all(session, [event], at=at)[0]


def record_all(session: Session, events: Sequence[Event], *, at: datetime | None = None) -> list[UUID]:
    """As `record`, several in this order at the price of one way to the database."""
    envelopes = [_envelope(event, at or datetime.now(UTC)) for event in events]
    writes.add(session, table, [_row(one) for one in envelopes])
    writes.tell(session, _WAKE)
    writes.add(session, awaiting, [{"event_id": one.id, "type": one.event.type} for one in envelopes if one.event.topic.accounted])
    return [one.id for one in envelopes]


def _envelope(event: Event, at: datetime) -> Envelope:
    subject = event.case if isinstance(event, Fact) else event
    return Envelope(
        id=crypto.new_id(),
        event=event,
        key=str(subject.id),
        version=subject.version,
        sequence=next(event.case.sequences) if isinstance(event, Fact) else 0,
        occurred_at=at,
        traceparent=tracing.traceparent(),
    )


def _row(envelope: Envelope) -> dict[str, Any]:
    event = envelope.event
    headers, value = encode(envelope, source=f"/{event.topic.name.split('.')[0]}")
    return {
        "event_id": envelope.id,
        "topic": event.topic.name,
        "key": envelope.key,
        "type": event.type,
        "version": envelope.version,
        "sequence": envelope.sequence,
        "headers": orjson.dumps(headers).decode(),
        "value": value,
    }


def retract(session: Session, topic: Topic, key: UUID) -> None:
    """Take back what still waits to be published under a key of a compacted topic, because something newer follows in this transaction."""
    assert topic.compacted, "a fact that happened cannot be taken back"  # noqa: S101
    session.execute(text("DELETE FROM outbox WHERE topic = :topic AND key = :key"), {"topic": topic.name, "key": key})


def waiting(session: Session) -> tuple[int, int, float]:
    """How many records are not yet published, how many of them are blocked, and the age of the oldest in seconds."""
    pending, blocked, oldest = session.execute(_WAITING).one()
    return pending, blocked, float(oldest)


def measure(session: Session) -> None:
    """Set the figures of the outbox: what waits, since when, what is blocked, was dropped, or is unaccounted for."""
    pending, blocked, oldest = waiting(session)
    metrics.outbox_pending.set(pending)
    metrics.outbox_blocked.set(blocked)
    metrics.outbox_oldest_seconds.set(oldest)
    metrics.relay_leads.set(leads(session))
    metrics.outbox_dropped.set(count_dropped(session))
    metrics.unaccounted.set(unaccounted(session))


def leads(session: Session) -> bool:
    """Whether a relay holds the lock of the one that publishes."""
    return bool(session.scalars(_LEADS, {"lock": LOCK}).one())


def account_for(session: Session, event_ids: Sequence[UUID]) -> None:
    """These facts have been answered by their consumer."""
    session.execute(text("DELETE FROM outbox_awaiting WHERE event_id = ANY(:ids)"), {"ids": list(event_ids)})


def unaccounted(session: Session, *, older_than: float = 60.0) -> int:
    """Facts without an outcome `older_than` seconds after they were recorded, those not yet published included. Must be 0."""
    query = text("SELECT count(*) FROM outbox_awaiting WHERE recorded_at < statement_timestamp() - make_interval(secs => :age)")
    return int(session.scalars(query, {"age": older_than}).one())


def count_dropped(session: Session) -> int:
    """Records that operations gave up because they could not be published: facts among them had no outcome, and will have none."""
    return session.scalars(select(func.count()).select_from(dropped)).one()
