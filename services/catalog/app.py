"""The catalog at its door: routes in, states out. It hears nobody."""

from collections.abc import Mapping

from flask import Flask
from sqlalchemy import Engine

from shared import backups, cli, config, db, outbox, retention, web
from shared.bus import Publisher
from shared.cli.loops import Loop
from shared.clock import system_clock
from shared.events.catalog import HOSPITALS, PROCEDURES
from shared.outbox.relay import relay
from shared.web.cache import Cache

from . import comparisons, countries, doctors, enquiry_forms, hospitals, prices, procedures, search, specialties
from .db import MIGRATIONS
from .editions import current_edition
from .examples import WORDS
from .importing.days import keep_current
from .publications import RESTORING
from .retention import RULES
from .settings import Settings
from .words import find_from

ROUTES = (procedures.bp, prices.bp, hospitals.bp, doctors.bp, enquiry_forms.bp, comparisons.bp, search.bp, specialties.bp, countries.bp)

CONNECTIONS = {"serve": 1, "relay": 1, "retention": 1, "days": 1}  # as db.engine gives where nobody asks for more


def create_app(settings: Settings) -> Flask:
    """The public read API."""
    engine = engine_for(settings.database_url)
    door = web.Door(settings, engine, migrations=MIGRATIONS, measures=(outbox.measure, backups.measure))
    app = web.create_app(
        "Passage catalog", door, ROUTES, description="What may be asked for: procedures, hospitals, doctors, prices.", words=WORDS
    )
    app.wsgi_app = Cache(app.wsgi_app, lambda: current_edition(engine))  # type: ignore[method-assign]
    return app


def engine_for(url: str) -> Engine:
    """That which requests are answered from."""
    engine = db.engine(url, name="catalog-web")
    find_from(engine)
    return engine


def wsgi() -> Flask:
    """For gunicorn: called in each process, after its fork."""
    return create_app(_settings())


def _settings() -> Settings:
    settings = cli.read_settings(SERVICE)
    assert isinstance(settings, Settings)  # noqa: S101  # for the type checker
    return settings


def loops(settings: config.Settings) -> Mapping[str, Loop]:
    engine = db.engine(settings.database_url, name="catalog-retention", timeouts=db.LOOP)
    url, publisher = settings.database_url, Publisher(settings, name="catalog-relay")
    return {
        "relay": lambda stop, beat: relay(url, publisher, stop=stop, beat=beat),
        "retention": lambda stop, beat: retention.run(engine, settings, RULES, system_clock, stop=stop, beat=beat),
        "days": lambda stop, beat: keep_current(url, stop=stop, beat=beat),
    }


SERVICE = cli.Service(
    name="catalog",
    settings=Settings,
    migrations=MIGRATIONS,
    topics=(PROCEDURES, HOSPITALS),
    loops=loops,
    connections=CONNECTIONS,
    restoring=RESTORING,
)
