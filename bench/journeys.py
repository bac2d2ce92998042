"""`e2e_50`, `e2e_max`: from the POST of an enquiry until the mail server has taken the mail to its requester, through every hop and every process of ours."""

import itertools
import secrets
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from bench import load, notified, place, posts, servers, sinks
from bench.contests import Reading, Size
from bench.sinks import Sink
from devstack.parts import Parts
from shared.bus.topics import ensure_topics
from shared.events import TOPICS

RATE = 50  # enquiries a second, whether the answers come or not
SENDERS = 16
LATEST = 120.0  # seconds that are waited for the last mail
# by the database's clock: written, in Kafka, heard, claimed, taken by the mail server
_FACTS = "SELECT event_id, recorded_at, acked_at FROM outbox_archive WHERE acked_at >= %s AND type = 'enquiry.submitted.v1'"
_MAILS = """
    SELECT d.event_id, i.received_at, a.started_at, a.finished_at
    FROM deliveries d JOIN inbox i ON i.event_id = d.event_id JOIN attempts a ON a.delivery_id = d.id WHERE d.event_id = ANY(%s)
"""
HOPS = ("written to Kafka", "Kafka to heard", "heard to claimed", "claimed to taken")


@dataclass(frozen=True)
class _Town:
    """What a journey goes through."""

    port: int
    mail: Sink
    enquiry: str
    notification: str
    requests: Iterator[tuple[str, bytes]]

    def now(self) -> datetime:
        """By the one clock of the databases."""
        with psycopg.connect(self.enquiry) as connection:
            return connection.execute("SELECT clock_timestamp()").fetchall()[0][0]  # type: ignore[no-any-return]

    def wait_for(self, count: int) -> dict[str, float]:
        """Whom so many mails were for, and when they were taken. Raises TimeoutError."""
        deadline = time.monotonic() + LATEST
        while len(taken := self.mail.taken()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(taken)} of {count} mails came within {LATEST:.0f} s")
            time.sleep(0.1)
        return taken


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Reading]]:
    seconds, most = size.seconds(60), size.seconds(20)
    milliseconds = {name: "ms" for hop in ("all", "POST answered", *HOPS) for name in (f"{hop} p50", f"{hop} p99")}
    with _town(parts, size) as town:
        yield [
            Reading(
                "e2e_50", f"{seconds:g} s, {RATE}/s", lambda: _paced(town, round(RATE * seconds)), milliseconds, {"all p50": 12, "all p99": 30}
            ),
            Reading(
                "e2e_max", f"{most:g} s of POSTs", lambda: _flooded(town, most), {"sustained": "enquiries/s", "CPU of ours": "ms an enquiry"},
                {"CPU of ours": 2.5}, {"sustained": 800},
            ),
        ]  # fmt: skip


@contextmanager
def _town(parts: Parts, size: Size) -> Iterator[_Town]:
    catalog_url = place.stocked_catalog(parts)
    url, told = place.informed_enquiry(parts, catalog_url, size.past), place.fresh(parts, "notification", size.past)
    _clear(url, told)
    topics = {"KAFKA_TOPIC_PREFIX": f"bench.journey.{secrets.token_hex(3)}."}
    enquiry = place.enquiry_environment(url, parts.kafka) | topics | {"HTTP_PROCESSES": str(posts.PROCESSES)}
    with sinks.smtp() as mail:
        notification = notified.environment(told, parts, smtp_port=mail.port, shared=enquiry) | topics
        ensure_topics(notified.settings_of(notification), list(TOPICS.values()))
        with (
            servers.serving(["services.catalog", "serve"], {"DATABASE_URL": catalog_url, "KAFKA_BOOTSTRAP_SERVERS": parts.kafka}) as form,
            servers.serving(["services.enquiry", "serve"], enquiry) as port,
            servers.working("enquiry", enquiry),
            servers.working("notification", notification),
        ):
            town = _Town(port, mail, url, told, posts.addressed(form, place.hospital_of(url)))
            _paced(town, SENDERS)  # until the first has gone through, nothing is warm
            yield town


def _clear(enquiry: str, notification: str) -> None:
    """What another room has left to be done in tables with a past is not done here."""
    for url, statements in ((enquiry, ()), (notification, ("DELETE FROM deliveries WHERE settled_at IS NULL",))):
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in ("TRUNCATE outbox, outbox_awaiting, consumer_progress", *statements):
                connection.execute(statement)


def _paced(town: _Town, count: int) -> dict[str, float]:
    """An open loop: each is due at its time, and waits for nobody; its time counts from when it was due."""
    town.mail.forget()
    since = town.now()
    chosen, began = list(itertools.islice(town.requests, count)), time.monotonic() + 0.2
    due = {email: began + number / RATE for number, (email, _) in enumerate(chosen)}
    answered: dict[str, float] = {}
    shares = [chosen[at::SENDERS] for at in range(SENDERS)]
    threads = [threading.Thread(target=_send, args=(town.port, share, due, answered)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = town.wait_for(count)
    spans = {"all": [taken[email] - due[email] for email in due], "POST answered": [answered[email] - due[email] for email in due]}
    spans |= _hops(town, since)
    return {
        name: value for span, seen in spans.items() for name, value in ((f"{span} p50", _part(seen, 50)), (f"{span} p99", _part(seen, 99)))
    }


def _send(port: int, share: Sequence[tuple[str, bytes]], due: dict[str, float], answered: dict[str, float]) -> None:
    """Over one connection that is kept."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for email, request in share:
            time.sleep(max(0.0, due[email] - time.monotonic()))
            load.ask(opened, request, b"201")
            answered[email] = time.monotonic()


def _hops(town: _Town, since: datetime) -> dict[str, list[float]]:
    """Seconds of each fact between two stations, by the one clock of the database."""
    with psycopg.connect(town.enquiry) as connection:
        facts = {event_id: times for event_id, *times in connection.execute(_FACTS, [since]).fetchall()}
    with psycopg.connect(town.notification) as connection:
        mails = {event_id: times for event_id, *times in connection.execute(_MAILS, [[*facts]]).fetchall() if times[-1]}
    ways = [[*facts[event_id], *times] for event_id, times in mails.items() if event_id in facts]
    return {hop: [(way[at + 1] - way[at]).total_seconds() for way in ways] for at, hop in enumerate(HOPS)}


def _part(seconds: Sequence[float], percent: int) -> float:
    """The percentile, in milliseconds."""
    return 1000 * (statistics.quantiles(seconds, n=100)[percent - 1] if len(seconds) > 1 else seconds[0])


def _flooded(town: _Town, seconds: float) -> dict[str, float]:
    """As many as the service answers, until the last of their mails was taken."""
    town.mail.forget()
    before, began = _cpu(), time.monotonic()
    rate = load.rate(town.port, (request for _, request in town.requests), status=201, seconds=seconds)
    sent = max(1, round(rate * seconds))  # what was asked last and not waited for may come, too
    taken = town.wait_for(sent)
    return {"sustained": len(taken) / (max(taken.values()) - began), "CPU of ours": 1000 * (_cpu() - before) / len(taken)}


def _cpu() -> float:
    """Seconds that all processes of ours have computed; those of PostgreSQL and Kafka are not ours."""
    return sum(sum(one.cpu_times()[:2]) for one in servers.ours())
