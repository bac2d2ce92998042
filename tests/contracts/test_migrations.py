"""Each service's migrations make the tables that its models name, and may be run again."""

import importlib

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shared import db

SERVICES = ("catalog", "enquiry", "notification")
WITHOUT_A_MODEL = ("outbox_archive", "outbox_awaiting", "outbox_relay", "alembic_version")  # written as SQL, read as SQL


def tables_of(service):
    importlib.import_module(f"services.{service}.app")  # it brings every table in
    return importlib.import_module(f"services.{service}.db")


def differences(service, url):
    """What alembic would change to make the database what the models say."""
    tables = tables_of(service)

    def ours(_object, name, kind, *_):
        return kind != "table" or not (name or "").startswith(WITHOUT_A_MODEL)

    engine = db.engine(url, name="test")
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_server_default": True})
            return compare_metadata(context, [tables.Base.metadata, *tables.MECHANISMS])
    finally:
        engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrated_database_is_what_the_models_say(service, database):
    assert differences(service, database(service)) == []


@pytest.mark.parametrize(
    "change",
    ["ADD COLUMN extra text", "DROP COLUMN blocked_because", "ALTER COLUMN event_id DROP NOT NULL", "ALTER COLUMN type TYPE varchar(20)"],
)
def test_a_database_that_is_not_what_the_models_say_is_seen(change, database):
    url = database("enquiry")
    with psycopg.connect(url) as connection:
        connection.execute(f"ALTER TABLE outbox {change}")
    assert differences("enquiry", url) != []


@pytest.mark.parametrize("service", SERVICES)
def test_migrating_again_changes_nothing(service, database):
    url = database(service)
    db.migrate(url, tables_of(service).MIGRATIONS)
    assert differences(service, url) == []
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM outbox_relay").fetchall() == [(1,)]
