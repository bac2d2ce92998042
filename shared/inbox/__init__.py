"""Inbox: each fact is handled once, whatever is delivered twice. Its tables, and what a service says of its consumer.

Handlers write rows only: no mail, no HTTP, no Kafka.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from shared import db, metrics
from shared.events import Envelope, Event, Fact, Topic

FactHandler = Callable[[Session, Any, Envelope], None]
StateHandler = Callable[[Session, Any], None]
LookAhead = Callable[[Session, Sequence[Envelope]], None]

metadata = db.metadata()
_NOW = text("clock_timestamp()")

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("outcome", Text, CheckConstraint("outcome IN ('handled', 'ignored')", name="outcome"), nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_NOW, index=True),
)

parked_keys = Table(
    "parked_keys",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("parked_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("value", LargeBinary),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('waiting', 'replayed', 'dropped')", name="state"),
        nullable=False,
        server_default="waiting",
    ),
    Column("reason", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("settled_at", DateTime(timezone=True)),
    Column("settled_by", Text),
    Column("settled_because", Text),
    UniqueConstraint("consumer", "topic", "partition", "offset"),
    Index("dead_letters_waiting_idx", "consumer", "topic", "key", "offset", postgresql_where=text("state = 'waiting'")),
)

consumer_progress = Table(
    "consumer_progress",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("starts", Integer, nullable=False, server_default="0"),
    Column("singly_until", BigInteger, nullable=False, server_default="-1"),
    Column("lost_at", DateTime(timezone=True)),
)

consumer_targets = Table(
    "consumer_targets",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("end_offset", BigInteger, nullable=False),
)

acts = Table(
    "inbox_acts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("act", Text, CheckConstraint("act IN ('move', 'replay')", name="act"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
)

_UNHEARD = text(
    """
    SELECT (SELECT count(*) FROM parked_keys), (SELECT count(*) FROM dead_letters WHERE state = 'waiting'),
        (SELECT count(*) FROM consumer_progress WHERE lost_at IS NOT NULL)
    """
)


@dataclass(frozen=True)
class Hearing:
    """What one service hears: handlers of facts by their class, of state by its topic. The name is the consumer group.

    A fact's handler gets (session, fact, envelope); a state's gets (session, state or Tombstone) and applies it where its version is newer.
    `ahead` gets the facts that handlers are about to get, to ask at once what they would ask one by one; it changes nothing.
    """

    name: str
    facts: Mapping[type[Fact], FactHandler] = field(default_factory=dict)
    states: Mapping[Topic, StateHandler] = field(default_factory=dict)
    ahead: LookAhead | None = None

    @property
    def topics(self) -> list[str]:
        return sorted({cls.topic.name for cls in self.facts} | {topic.name for topic in self.states})

    def hears(self, event: Event) -> bool:
        """Whether this service has a handler for it."""
        return type(event) in self.facts if isinstance(event, Fact) else event.topic in self.states

    def look_ahead(self, session: Session, envelopes: Sequence[Envelope]) -> None:
        if self.ahead is not None and envelopes:
            self.ahead(session, envelopes)

    def handle(self, session: Session, envelope: Envelope) -> None:
        """Hand an event to its handler."""
        event: Event = envelope.event
        if isinstance(event, Fact):
            self.facts[type(event)](session, event, envelope)
        else:
            self.states[event.topic](session, event)


def measure(session: Session) -> None:
    """Set the figures of what is not heard: parked keys, letters behind them, positions that are lost."""
    parked, letters, lost = unheard(session)
    metrics.parked_keys.set(parked)
    metrics.dead_letters.set(letters)
    metrics.positions_lost.set(lost)


def unheard(session: Session) -> tuple[int, int, int]:
    """How many keys are parked, how many records wait behind them, how many positions are lost."""
    parked, letters, lost = session.execute(_UNHEARD).one()
    return parked, letters, lost


def is_caught_up(session: Session, consumer: str) -> bool:
    """Whether a consumer has read its state topics once to the ends seen at its very first start. Afterwards never false again."""
    known = session.execute(text("SELECT max(end_offset) FROM consumer_targets WHERE consumer = :name"), {"name": consumer}).scalar()
    return known is not None and known <= 0
