"""`python -m services.catalog`: what is printed, what the exit code says, what was written."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.catalog.conftest import DATA

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(database: Callable[[str], str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command on an empty catalog of the test's own."""
    url = database("catalog")

    def command(*arguments: str | Path, url: str | None = url) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": str(ROOT)} | ({"DATABASE_URL": url} if url else {})
        return subprocess.run(
            [sys.executable, "-m", "services.catalog", *map(str, arguments)],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    command.url = url
    return command


def counted(url: str) -> tuple[int, int, int]:
    """How many procedures, documents and rows of the outbox there are."""
    with psycopg.connect(url) as connection:
        return tuple(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("procedures", "documents", "outbox"))


def test_our_files_are_imported_and_imported_again_in_vain(run, stated):
    first = run("import", *DATA)
    assert (first.returncode, first.stderr) == (0, "")
    assert "+ procedures intrathecal-baclofen-therapy" in first.stdout
    assert "warnings: " in first.stdout
    assert "question " in first.stdout
    held = counted(run.url)
    assert held[0] == len(stated.procedures)
    again = run("import", *DATA)
    assert again.returncode == 0
    assert "nothing to add, change or withdraw" in again.stdout
    assert counted(run.url) == held


def test_a_dry_run_prints_the_same_plan_and_writes_nothing(run):
    rehearsed = run("import", *DATA, "--dry-run")
    assert rehearsed.returncode == 0
    assert counted(run.url) == (0, 0, 0)
    done = run("import", *DATA)
    assert [line for line in done.stdout.splitlines() if line.startswith("+ ")] == [
        line for line in rehearsed.stdout.splitlines() if line.startswith("+ ")
    ]


def test_warnings_refuse_a_strict_import(run):
    refused = run("import", *DATA, "--strict")
    assert refused.returncode == 1
    assert "--strict; nothing was written" in refused.stderr
    assert counted(run.url) == (0, 0, 0)


def test_a_fault_refuses_the_import_and_every_fault_is_told(run, tmp_path: Path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("cities:\n  - {slug: Not A Slug, country: TR, name: X}\n  - {slug: b, country: QQ, name: Y}\n", encoding="utf-8")
    refused = run("import", *DATA, wrong)
    assert refused.returncode == 1
    assert f"{wrong}#/cities/0/slug" in refused.stderr
    assert f"{wrong}#/cities/1/country" in refused.stderr
    assert counted(run.url) == (0, 0, 0)


def test_called_wrongly_it_says_so(run):
    assert run("import").returncode == 2
    assert run("import", *DATA, url=None).returncode == 2


def test_a_database_that_is_away_is_said_to_be_away(run):
    away = run("import", *DATA, url="postgresql://nobody:x@127.0.0.1:1/nothing")
    assert away.returncode == 3
    assert "cannot be reached; nothing was written" in away.stderr


def test_states_are_published_once_more_under_the_versions_they_have(run, stated):
    run("import", *DATA)
    query = "SELECT key, version, value FROM outbox ORDER BY topic, key"
    with psycopg.connect(run.url, autocommit=True) as connection:
        first = connection.execute(query).fetchall()
        assert run("republish").stdout.startswith("0 ")  # they still wait
        connection.execute("DELETE FROM outbox")
        again = run("republish")
        assert again.stdout.startswith(f"{len(stated.procedures) + len(stated.hospitals)} ")
        assert connection.execute(query).fetchall() == first
