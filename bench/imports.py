"""`import`: files of 100,000 hospitals (a tenth of them unless all are asked for) through the command an operator calls, into an empty catalog, beside COPY of the rows that it has written."""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from bench import invented, place
from bench.contests import Contest, Size
from devstack.parts import Parts

HOSPITALS = 100_000
A_FILE = 1_100  # hospitals: an import takes 100 files of 2 MB at most
_CITY = "  - {{slug: {0.slug}, country: {0.country}, name: {0.name}}}\n"
_HOSPITAL = """
  - slug: {0.slug}
    name: {{{1}}}
    country: {0.city.country}
    city: {0.city.slug}
    timezone: Europe/Istanbul
    working_hours: [{{days: [mon, tue, wed, thu, fri], opens: "08:30", closes: "18:00"}}, {{days: [sat], opens: "09:00", closes: "13:00"}}]
    holidays: [{{on: 2026-10-29, name: Republic Day}}, {{on: 2027-01-01, name: "New Year's Day"}}]
    languages: [tr, en, ar]
    doctor_count: {0.size}
    rating: {{count: {0.size}, average_tenths: 46, source: Survey of patients}}
    accreditations: [{{slug: jci, name: Joint Commission International, valid_until: 2028-06-30}}]
    authorisation: {{standing: valid, authority: Ministry of Health, number: T-1, valid_until: 2028-12-31}}
    partner: true
    summary: A general hospital with a clinic for spasticity in which neurosurgeons and rehabilitation physicians see patients together.
"""


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Contest]]:
    with tempfile.TemporaryDirectory() as folder:
        count = size.count(HOSPITALS, mostly=0.1)
        files = write_files(Path(folder), count)
        rows = Path(folder) / "rows"
        rows.mkdir()
        yield [
            Contest(
                "import",
                "hospitals/s",
                f"{count:,} hospitals of {HOSPITALS:,}",
                lambda: _imported(parts, files, rows, count),
                {"COPY of the same rows": lambda: _copied(parts, rows, count)},
                {"COPY of the same rows": 0.1},
            )
        ]


def write_files(folder: Path, count: int) -> list[Path]:
    """As somebody would have to write them: cities, then so many hospitals."""
    cities = folder / "cities.yaml"
    cities.write_text("cities:\n" + "".join(map(_CITY.format, invented.cities())), encoding="utf-8")
    files, there = [cities], invented.hospitals(count)
    while some := list(itertools.islice(there, A_FILE)):
        files.append(folder / f"hospitals-{len(files)}.yaml")
        entries = (_HOSPITAL.format(each, ", ".join(f"{tag}: {name}" for tag, name in each.name.items())) for each in some)
        files[-1].write_text("hospitals:" + "".join(entries), encoding="utf-8")
    return files


def _imported(parts: Parts, files: list[Path], rows: Path, count: int) -> float:
    """With all of Python's start; what it wrote is kept in files for the limit."""
    url = place.fresh(parts, "catalog")
    command = [sys.executable, "-m", "services.catalog", "import", "--brief", *map(str, files)]
    began = time.perf_counter()
    subprocess.run(
        command, env=environ | {"DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": parts.kafka}, stdout=subprocess.DEVNULL, check=True
    )
    seconds = time.perf_counter() - began
    _write_out(url, rows)
    _drop(parts, url)
    return count / seconds


def _copied(parts: Parts, rows: Path, count: int) -> float:
    """Into the same tables with the same indexes, in one transaction, too."""
    url = place.fresh(parts, "catalog")
    began = time.perf_counter()
    with psycopg.connect(url) as connection:
        for file in sorted(rows.iterdir()):
            into = SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(Identifier(file.name.split(".")[1]), _columns(connection, file))
            with connection.cursor().copy(into) as copy, file.open("rb") as source:
                while chunk := source.read(1 << 20):
                    copy.write(chunk)
    seconds = time.perf_counter() - began
    _drop(parts, url)
    return count / seconds


def _write_out(url: str, rows: Path) -> None:
    """A file for each table, in an order in which each names only what stands before it."""
    with psycopg.connect(url) as connection:
        for number, table in enumerate(("cities", "hospitals", "words", "publications", "documents", "outbox", "editions")):
            file = rows / f"{number}.{table}"
            said = SQL("COPY {} ({}) TO STDOUT (FORMAT binary)").format(Identifier(table), _columns(connection, file))
            with connection.cursor().copy(said) as copy, file.open("wb") as written:
                for chunk in copy:
                    written.write(chunk)


def _columns(connection: psycopg.Connection[tuple[str]], file: Path) -> Composed:
    """Those that are not made of others, nor numbered by the database."""
    query = """
        SELECT column_name FROM information_schema.columns
        WHERE table_name = %s AND is_generated = 'NEVER' AND is_identity = 'NO' ORDER BY ordinal_position
    """
    found = connection.execute(query, [file.name.split(".")[1]]).fetchall()
    return SQL(", ").join(Identifier(name) for (name,) in found)


def _drop(parts: Parts, url: str) -> None:
    parts.postgres.drop_database(url.rsplit("/", 1)[1])
