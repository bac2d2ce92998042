"""A catalog's import on a real database: what is refused leaves every row as it was; what is taken is whole."""

import json

import psycopg
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy.exc import IntegrityError

from services.catalog.__main__ import main
from services.catalog.importer import yaml_text
from services.catalog.importing.command import REFUSED
from tests.catalog.test_importer_fuzz import DOCUMENTS, SEED_AS_PRINTED, places_in, with_other

SEED = yaml_text.parse(SEED_AS_PRINTED.read_text(encoding="utf-8"), lambda *_: None)
EXTREMES = st.sampled_from(
    [
        10**30, -(10**30), 2**31, 2**63, 1e308, "\x00", "\ud800", "x" * 100_000, "0001-01-01", "9999-12-31", "24:00", "USD 1 – USD 99999999999999999999",
        "٣", [], {}, [None], [[]], "../../etc/passwd", "{{ 7*7 }}", "<script>",
    ]
)  # fmt: skip
ROWS = """
    SELECT coalesce(md5(string_agg(one, ',' ORDER BY one)), '')
    FROM (SELECT t.tableoid::text || t::text AS one FROM {table} AS t) AS rows
"""


def fingerprint(url):
    """Of every row of every table."""
    with psycopg.connect(url) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
        return {name: connection.execute(sql.SQL(ROWS).format(table=sql.Identifier(name))).fetchone() for name in tables}


@pytest.fixture
def command(database, tmp_path, monkeypatch):
    """Imports a text into a catalog that holds the seed: what the command answers, and its database's address."""
    url = database("catalog")
    monkeypatch.setenv("DATABASE_URL", url)
    path = tmp_path / "any.yaml"

    def imported(document):
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8", errors="surrogatepass")
        return CliRunner().invoke(main, ["import", "--brief", "--withdraw-many", str(path)])

    assert imported(SEED).exit_code == 0
    return imported, url


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(sorted(places_in(SEED), key=str)), other=DOCUMENTS | EXTREMES)
def test_an_import_is_taken_or_refused_with_every_row_as_it_was(command, place, other):
    imported, url = command
    before = fingerprint(url)
    done = imported(with_other(SEED, place, other))
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in {0, REFUSED}
    if done.exit_code == REFUSED:
        assert "nothing was written" in done.stderr
        assert fingerprint(url) == before
    else:
        assert imported(SEED).exit_code == 0


def test_an_import_that_the_database_refuses_half_way_leaves_every_row_as_it_was(command):
    imported, url = command
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE documents ADD CONSTRAINT nothing_new CHECK (false) NOT VALID")  # documents are written last
    before = fingerprint(url)
    done = imported(with_other(SEED, ("hospitals", 0, "name"), "Another Name"))
    assert isinstance(done.exception, IntegrityError)
    assert fingerprint(url) == before
