"""A catalog that holds the files we deliver, imported once a worker; each test that writes has a copy of its own."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from devstack.parts import Parts
from services.catalog.app import create_app
from services.catalog.importer import reading, records
from services.catalog.importing.apply import TIMEOUTS, Outcome, apply_import
from services.catalog.settings import Settings
from shared import db

DATA = sorted((Path(__file__).parents[2] / "services" / "catalog" / "data").glob("*.yaml"))
TODAY = date(2026, 11, 23)


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    engine = db.engine(url, name="test", timeouts=TIMEOUTS)
    try:
        yield engine
    finally:
        engine.dispose()


def applied(url: str, found: records.Import, *, today: date = TODAY) -> Outcome:
    with engine_of(url) as engine, db.transaction(engine) as session:
        return apply_import(session, found, today=today)


@pytest.fixture(scope="session")
def stated() -> records.Import:
    """What our files say."""
    return reading.read(DATA)


@pytest.fixture(scope="session")
def stocked(parts: Parts, templates: Callable[[str], str], worker_id: str, stated: records.Import) -> Iterator[str]:
    """Name of a database that holds it. Nobody stays connected to it: it is copied."""
    name = f"catalog_stocked_{worker_id}_{secrets.token_hex(3)}"
    applied(parts.postgres.create_database(name, template=templates("catalog")), stated)
    yield name
    parts.postgres.drop_database(name)


@pytest.fixture
def catalog(parts: Parts, stocked: str) -> Iterator[str]:
    """Url of a catalog of the test's own that holds what our files say."""
    name = f"{stocked}_{secrets.token_hex(3)}"
    yield parts.postgres.create_database(name, template=stocked)
    parts.postgres.drop_database(name)


@pytest.fixture(scope="session")
def shared_catalog(parts: Parts, stocked: str) -> Iterator[str]:
    """The same, for tests that only read."""
    name = f"{stocked}_read"
    yield parts.postgres.create_database(name, template=stocked)
    parts.postgres.drop_database(name)


@contextmanager
def client_of(url: str) -> Iterator[FlaskClient]:
    app = create_app(Settings(database_url=url))
    try:
        with app.test_client() as client:
            yield client
    finally:
        app.extensions["passage"].engine.dispose()


@pytest.fixture(scope="session")
def client(shared_catalog: str) -> Iterator[FlaskClient]:
    """Reads what our files say."""
    with client_of(shared_catalog) as client:
        yield client


@pytest.fixture
def session(catalog: str) -> Iterator[Session]:
    """On the test's own catalog; rolled back."""
    with engine_of(catalog) as engine, Session(engine) as session:
        yield session


@pytest.fixture
def queries(client: FlaskClient) -> Iterator[list[str]]:
    """Every statement the client's requests send to the database."""
    engine, sent = client.application.extensions["passage"].engine, list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)
