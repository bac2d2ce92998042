"""`inbox_drain`: 100,000 facts (half of them unless all are asked for) in the topic until every one is handled and answered, beside a bare kafka-python consumer that only reads them.

The facts are those of cases as they go: submitted, consent given, opened, a hospital asked; a delivery each on the average.
"""

import itertools
import multiprocessing
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from bench import notified, place
from bench.contests import Contest, Size
from devstack.parts import Parts
from services.notification.app import hearing
from services.notification.settings import Settings
from shared import crypto, db
from shared.bus.topics import ensure_topics
from shared.events import Case, Envelope, Fact, encode
from shared.events import enquiry as told
from shared.events.enquiry import EVENTS, Link
from shared.events.invitation import InvitationSent
from shared.inbox.consume import consume

FACTS = 100_000
HOSPITALS = 20
MADE_ANEW = "outbox, consumer_progress, tasks"


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Contest]]:
    url = place.fresh(parts, "notification", size.past)
    environ = notified.environment(url, parts)
    hospitals = notified.stock_hospitals(notified.settings_of(environ), HOSPITALS, "http://127.0.0.1:1/{number}")
    count = size.count(FACTS, least=2_000, mostly=0.5) // 4 * 4  # several polls, as only what comes after the first is measured
    made = list[dict[str, str]]()

    def drain() -> float:
        """New facts each time: such as were heard before have their deliveries already."""
        made.append(_told(environ, hospitals, count))
        return _drain(made[-1], count)

    yield [
        Contest(
            "inbox_drain",
            "facts/s",
            f"{count:,} facts of {FACTS:,}",
            drain,
            {"bare consumer": lambda: _read(notified.settings_of(made[-1]), count)},
            {"bare consumer": 0.2},
        )
    ]


def _told(environ: Mapping[str, str], hospitals: list[UUID], count: int) -> dict[str, str]:
    """Topics of their own that hold so many facts: the environment of who hears them."""
    own = {**environ, "KAFKA_TOPIC_PREFIX": f"bench.inbox.{secrets.token_hex(3)}."}
    settings = notified.settings_of(own)
    ensure_topics(settings, [EVENTS, *hearing(settings).states])
    _publish(settings, itertools.islice(records(hospitals), count))
    return own


def _facts(hospitals: list[UUID]) -> Iterator[Fact]:
    """Without end, case after case."""
    now = datetime.now(UTC)
    for hospital in itertools.cycle(hospitals):
        case_id, patient_id, reference = crypto.new_id(), crypto.new_id(), crypto.new_reference()
        case = [Case(id=case_id, version=version, patient_id=patient_id) for version in (1, 2, 3)]
        link = Link(id=crypto.new_id(), purpose="verify", expires_at=now + timedelta(days=3))
        yield told.EnquirySubmitted(case=case[0], reference=reference, verify=link)
        yield told.ConsentGiven(
            case=case[0],
            consent_id=crypto.new_id(),
            hospital_id=hospital,
            purpose="share_case_with_hospital",
            text_version=1,
            sha256="a" * 64,
        )
        yield told.EnquiryOpened(
            case=case[1], reference=reference, wants=[told.Want.QUOTE], hospital_ids=[hospital], promised_at=now + timedelta(days=2), case_link=link
        )  # fmt: skip
        yield InvitationSent(
            case=case[2], reference=reference, invitation_id=crypto.new_id(), hospital_id=hospital, answer_due=now + timedelta(days=1)
        )


def records(hospitals: list[UUID]) -> Iterator[tuple[bytes, dict[str, str], bytes | None]]:
    """Keys, headers and values, without end."""
    for number, fact in enumerate(_facts(hospitals)):
        envelope = Envelope(
            id=crypto.new_id(), event=fact, key=str(fact.case.id), version=fact.case.version, sequence=number % 2, occurred_at=datetime.now(UTC),
            traceparent=f"00-{crypto.new_id().hex}-{crypto.new_id().hex[:16]}-01",
        )  # fmt: skip
        yield envelope.key.encode(), *encode(envelope, source="/enquiry")


def _publish(settings: Settings, sent: Iterator[tuple[bytes, dict[str, str], bytes | None]]) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_idempotence=True, acks="all", metrics_enabled=False)
    for key, headers, value in sent:
        producer.send(settings.kafka_topic_prefix + EVENTS.name, value, key, [(name, text.encode()) for name, text in headers.items()])
    producer.flush()
    producer.close()


def _drain(environ: Mapping[str, str], count: int) -> float:
    """In a process of its own, as in production; from the first batch to the last."""
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"TRUNCATE {MADE_ANEW}")  # a constant
        process = multiprocessing.get_context("spawn").Process(target=_hear, args=(dict(environ),))
        process.start()
        try:
            _until(connection, 1)
            began, first = time.perf_counter(), _handled(connection)
            _until(connection, count)
            return (count - first) / (time.perf_counter() - began)
        finally:
            process.terminate()
            process.join()


def _hear(environ: dict[str, str]) -> None:
    settings = notified.settings_in_this_process(environ)
    engine = db.engine(settings.database_url, name="bench-consume", timeouts=db.LOOP, pool=2)
    consume(engine, settings, hearing(settings), stop=threading.Event(), beat=lambda: None)


def _handled(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute(
        "SELECT coalesce(sum(next_offset), 0)::bigint FROM consumer_progress WHERE topic = %s", [EVENTS.name]
    ).fetchone()
    assert row is not None  # noqa: S101
    return row[0]


def _until(connection: "psycopg.Connection[tuple[int]]", count: int) -> None:
    while _handled(connection) < count:
        time.sleep(0.02)


def _read(settings: Settings, count: int) -> float:
    consumer = KafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False, max_poll_records=500, metrics_enabled=False
    )
    partitions = [TopicPartition(settings.kafka_topic_prefix + EVENTS.name, number) for number in range(EVENTS.partitions)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    began = read = 0.0
    while read < count:
        got = sum(map(len, consumer.poll(timeout_ms=500).values()))
        began = began or time.perf_counter()
        read += got
    seconds = time.perf_counter() - began
    consumer.close()
    return count / seconds
