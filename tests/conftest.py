"""Real parts for every test: one PostgreSQL and one Kafka a run; a database and topics for each test.

Nothing of ours is patched, no part is imitated.
"""

import importlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from devstack.parts import Parts
from shared import db, log
from shared.config import Settings

pytest_plugins = ["devstack.pytest_parts"]

SQL = Path(__file__).parent.parent / "shared" / "sql"
_numbers = itertools.count(1)


log.configure(service="test", level="info", style="json")  # as it is run: what a log must not tell, it does not tell here either


@pytest.fixture(scope="session")
def templates(parts: Parts, worker_id: str) -> Iterator[Callable[[str], str]]:
    """Names of migrated databases to copy from, one per service and worker, made when first asked for."""
    made: dict[str, str] = {}

    def template(service: str) -> str:
        if service not in made:
            name = f"template_{service}_{worker_id}_{secrets.token_hex(3)}"
            url = parts.postgres.create_database(name)
            if service == "shared":
                with psycopg.connect(url) as connection:
                    for script in sorted(SQL.glob("*.sql")):
                        connection.execute(script.read_text(encoding="utf-8"))
            else:
                db.migrate(url, importlib.import_module(f"services.{service}.db").MIGRATIONS)
            made[service] = name
        return made[service]

    yield template
    for name in made.values():
        parts.postgres.drop_database(name)


@pytest.fixture
def database(parts: Parts, templates: Callable[[str], str], worker_id: str) -> Iterator[Callable[[str], str]]:
    """`database("catalog")` is the url of a fresh, migrated database of that service; `"shared"` has the shared tables only."""
    made: list[str] = []

    def create(service: str) -> str:
        name = f"{service}_{worker_id}_{next(_numbers)}_{secrets.token_hex(3)}"
        made.append(name)
        return parts.postgres.create_database(name, template=templates(service))

    yield create
    for name in made:
        parts.postgres.drop_database(name)


@pytest.fixture
def topic_prefix(worker_id: str) -> str:
    """Puts a test's topics and groups apart from all others on the same broker."""
    return f"t{worker_id}{next(_numbers)}{secrets.token_hex(3)}."


@pytest.fixture
def settings_for(parts: Parts, topic_prefix: str) -> Callable[..., Settings]:
    """`settings_for(Settings, url, name=value)`: a service's settings on the real parts of this test."""

    def make(kind: type[Settings], url: str, **values: object) -> Settings:
        return kind(database_url=url, kafka_bootstrap_servers=parts.kafka, kafka_topic_prefix=topic_prefix, **values)

    return make
