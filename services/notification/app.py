"""The sign at the door of notification: what it hears, what it answers, what runs.

A table of contents; decides nothing itself.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import Engine

from shared import auth, backups, cli, db, inbox, outbox, retention, web
from shared.bus import Publisher
from shared.clock import system_clock
from shared.config import Settings as AnySettings
from shared.crypto import KeyRing
from shared.events import notification as said
from shared.events.catalog import HOSPITALS
from shared.events.enquiry import ACCOUNTS, PATIENTS
from shared.events.erasure import PatientErased
from shared.inbox import Hearing
from shared.inbox.consume import consume
from shared.outbox.relay import relay

from . import alerts, audit, backlog, doctor, erasures, heard
from .contacts.hospitals import CONSUMER
from .contacts.people import is_live
from .db import MIGRATIONS
from .deliveries import routes as deliveries
from .deliveries import webhooks
from .deliveries.sending import deliver
from .endpoints import routes as endpoints
from .examples import WORDS
from .ops import routes as ops
from .restoring import RESTORING
from .retention import RULES
from .settings import Settings

DESCRIPTION = """
For hospitals: where you want to be told (`/v1/endpoints`), and what was sent there, with every attempt (`/v1/deliveries`).
For operations: what waits, what failed, what is held back (`/v1/ops`).
"""


# -- heard --------------------------------------------------------------------


def hearing(settings: Settings) -> Hearing:
    """Facts and states, and who handles them."""
    return Hearing(
        CONSUMER,
        facts={**alerts.handlers(system_clock, settings), PatientErased: erasures.on_patient_erased},
        states={PATIENTS: heard.on_patient, ACCOUNTS: heard.on_account, HOSPITALS: heard.on_hospital},
        ahead=alerts.look_ahead,
    )


CONNECTIONS = {"serve": 1, "relay": 1, "consume": 2, "deliver": 2, "retention": 1}  # one of `deliver` listens

# -- answered -----------------------------------------------------------------

ROUTES = [endpoints.bp, endpoints.links, deliveries.bp, ops.bp]


def create_app(settings: Settings) -> Flask:
    """The HTTP of notification."""
    engine = db.engine(settings.database_url, name="notification-web", pool=CONNECTIONS["serve"])
    at = web.Door(
        settings,
        engine,
        auth.Verifier(settings, jwks_url=settings.jwks_url),
        migrations=MIGRATIONS,
        answers_key=KeyRing.parse(settings.notification_keys),
        check_session=is_live,
        measures=(outbox.measure, backups.measure, inbox.measure, backlog.measure),
        extra={"hearing": hearing(settings)},
    )
    return web.create_app("Passage notification", at, ROUTES, description=DESCRIPTION, words=WORDS, webhooks=webhooks.document())


def wsgi() -> Flask:
    """For gunicorn."""
    settings = cli.read_settings(SERVICE)
    assert isinstance(settings, Settings)  # noqa: S101
    return create_app(settings)


# -- running ------------------------------------------------------------------


def loops(settings: AnySettings) -> Mapping[str, cli.loops.Loop]:
    """What `work` runs."""
    assert isinstance(settings, Settings)  # noqa: S101
    chosen: Settings = settings

    def consumer(stop: threading.Event, beat: Callable[[], None]) -> None:
        with db_engine(chosen, "consume", pool=CONNECTIONS["consume"]) as engine:
            consume(engine, chosen, hearing(chosen), stop=stop, beat=beat)

    def deliverer(stop: threading.Event, beat: Callable[[], None]) -> None:
        with db_engine(chosen, "deliver", pool=CONNECTIONS["deliver"] - 1) as engine:
            deliver(engine, chosen, stop=stop, beat=beat)

    def publisher(stop: threading.Event, beat: Callable[[], None]) -> None:
        relay(chosen.database_url, Publisher(chosen, name="notification-relay"), stop=stop, beat=beat)

    def remover(stop: threading.Event, beat: Callable[[], None]) -> None:
        with db_engine(chosen, "retention", pool=CONNECTIONS["retention"]) as engine:
            retention.run(engine, chosen, RULES, system_clock, stop=stop, beat=beat)

    return {"relay": publisher, "consume": consumer, "deliver": deliverer, "retention": remover}


@contextmanager
def db_engine(settings: Settings, name: str, *, pool: int) -> Iterator[Engine]:
    """An engine for one loop, closed with it."""
    engine = db.engine(settings.database_url, name=f"notification-{name}", timeouts=db.LOOP, pool=pool)
    try:
        yield engine
    finally:
        engine.dispose()


SERVICE = cli.Service(
    name="notification",
    settings=Settings,
    migrations=MIGRATIONS,
    topics=(said.EVENTS, said.ENDPOINTS),
    loops=loops,
    connections=CONNECTIONS,
    hearing=hearing,
    restoring=RESTORING,
    own=doctor.OWN,
    audit=audit.note,
)
