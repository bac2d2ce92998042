"""Retention: what is kept goes when its time is over. A service gives a table of rules; a loop works them off in small batches.

Never decides what is kept: a rule is one statement, its time a setting, its ground a sentence for people.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import Engine, text

from shared import cli, db, log, metrics
from shared.cli.loops import repeat
from shared.clock import Clock, system_clock
from shared.config import Settings

logger = log.get(__name__)

BATCH = 1000
MOST_BATCHES = 200  # of one rule in one pass: the next pass goes on
POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Rule:
    """What goes, after how long, and why it was there. `statement` knows `:before` and `:most`, and changes at most that many rows; `after` names a setting."""

    name: str
    tables: tuple[str, ...]
    kind: str
    after: str
    statement: str
    ground: str

    def time(self, settings: Settings) -> timedelta:
        found: timedelta = getattr(settings, self.after)
        return found


@dataclass(frozen=True)
class Kept:
    """A table without a rule, and why it needs none: it does not grow, or what is in it names nobody."""

    tables: tuple[str, ...]
    kind: str
    because: str


def sweep(
    engine: Engine, settings: Settings, rules: Sequence[Rule], *, now: datetime, stop: threading.Event | None = None
) -> dict[str, int]:
    """One pass over all rules: how many rows each has changed. Errors of the database that pass are the caller's to wait out."""
    return {rule.name: _work_off(engine, rule, now - rule.time(settings), stop) for rule in rules if not (stop and stop.is_set())}


def _work_off(engine: Engine, rule: Rule, before: datetime, stop: threading.Event | None) -> int:
    total = 0
    for _ in range(MOST_BATCHES):
        if stop and stop.is_set():
            break
        with db.transaction(engine) as session:
            changed: int = session.execute(text(rule.statement), {"before": before, "most": BATCH}).rowcount  # type: ignore[attr-defined]
        total += changed
        if changed < BATCH:
            break
    if total:
        metrics.retention_rows.labels(rule.name).inc(total)
        logger.info("kept long enough", rule=rule.name, rows=total)
    return total


def run(
    engine: Engine, settings: Settings, rules: Sequence[Rule], clock: Clock, *, stop: threading.Event, beat: Callable[[], None]
) -> None:
    """The loop: a pass at the start, and one each `retention_pause`."""
    passed_at: list[float] = []

    def turn() -> bool:
        if not passed_at or time.monotonic() - passed_at[-1] >= settings.retention_pause.total_seconds():
            changed = sweep(engine, settings, rules, now=clock(), stop=stop)
            passed_at[:] = [time.monotonic()]
            metrics.retention_due.set(time.time() + settings.retention_pause.total_seconds())
            metrics.retention_unfinished.set(sum(rows >= BATCH * MOST_BATCHES for rows in changed.values()))
        return False

    metrics.retention_due.set_to_current_time()  # the first pass is due now
    repeat(turn, stop=stop, beat=beat, seconds=POLL_SECONDS)


def command(service: cli.Service[Any], rules: Sequence[Rule]) -> click.Command:
    """`sweep`: one pass at once, by the settings that are given to it."""

    @click.command(
        "sweep", help="Delete at once what has been kept long enough: RETAIN_… of this command's environment say how long that is."
    )
    def sweep_now() -> None:
        settings = cli.read_settings(service)
        engine = db.engine(settings.database_url, name=f"{service.name}-sweep", timeouts=db.LOOP)
        try:
            changed = sweep(engine, settings, rules, now=system_clock())
        finally:
            engine.dispose()
        for name, rows in changed.items():
            click.echo(f"{name}: {rows}")

    return sweep_now


# -- what every service with a database has -----------------------------------

HEARD = (
    Rule(
        "inbox",
        ("inbox",),
        "ids of facts that were heard",
        "retain_inbox",
        """DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox WHERE received_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)""",
        "a second delivery is recognised for longer than the broker keeps a fact",
    ),
    Rule(
        "dead_letters_waiting",
        ("dead_letters",),
        "records that could not be handled, as they came",
        "retain_dead_letters",
        """
        UPDATE dead_letters SET state = 'dropped', value = NULL, headers = '{}', settled_at = clock_timestamp(), settled_because = 'kept for too long'
        WHERE id IN (SELECT id FROM dead_letters WHERE state = 'waiting' AND received_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "to mend and replay them",
    ),
    Rule(
        "parked_keys",
        ("parked_keys",),
        "keys whose records wait",
        "retain_dead_letters",
        """
        DELETE FROM parked_keys WHERE (consumer, topic, key) IN (
            SELECT consumer, topic, key FROM parked_keys p WHERE parked_at < :before AND NOT EXISTS (
                SELECT FROM dead_letters d WHERE d.consumer = p.consumer AND d.topic = p.topic AND d.key = p.key AND d.state = 'waiting'
            ) LIMIT :most FOR UPDATE SKIP LOCKED
        )
        """,
        "to mend and replay what waits behind them",
    ),
    Rule(
        "dead_letters",
        ("dead_letters",),
        "records that were replayed or dropped",
        "retain_dead_letters",
        """
        DELETE FROM dead_letters
        WHERE id IN (SELECT id FROM dead_letters WHERE state <> 'waiting' AND settled_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "to see what was done with them",
    ),
)
WRITTEN = (
    Rule(
        "event_archive",
        ("outbox_archive",),
        "facts that were published: ids, states and times",
        "retain_event_archive",
        "SELECT outbox_drop_partitions(:before, :most)",
        "proof of what was said, and when the broker had it; whole days are dropped",
    ),
    Rule(
        "event_archive_default",
        ("outbox_archive_default",),
        "facts that were published before their day had a partition",
        "retain_event_archive",
        """
        DELETE FROM outbox_archive_default
        WHERE ctid IN (SELECT ctid FROM outbox_archive_default WHERE acked_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "as the archive",
    ),
)
ANSWERED = (
    Rule(
        "idempotency_keys",
        ("idempotency_keys",),
        "answers to requests, encrypted",
        "retain_idempotency_keys",
        """
        DELETE FROM idempotency_keys
        WHERE ctid IN (SELECT ctid FROM idempotency_keys WHERE created_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "a request that is sent again gets its first answer again",
    ),
    Rule(
        "rate_limits",
        ("rate_limits",),
        "counters of requests by a hash of who sent them",
        "retain_rate_limits",
        """DELETE FROM rate_limits WHERE ctid IN (SELECT ctid FROM rate_limits WHERE expires_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)""",
        "protection against floods",
    ),
)
MECHANISMS = (
    Kept(("alembic_version",), "the structure's version", "one row"),
    Kept(("outbox",), "facts and states not yet published", "a row goes when the broker has it"),
    Kept(("outbox_awaiting",), "facts without an answer", "a row goes with the answer; what stays is an alarm"),
    Kept(("backup_taken",), "when the last backup was taken", "one row"),
    Kept(("outbox_relay",), "whether the relay sleeps", "one row"),
)
LISTENING = (
    Kept(("consumer_progress", "consumer_targets"), "how far each partition was read", "one row for each partition"),
    Kept(("inbox_acts",), "positions that operators set, types they replayed, and why; nothing personal", "accounts of our own doing"),
)
