"""`mail_drain`, `webhook_drain`: 20,000 due deliveries until every one is settled, beside smtplib and http.client on as many connections that only send."""

import http.client
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from bench import notified, place, sinks
from bench.contests import Contest, Size
from devstack.parts import Parts
from services.notification.deliveries import CHANNEL
from services.notification.mails.compose import Part, compose
from services.notification.mails.messages import Sender, message_of
from services.notification.mails.values import Links, Reader
from services.notification.settings import Settings
from shared import crypto

DELIVERIES = 20_000
PATIENTS = 1_000
HOSPITALS = 50  # two in flight at an endpoint, four at a hospital: enough of them to use every connection
_WAITING = "state IN ('pending', 'waiting_contact', 'held', 'retrying', 'sending')"
_FILL = """
    INSERT INTO deliveries (id, event_id, event_at, case_id, case_version, patient_id, recipient, recipient_id, endpoint_id, channel, template, params, message_id, state, due_at, expires_at)
    SELECT gen_random_uuid(), gen_random_uuid(), clock_timestamp(), gen_random_uuid(), 1, gen_random_uuid(), %(recipient)s,
        (%(recipients)s::uuid[])[n %% %(count)s + 1], (%(endpoints)s::uuid[])[n %% %(count)s + 1], %(channel)s, %(template)s, %(params)s, gen_random_uuid(),
        'pending', clock_timestamp(), clock_timestamp() + interval '1 day'
    FROM generate_series(1, %(rows)s) AS n
"""


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Contest]]:
    with sinks.smtp() as mail, sinks.http() as hooks:
        url = place.fresh(parts, "notification", size.past)
        environ = notified.environment(url, parts, smtp_port=mail.port)
        settings = notified.settings_of(environ)
        patients = [crypto.new_id() for _ in range(min(PATIENTS, size.count(DELIVERIES)))]
        notified.stock_patients(settings, patients)
        hospitals = notified.stock_hospitals(settings, HOSPITALS, f"http://127.0.0.1:{hooks.port}/{{number}}")
        rows, sent = size.count(DELIVERIES, least=100), _letter()
        message, body = (
            _message(settings, sent),
            b'{"type":"invitation.sent","timestamp":"2027-01-12T09:00:00Z","data":%s}' % (b'{"x":"%s"}' % (b"y" * 280)),
        )
        mails = {
            "recipient": "patient",
            "recipients": patients,
            "endpoints": [None],
            "template": "verify_address",
            "params": Jsonb(sent),
            "channel": "email",
        }
        posts = {
            "recipient": "hospital", "recipients": hospitals, "endpoints": _webhooks(url, hospitals), "template": "invitation_sent",
            "params": Jsonb(_asked()), "channel": "webhook",
        }  # fmt: skip
        yield [
            Contest(
                "mail_drain",
                "mails/s",
                f"{rows:,} deliveries",
                lambda: _drain(environ, mails, rows),
                {"bare smtplib": lambda: _in_threads(settings.smtp_connections, rows, lambda turns: _mail(mail.port, message, turns))},
                {"bare smtplib": 0.35},
            ),
            Contest(
                "webhook_drain",
                "webhooks/s",
                f"{rows:,} deliveries",
                lambda: _drain(environ, posts, rows),
                {"bare http.client": lambda: _in_threads(settings.webhook_connections, rows, lambda turns: _post(hooks.port, body, turns))},
                {"bare http.client": 0.35},
            ),
        ]


def _letter() -> dict[str, object]:
    expires = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    return {"reference": "K7QF-2M9X-4TBD", "verify": {"id": str(crypto.new_id()), "purpose": "verify", "expires_at": expires}}


def _asked() -> dict[str, object]:
    return {
        "reference": "K7QF-2M9X-4TBD",
        "invitation_id": str(crypto.new_id()),
        "answer_due": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }


def _message(settings: Settings, letter: dict[str, object]) -> bytes:
    reader = Reader("en", "Africa/Lagos", name="Amina Bello")
    mail = compose([Part("verify_address", letter)], reader, Links(settings.site_url, settings.link_key_bytes))
    sender = Sender.parse(settings.smtp_from)
    return message_of(mail, sender=sender, to="p1@example.org", unique=crypto.new_id(), language="en", now=datetime.now(UTC))


def _webhooks(url: str, hospitals: list[UUID]) -> list[UUID]:
    with psycopg.connect(url) as connection:
        found: dict[UUID, UUID] = dict(connection.execute("SELECT hospital_id, id FROM endpoints WHERE kind = 'webhook'").fetchall())
    return [found[one] for one in hospitals]


def _drain(environ: dict[str, str], kind: dict[str, object], rows: int) -> float:
    """From the moment they are due, before a loop that waits, to the last one settled."""
    recipients: list[UUID] = kind["recipients"]  # type: ignore[assignment]
    endpoints: list[UUID | None] = kind["endpoints"]  # type: ignore[assignment]
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("TRUNCATE outbox")
        connection.execute(f"DELETE FROM deliveries WHERE {_WAITING}")  # noqa: S608  # a constant; those of another room
        with notified.delivering(environ):
            _until(lambda: connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'deliver-listen'"), 1)
            given = kind | {"endpoints": endpoints * (len(recipients) // len(endpoints)), "count": len(recipients), "rows": rows}
            connection.execute(_FILL, given)
            began = time.perf_counter()
            connection.execute(f"NOTIFY {CHANNEL}")
            _until(lambda: connection.execute(f"SELECT -count(*) FROM deliveries WHERE {_WAITING}"), 0)  # noqa: S608  # a constant
            return rows / (time.perf_counter() - began)


def _until(ask: Callable[[], "psycopg.Cursor[tuple[int]]"], count: int) -> None:
    while (row := ask().fetchone()) is None or row[0] < count:
        time.sleep(0.05)


def _in_threads(connections: int, count: int, send: Callable[[Iterator[int]], None]) -> float:
    """So many at once until all are sent; `send` takes its turns from an iterator that all share."""
    turns, lock = iter(range(count)), threading.Lock()

    def mine() -> Iterator[int]:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            yield turn

    threads = [threading.Thread(target=send, args=(mine(),)) for _ in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - began)


def _mail(port: int, message: bytes, turns: Iterator[int]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for turn in turns:
            connection.sendmail("no-reply@passage.example", [f"p{turn}@example.org"], message)


def _post(port: int, body: bytes, turns: Iterator[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for turn in turns:
        connection.request("POST", f"/{turn % HOSPITALS}", body, {"Content-Type": "application/json", "webhook-id": str(crypto.new_id())})
        connection.getresponse().read()
    connection.close()
