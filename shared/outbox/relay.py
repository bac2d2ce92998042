"""The relay: one leader per service publishes the outbox to Kafka in the order of ids, and archives what was acknowledged.

Promise: at least once, first deliveries in order per key. It never decides what is published.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import db, log, metrics
from shared.bus import Ack, BusUnavailable, Outgoing, Publisher, RecordRefused
from shared.events import TOPICS
from shared.outbox import CHANNEL, LOCK

logger = log.get(__name__)

BATCH = 500
POLL_SECONDS = 0.1  # catches what no notification announced
AWAKE_SECONDS = 0.2  # after the last row: a writer that began before we slept will not wake us, so stay awake for as long as most take
GLANCE_SECONDS = 0.005  # between two looks while awake
PING_SECONDS = 2.0  # a leader shows that it is alive, also while a slow broker holds it
STANDBY_SECONDS = 1.0  # a standby asks for the lead, and is alive by that


@dataclass(frozen=True)
class Row:
    """A row of the outbox, as much of it as Kafka gets."""

    id: int
    topic: str
    key: UUID
    headers: dict[str, str]
    value: bytes | None

    def outgoing(self) -> Outgoing:
        return Outgoing(self.topic, str(self.key).encode(), self.headers, self.value)


_READ = """
    SELECT id, topic, key, headers, value FROM outbox AS row
    WHERE NOT EXISTS (
        SELECT FROM outbox AS blocked
        WHERE blocked.blocked_because IS NOT NULL AND blocked.topic = row.topic AND blocked.key = row.key AND blocked.id <= row.id
    )
    ORDER BY id LIMIT %s
"""

_ARCHIVE = """
    WITH acked AS (
        SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[]) AS acked (id, partition, "offset")
    ), gone AS (
        DELETE FROM outbox USING acked WHERE outbox.id = acked.id RETURNING outbox.*, acked.partition, acked."offset"
    )
    INSERT INTO outbox_archive (id, event_id, topic, key, type, version, sequence, recorded_at, headers, value, partition, "offset", acked_at)
    SELECT id, event_id, topic, key, type, version, sequence, recorded_at, headers, value, partition, "offset", clock_timestamp()
    FROM gone WHERE topic = ANY(%s)
"""


def relay(url: str, publisher: Publisher, *, stop: threading.Event, beat: Callable[[], None]) -> None:
    """Lead when it is our turn, publish until `stop`. `beat` is called at each turn of the loop.

    Raises psycopg.OperationalError when the session that holds the lock is lost, bus.Fenced when another leader has begun: the process must end.
    """
    with _connect(url) as connection:
        if not _lead(connection, stop, beat):
            return
        logger.info("relay leads")
        connection.execute(f"LISTEN {CHANNEL}")
        try:
            with _pinged(connection):
                _open(publisher, stop, beat)
                _publish_until(stop, connection, publisher, beat)
        finally:
            publisher.close()


def _connect(url: str) -> psycopg.Connection[Any]:
    """Its own session: the server ends it after 10 s of silence, so a paused leader loses the lock."""
    keepalives: dict[str, Any] = db.keepalives()
    options = "-c idle_session_timeout=10000 -c statement_timeout=15000 -c lock_timeout=5000 -c timezone=UTC"
    return psycopg.connect(url, autocommit=True, options=options, application_name="relay", connect_timeout=5, **keepalives)


def _lead(connection: psycopg.Connection[Any], stop: threading.Event, beat: Callable[[], None]) -> bool:
    while not stop.is_set():
        beat()
        got = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
        if got and got[0]:
            return True
        stop.wait(STANDBY_SECONDS)
    return False


@contextmanager
def _pinged(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Keep the session that holds the lock from falling silent: publishing may wait for a broker longer than the server waits for us.

    A process that is paused pings no more and loses the lock all the same. A lost session is seen by the next statement of the leader.
    """
    done = threading.Event()

    def ping() -> None:
        with suppress(psycopg.Error):
            while not done.wait(PING_SECONDS):
                connection.execute("SELECT 1")

    thread = threading.Thread(target=ping, name="relay-ping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _open(publisher: Publisher, stop: threading.Event, beat: Callable[[], None]) -> None:
    """Fence the last leader before the first row is read: nothing of it may land behind ours."""
    while not stop.is_set():
        beat()
        try:
            publisher.open()
        except BusUnavailable as fault:
            logger.warning("broker away", reason=str(fault))
            metrics.relay_failures.inc()
            stop.wait(0.5)
        else:
            return


def _publish_until(stop: threading.Event, connection: psycopg.Connection[Any], publisher: Publisher, beat: Callable[[], None]) -> None:
    sleeping, archive_day, last_row_at = False, None, 0.0
    while not stop.is_set():
        beat()
        if archive_day != (today := datetime.now(UTC).date()):
            _make_partitions(connection)
            archive_day = today
        rows = _read(connection)
        if rows:
            if sleeping:
                sleeping = _say_sleeping(connection, asleep=False)
            if not _publish(connection, publisher, rows):
                stop.wait(0.2)
            last_row_at = time.monotonic()
        elif time.monotonic() - last_row_at < AWAKE_SECONDS:
            stop.wait(GLANCE_SECONDS)
        elif not sleeping:
            sleeping = _say_sleeping(connection, asleep=True)  # then one more look: a writer may just have missed it
        else:
            _wait(connection)
    _say_sleeping(connection, asleep=False)


def _read(connection: psycopg.Connection[Any]) -> list[Row]:
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_READ, (BATCH,)).fetchall()


def _wait(connection: psycopg.Connection[Any]) -> None:
    for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
        pass


def _say_sleeping(connection: psycopg.Connection[Any], *, asleep: bool) -> bool:
    connection.execute("UPDATE outbox_relay SET sleeping = %s WHERE id = 1", (asleep,))
    return asleep


def _publish(connection: psycopg.Connection[Any], publisher: Publisher, rows: Sequence[Row]) -> bool:
    """Publish a batch. A record that can never be published is marked; on any other fault the same rows are read again."""
    try:
        acks = publisher.publish([row.outgoing() for row in rows])
    except RecordRefused as fault:
        _block(connection, rows[fault.at], fault.because)
        return True
    except BusUnavailable as fault:
        logger.warning("broker away", reason=str(fault))
        metrics.relay_failures.inc()
        return False
    _archive(connection, rows, acks)
    metrics.relay_published.inc(len(rows))
    return True


def _archive(connection: psycopg.Connection[Any], rows: Sequence[Row], acks: Sequence[Ack]) -> None:
    facts = [name for name, topic in TOPICS.items() if not topic.compacted]
    columns = ([row.id for row in rows], [ack.partition for ack in acks], [ack.offset for ack in acks])
    connection.execute(_ARCHIVE, (*columns, facts))


def _block(connection: psycopg.Connection[Any], row: Row, because: str) -> None:
    """Its key waits from here on; the others go on. An operator has it tried again or drops it (`outbox` commands of the service)."""
    connection.execute("UPDATE outbox SET blocked_because = %s, blocked_at = clock_timestamp() WHERE id = %s", (because, row.id))
    metrics.relay_blocked.inc()
    logger.error("record cannot be published: its key is blocked", topic=row.topic, key=str(row.key), outbox_id=row.id, reason=because)


def _make_partitions(connection: psycopg.Connection[Any]) -> None:
    """Today's and tomorrow's day of the archive, by a function of the database's owner: this role may not change structure."""
    for ahead in (0, 1):
        connection.execute("SELECT outbox_make_partition(%s)", ((datetime.now(UTC) + timedelta(days=ahead)).date(),))
