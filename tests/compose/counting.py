"""What is counted when all is at rest: the promises of tests/faults/invariants, and that the catalog is known everywhere as it is."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from tests.compose import hospitals
from tests.compose.project import Project
from tests.faults import invariants, reading
from tests.faults.invariants import Line
from tests.faults.invariants.rows import Answer, Seen
from tests.journeys import searching
from tests.waiting import until

AT_REST_SECONDS = 300  # a mail that waits for a second one to join it waits two minutes
STATES = ("catalog.procedures", "catalog.hospitals")
COPIES = (("enquiry", "listed_procedures", STATES[0]), ("enquiry", "listed_hospitals", STATES[1]), ("notification", "hospitals", STATES[1]))


def wait_for_rest(project: Project) -> None:
    """Until nothing waits: no fact or state in an outbox, no fact without an outcome, no delivery that has not ended and been told of."""
    until(lambda: _waiting(project) == 0, every=1, seconds=AT_REST_SECONDS, what="rest")


def _waiting(project: Project) -> int:
    ended = ", ".join(f"'{state}'" for state in sorted(invariants.rows.ENDED))
    asked = {
        "catalog": ["outbox"],
        "enquiry": ["outbox", "outbox_awaiting"],
        "notification": ["outbox", f"deliveries WHERE state NOT IN ({ended})"],
    }
    counts = [_number(project, service, f"count(*) FROM {where}") for service, all_of_it in asked.items() for where in all_of_it]
    return sum(counts)


def _number(project: Project, service: str, what: str) -> int:
    return int(project.compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", service, "-tAc", f"SELECT {what}"))


def count(project: Project, answers: Sequence[Answer]) -> list[Line]:
    """Every promise, but of whom the trial had erased: of them nothing is left that could be counted."""
    arrived = list((Counter(hospitals.arrivals(project)) - Counter(project.unknown)).elements())
    seen = reading.everything(partial(_select, project), brokers(project), answers, arrived)
    return [*invariants.check(_without(seen, project.gone)), *catalog_lines(project)]


def _without(seen: Seen, gone: Collection[str]) -> Seen:
    events = {one.event_id for one in seen.records if one.key in gone} | {one.event_id for one in seen.steps if one.case in gone}
    mails = {one.message_id for one in seen.deliveries if one.case in gone}
    references = {one.reference for one in seen.cases if one.id in gone}
    return replace(
        seen,
        answers=[one for one in seen.answers if one.reference not in references],
        cases=[one for one in seen.cases if one.id not in gone],
        steps=[one for one in seen.steps if one.case not in gone],
        erased=[one for one in seen.erased if one.case not in gone],
        facts=[one for one in seen.facts if one.case not in gone],
        records=[one for one in seen.records if one.key not in gone],
        heard=[one for one in seen.heard if one.event_id not in events],
        outcomes=[one for one in seen.outcomes if one.event_id not in events],
        deliveries=[one for one in seen.deliveries if one.case not in gone],
        arrivals=[one for one in seen.arrivals if one.id not in mails],
    )


def brokers(project: Project) -> str:
    return f"127.0.0.1:{project.ports['TRIAL_KAFKA_PORT']}"


def catalog_lines(project: Project) -> list[Line]:
    """The catalog's own book, its topics and the copies of those who hear it are compared."""
    published = _published(project)
    last: dict[str, tuple[int, bool]] = {}
    back = []
    for record in searching.records(brokers(project), *STATES):
        key, version = record.key.decode(), int(dict(record.headers)["ce_version"])
        if version < last.get(key, (0, True))[0]:
            back.append(f"{key}: {version} behind {last[key][0]}")
        last[key] = (version, record.value is not None)
    wrong = [f"{key}: {last.get(key)} in its topic, {said} said" for key, (_, *said) in published.items() if last.get(key) != tuple(said)]
    copies, differing = 0, []
    for service, table, topic in COPIES:
        held = {row["id"]: row["version"] for row in _select(project, service, f"SELECT id::text, version FROM {table}")}
        said = {key: version for key, (of, version, _) in published.items() if of == topic}
        copies += len(held)
        differing += [f"{service}.{table} {key}: {held.get(key)} of {version}" for key, version in said.items() if held.get(key) != version]
    return [
        Line("the newest of each state of the catalog is in its topic", len(published), tuple(wrong)),
        Line("a state of the catalog never goes back", len(last), tuple(back)),
        Line("whoever hears the catalog knows it as it is", copies, tuple(differing)),
    ]


def published_twice_or_more(project: Project) -> list[str]:
    """States that have changed since the first import."""
    return [key for key, (_, version, _) in _published(project).items() if version > 1]


def _published(project: Project) -> dict[str, tuple[str, int, bool]]:
    """Topic, version and whether it is there still, by id."""
    rows = _select(project, "catalog", "SELECT id::text, topic, version, state IS NOT NULL AS there FROM publications")
    return {row["id"]: (row["topic"], row["version"], row["there"]) for row in rows}


def _select(project: Project, service: str, statement: str) -> list[dict]:
    return project.rows(service, reading.as_json(statement))
