"""`relay_drain`: 100,000 outbox rows until every one is acknowledged and archived, beside a bare idempotent producer of the same records."""

import multiprocessing
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
from kafka import KafkaProducer
from psycopg.types.json import Jsonb

from bench import place
from bench.contests import Contest, Size
from devstack.parts import Parts
from shared import crypto, tracing
from shared.bus import Publisher
from shared.bus.topics import ensure_topics
from shared.config import Settings
from shared.events import Case, Envelope, encode
from shared.events.enquiry import EVENTS
from shared.events.invitation import InvitationViewed
from shared.outbox.relay import relay

ROWS = 100_000
_FILL = """
    INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value)
    SELECT gen_random_uuid(), %(topic)s, gen_random_uuid(), %(type)s, 1, 0, %(headers)s, %(value)s FROM generate_series(1, %(rows)s)
"""


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Contest]]:
    url = place.fresh(parts, "enquiry", size.past)
    settings = Settings(database_url=url, kafka_bootstrap_servers=parts.kafka, kafka_topic_prefix=f"bench.relay.{secrets.token_hex(3)}.")
    ensure_topics(settings, [EVENTS])
    headers, value = _sample()
    rows = size.count(ROWS, least=2000)
    yield [
        Contest(
            "relay_drain",
            "records/s",
            f"{rows:,} rows",
            lambda: _drain(settings, headers, value, rows),
            {"bare producer": lambda: _produce(settings, headers, value, rows)},
            {"bare producer": 0.6},
        )
    ]


def _sample() -> tuple[dict[str, str], bytes | None]:
    """A fact as it is published."""
    fact = InvitationViewed(
        case=Case(id=crypto.new_id(), version=1, patient_id=crypto.new_id()), invitation_id=crypto.new_id(), hospital_id=crypto.new_id()
    )
    with tracing.span("bench"):
        envelope = Envelope(
            id=crypto.new_id(),
            event=fact,
            key=str(fact.case.id),
            version=1,
            sequence=0,
            occurred_at=datetime.now(UTC),
            traceparent=tracing.traceparent(),
        )
    return encode(envelope, source="/enquiry")


def _drain(settings: Settings, headers: dict[str, str], value: bytes | None, rows: int) -> float:
    """In a process of its own, as in production; from its first row to the last one archived."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE outbox")
        row = {"topic": EVENTS.name, "type": "invitation.viewed.v1", "headers": Jsonb(headers), "value": value, "rows": rows}
        connection.execute(_FILL, row)
        connection.execute("VACUUM ANALYZE outbox")
        process = multiprocessing.get_context("spawn").Process(target=_lead, args=(settings,))
        process.start()
        try:
            _until_left(connection, below=rows)
            began, left = time.perf_counter(), _left(connection)
            _until_left(connection, below=1)
            return left / (time.perf_counter() - began)
        finally:
            process.terminate()
            process.join()


def _lead(settings: Settings) -> None:
    relay(settings.database_url, Publisher(settings, name=f"{settings.kafka_topic_prefix}relay"), stop=threading.Event(), beat=lambda: None)


def _left(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute("SELECT count(*) FROM outbox").fetchone()
    assert row is not None  # noqa: S101
    return row[0]


def _until_left(connection: "psycopg.Connection[tuple[int]]", *, below: int) -> None:
    while _left(connection) >= below:
        time.sleep(0.02)


def _produce(settings: Settings, headers: dict[str, str], value: bytes | None, rows: int) -> float:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_idempotence=True, acks="all", metrics_enabled=False)
    sent_headers = [(name, text.encode()) for name, text in headers.items()]
    topic = settings.kafka_topic_prefix + EVENTS.name
    producer.partitions_for(topic)
    began = time.perf_counter()
    for _ in range(rows):
        producer.send(topic, value, str(uuid4()).encode(), sent_headers)
    producer.flush()
    seconds = time.perf_counter() - began
    producer.close()
    return rows / seconds
