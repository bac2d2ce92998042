"""Each service's migrations make the tables that its models name, and may be run again."""

import importlib

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from shared import db

SERVICES = ("catalog", "enquiry", "notification")
WITHOUT_A_MODEL = ("outbox_archive", "outbox_awaiting", "outbox_relay", "backup_taken", "alembic_version")  # written as SQL, read as SQL


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


@pytest.mark.parametrize(("held", "behind"), [(["0001"], True), (["0002"], False), (["0003"], False), ([], True), (None, True)], ids=str)
def test_a_database_is_behind_until_it_holds_the_newest_revision_and_never_by_being_newer(database, tmp_path, held, behind):
    """A release that is being replaced keeps serving on a database that the next one has migrated."""
    (tmp_path / "versions").mkdir()
    for revision, before in (("0001", None), ("0002", "0001")):
        (tmp_path / "versions" / f"{revision}.py").write_text(f"revision = {revision!r}\ndown_revision = {before!r}\n")
    engine = db.engine(database("shared"), name="test")
    try:
        with db.transaction(engine) as session:
            if held is not None:
                session.execute(text("CREATE TABLE alembic_version (version_num text)"))
            for one in held or []:
                session.execute(text("INSERT INTO alembic_version VALUES (:one)"), {"one": one})
            assert db.is_behind(session, tmp_path) is behind
    finally:
        engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
def test_a_migrated_database_is_not_behind(service, database):
    engine = db.engine(database(service), name="test")
    try:
        with db.transaction(engine) as session:
            assert not db.is_behind(session, tables_of(service).MIGRATIONS)
    finally:
        engine.dispose()
