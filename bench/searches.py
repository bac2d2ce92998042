"""`search`: words as people type them over 100,000 procedures and 100,000 hospitals, one request at a time, beside the same session's look-up of one by its key."""

import itertools
import socket
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from bench import invented, load, place, servers
from bench.contests import Reading, Size
from devstack.parts import Parts
from services.catalog.app import engine_for
from services.catalog.editions import begin_edition
from services.catalog.hospitals import find_hospital
from services.catalog.search import cards_of, search_catalog
from services.catalog.words import recount_words
from shared import db

EACH = 100_000
QUESTIONS = 1_000
MARK = 50.0  # ms
_PROCEDURES = """
    INSERT INTO procedures (id, slug, version, name, synonyms, specialty, summary, overview, conditions, alternatives, performed_by, device_implanted, highlights,
        indications, preparation, risks, warning_signs, recovery_notes, restrictions, carry, followups, stages, intake, faqs, found_by, sample)
    SELECT gen_random_uuid(), slug, 1, name, '[]', 'all', jsonb_build_object('en', repeat('What it is. ', 10)), jsonb_build_object('en', repeat('How it is done. ', 40)),
        '[]', '[]', '[]', false, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', found_by, true FROM given
"""
_HOSPITALS = """
    INSERT INTO hospitals (id, slug, version, name, country, city_given, working_hours, holidays, languages, accreditations, authorisation, partner, found_by, sample)
    SELECT gen_random_uuid(), slug, 1, name, country, city, '[]', '[]', '{en}', '[]', '{"standing": "unknown", "valid_until": null}', false, found_by, true FROM given
"""
_CARDS = """
    INSERT INTO documents (kind, key, language, etag, body)
    SELECT %(kind)s, slug, 'en', md5(slug), convert_to(jsonb_build_object('slug', slug, 'name', name, 'summary', repeat('What it is. ', 40))::text, 'UTF8') FROM given
"""


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Reading]]:
    url = place.fresh(parts, "catalog")
    there = size.count(EACH)
    fill(url, there)
    questions = itertools.cycle(invented.questions(10 * QUESTIONS))
    asked = size.count(QUESTIONS, least=20)
    engine = engine_for(url)
    with servers.serving(["services.catalog", "serve"], {"DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": parts.kafka}) as port:
        figures = {f"{where} {part}": "ms" for where in ("in one process", "by HTTP", "look-up by key") for part in ("p50", "p99")}
        yield [
            Reading(
                "search",
                f"{asked:,} questions, {there:,} of each",
                lambda: _measured(engine, port, list(itertools.islice(questions, asked)), there),
                figures,
                {"in one process p99": MARK, "by HTTP p99": MARK},
            )
        ]
    engine.dispose()


def fill(url: str, count: int) -> None:
    """So many procedures and so many hospitals, with what search shows of each."""
    procedures = ((each.slug, psycopg.types.json.Jsonb(each.name), each.found_by, None, None) for each in invented.procedures(count))
    hospitals = (
        (each.slug, psycopg.types.json.Jsonb(each.name), each.found_by, each.city.country, each.city.name)
        for each in invented.hospitals(count)
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute('INSERT INTO specialties VALUES (\'all\', \'{"en": "All"}\', \'{"en": "Everyone"}\', true, true)')
        connection.execute("CREATE TEMP TABLE given (slug text, name jsonb, found_by text, country text, city text)")
        for kind, rows, statement in (("procedure-card", procedures, _PROCEDURES), ("hospital-card", hospitals, _HOSPITALS)):
            with connection.cursor().copy("COPY given FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            connection.execute(statement)
            connection.execute(_CARDS, {"kind": kind})
            connection.execute("TRUNCATE given")
    engine = db.engine(url, name="bench", timeouts={})
    with db.transaction(engine) as session:
        recount_words(session)
        begin_edition(session)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as bound:
        bound.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def _measured(engine: Engine, port: int, questions: Sequence[str], there: int) -> dict[str, float]:
    """The three in turn at each question."""
    seen: dict[str, list[float]] = {"in one process": [], "by HTTP": [], "look-up by key": []}
    with socket.create_connection(("127.0.0.1", port), timeout=60) as opened, engine.connect() as connection:
        session = Session(connection.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, question in enumerate(questions):
            request = load.get(f"/v1/search?{urlencode({'q': question})}")
            slug = f"hospital-{number * 7919 % there}"
            seen["in one process"].append(_timed(lambda: cards_of(session, search_catalog(session, question, limit=10), "en")))  # noqa: B023
            seen["by HTTP"].append(_timed(lambda: load.ask(opened, request, b"200")))  # noqa: B023
            seen["look-up by key"].append(_timed(lambda: find_hospital(session, slug)))  # noqa: B023
            session.expunge_all()
    return {f"{name} p{percent}": value for name, each in seen.items() for percent, value in _parts(each)}


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began)


def _parts(milliseconds: Sequence[float]) -> Iterable[tuple[int, float]]:
    hundredths = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return (50, hundredths[49]), (99, hundredths[98])
