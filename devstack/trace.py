"""The way of one enquiry, read from where each station has written it down: outbox archive, inbox, deliveries, attempts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from devstack.parts import Parts


@dataclass(frozen=True)
class FactSeen:
    """One fact: committed, acknowledged by Kafka, heard by notification, answered by an outcome."""

    type: str
    hospital: str | None  # slug, where it is about one
    event_id: UUID
    version: int
    sequence: int
    recorded_at: datetime
    acked_at: datetime
    topic: str
    partition: int
    offset: int
    heard_at: datetime | None = None


@dataclass(frozen=True)
class DeliverySeen:
    """One delivery of a fact and its last attempt."""

    event_id: UUID
    recipient: str
    channel: str
    template: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


_FACTS = """
    SELECT a.type, h.slug AS hospital, a.event_id, a.version, a.sequence, a.recorded_at, a.acked_at, a.topic, a.partition, a."offset"
    FROM outbox_archive AS a
    LEFT JOIN listed_hospitals AS h ON h.id = (convert_from(a.value, 'UTF8')::jsonb ->> 'hospital_id')::uuid
    WHERE a.key = (SELECT id FROM enquiries WHERE reference = %s) ORDER BY a.id
"""
_DELIVERIES = """
    SELECT d.event_id, d.recipient, d.channel, d.template, d.state, d.created_at, a.started_at, a.finished_at
    FROM deliveries AS d LEFT JOIN attempts AS a ON a.delivery_id = d.id AND a.number = d.attempts
    WHERE d.event_id = ANY(%s) ORDER BY d.created_at, d.id
"""


def facts_of(parts: Parts, reference: str) -> list[FactSeen]:
    """Published facts of a case, in the order of their commits."""
    with psycopg.connect(parts.postgres.url("enquiry")) as enquiry:
        facts = enquiry.cursor(row_factory=class_row(FactSeen)).execute(_FACTS, (reference,)).fetchall()
    with psycopg.connect(parts.postgres.url("notification")) as notification:
        ids = [fact.event_id for fact in facts]
        heard: dict[UUID, datetime] = dict(
            notification.execute("SELECT event_id, received_at FROM inbox WHERE event_id = ANY(%s)", (ids,)).fetchall()
        )
    return [FactSeen(**{**fact.__dict__, "heard_at": heard.get(fact.event_id)}) for fact in facts]


def deliveries_of(parts: Parts, facts: list[FactSeen]) -> list[DeliverySeen]:
    """What came of them, in the order in which it was planned."""
    with psycopg.connect(parts.postgres.url("notification")) as notification:
        ids = [fact.event_id for fact in facts]
        return notification.cursor(row_factory=class_row(DeliverySeen)).execute(_DELIVERIES, (ids,)).fetchall()


def waiting_for_outcome(parts: Parts) -> int:
    """Facts whose outcome has not come back."""
    with psycopg.connect(parts.postgres.url("enquiry")) as enquiry:
        row = enquiry.execute(
            "SELECT (SELECT count(*) FROM outbox_awaiting) + (SELECT count(*) FROM outbox WHERE topic = 'enquiry.events')"
        ).fetchone()
    return int(row[0]) if row else 0
