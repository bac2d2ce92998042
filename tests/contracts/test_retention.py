"""Every table has a rule of retention or a sentence why not; every rule runs on the tables as they are."""

import importlib
import re
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared import db
from shared.retention import sweep

SERVICES = ("catalog", "enquiry", "notification")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def of(service):
    return importlib.import_module(f"services.{service}.retention")


def settings_of(service, url):
    """Every setting without a default is a text here: retention reads its times only."""
    kind = importlib.import_module(f"services.{service}.settings").Settings
    required = {one.name: "" for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    return kind(**{**required, "database_url": url})


def tables(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        return {name for (name,) in rows if not re.fullmatch(r"outbox_archive_\d{8}", name)}


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_has_a_rule_or_a_sentence_why_not(service, database):
    said = {table for one in (*of(service).RULES, *of(service).KEPT) for table in one.tables}
    assert tables(database(service)) == said


@pytest.mark.parametrize("service", SERVICES)
def test_every_rule_runs_on_the_tables_as_they_are(service, database):
    url = database(service)
    engine = db.engine(url, name="test")
    changed = sweep(engine, settings_of(service, url), of(service).RULES, now=NOW)
    engine.dispose()
    assert changed == {rule.name: 0 for rule in of(service).RULES}


def archive(connection, day, at):
    connection.execute("SELECT outbox_make_partition(%s)", (day,))
    connection.execute(
        """INSERT INTO outbox_archive VALUES (1, gen_random_uuid(), 't', gen_random_uuid(), 'x', 1, 0, %(at)s, '{}', NULL, 0, 0, %(at)s)""",
        {"at": at},
    )


def test_whole_days_of_the_archive_are_dropped_and_no_day_too_early(database):
    url = database("catalog")
    with psycopg.connect(url) as connection:
        for days in (29, 30, 31, 40):
            at = NOW - timedelta(days=days)
            archive(connection, at.date(), at)
        archive(connection, "2020-01-01", datetime(2019, 1, 1, tzinfo=UTC))
    engine = db.engine(url, name="test")
    sweep(engine, settings_of("catalog", url), of("catalog").RULES, now=NOW)
    engine.dispose()
    left = {f"outbox_archive_{(NOW - timedelta(days=days)).date():%Y%m%d}" for days in (29, 30)}
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT relname FROM pg_class WHERE relname ~ '^outbox_archive_[0-9]{8}$'").fetchall()
        assert {name for (name,) in found} == left
        assert connection.execute("SELECT count(*) FROM outbox_archive_default").fetchone() == (0,)
