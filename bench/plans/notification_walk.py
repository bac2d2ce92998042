"""Notification's hot paths: facts are heard, deliveries claimed and settled, looked for by operations, over months of letters."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench import inboxes, notified, place
from bench.past import Past
from bench.plans.seen import Path, walked
from devstack.parts import Parts
from services.notification import backlog, retention
from services.notification.app import db_engine, hearing
from services.notification.channels import Result, Sent
from services.notification.deliveries import claims, settling
from services.notification.deliveries.records import deliveries_page
from services.notification.settings import Settings
from shared import inbox
from shared.bus import Batch, Incoming
from shared.events.enquiry import EVENTS
from shared.events.notification import Channel
from shared.inbox.receive import receive
from shared.retention import sweep

FACTS = 2_000
_FULL = (
    """
    INSERT INTO endpoints (id, version, hospital_id, kind, sealed_address, proved_at)
    SELECT gen_random_uuid(), 1, gen_random_uuid(), kind, ''::bytea, now() FROM generate_series(1, 30000), unnest(ARRAY['email', 'webhook']) AS kind
    """,
    """
    INSERT INTO withheld (event_id, type, case_id, case_version, occurred_at, data)
    SELECT gen_random_uuid(), 'invitation.viewed.v1', gen_random_uuid(), 1, now(), '{}' FROM generate_series(1, 5000)
    """,
    "UPDATE withheld SET released_at = now() WHERE event_id < '80000000-0000-0000-0000-000000000000'",
    "INSERT INTO tasks (id, kind, details, done_at) SELECT gen_random_uuid(), 'a', '{}', now() FROM generate_series(1, 5000)",
    "INSERT INTO tasks (id, kind, details) SELECT gen_random_uuid(), 'a', '{}' FROM generate_series(1, 50)",
    "INSERT INTO rate_limits SELECT 'other-' || number, 1, now() + interval '1 hour' FROM generate_series(1, 5000) AS number",
    """
    INSERT INTO idempotency_keys (caller, key, fingerprint, status, headers, sealed_body)
    SELECT 'anybody', 'other-' || number, ''::bytea, 201, '{}', ''::bytea FROM generate_series(1, 5000) AS number
    """,
)


def walk(parts: Parts, past: Past) -> Iterator[Path]:
    url = place.fresh(parts, "notification", past)
    settings = notified.settings_of(notified.environment(url, parts))
    hospitals = notified.stock_hospitals(settings, 20, "http://127.0.0.1:1/{number}")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _FULL:
            connection.execute(statement)
    _vacuum(url)
    heard = hearing(settings)
    many, more = _batches(hospitals)
    with db_engine(settings, "plans", pool=2) as engine:
        yield walked(engine, "notification: facts are heard", lambda session: receive(session, heard, many))
        _vacuum(url)
        yield walked(engine, "notification: facts are heard while others wait to be told", lambda session: receive(session, heard, more))
        for name, act in _acts(engine, settings, hospitals[0]).items():
            yield walked(engine, f"notification: {name}", act)


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _batches(hospitals: list[UUID]) -> tuple[Batch, Batch]:
    records = [
        Incoming(EVENTS.name, 0, offset, key, {name: value.encode() for name, value in headers.items()}, value)
        for offset, (key, headers, value) in enumerate(itertools.islice(inboxes.records(hospitals), FACTS + 200))
    ]
    return Batch(EVENTS.name, 0, records[:FACTS]), Batch(EVENTS.name, 0, records[FACTS:])


def _acts(engine: Engine, settings: Settings, hospital: UUID) -> dict[str, Callable[[Session], object]]:
    def turn(channel: Channel) -> Callable[[Session], object]:
        def act(session: Session) -> None:
            claimed = claims.claim_due(session, channel=channel, most=8)
            claims.begin_attempts(session, claimed)
            settling.settle(session, settings, [settling.Outcome(one, Sent(Result.ACCEPTED, 250, "ok")) for one in claimed])

        return act

    return {
        "mails are claimed and settled": turn(Channel.EMAIL),
        "webhooks are claimed and settled": turn(Channel.WEBHOOK),
        "leases that ran out": lambda session: claims.lost_leases(session, most=100),
        "deliveries that are overdue": settling.end_overdue,
        "a hospital's deliveries": lambda session: deliveries_page(session, after=None, limit=50, hospital_id=hospital),
        "deliveries that failed": lambda session: deliveries_page(session, after=None, limit=50, states=["failed"]),
        "deliveries that wait for a person": lambda session: deliveries_page(session, after=None, limit=50, undecided=True),
        "the backlog": backlog.backlog_of,
        "its figures": backlog.measure,
        "the inbox's figures": inbox.measure,
        "retention": lambda _: sweep(engine, settings, retention.RULES, now=datetime.now(UTC)),
    }
