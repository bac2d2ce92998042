"""`python -m services.enquiry doctor`: on sound parts all is well; each thing broken on purpose is named, and hides nothing else."""

import gc
from dataclasses import replace

import pytest
import time_machine
from click.testing import CliRunner
from kafka import KafkaAdminClient
from sqlalchemy import text

from services.enquiry.__main__ import main
from services.enquiry.app import SERVICE
from shared import db, log
from shared.bus import Publisher
from shared.bus.topics import ensure_topics
from shared.events.catalog import HOSPITALS, PROCEDURES
from shared.events.notification import ENDPOINTS
from shared.events.notification import EVENTS as ANSWERS
from shared.outbox.relay import relay
from tests.enquiry.conftest import ring
from tests.environments import environment_of
from tests.waiting import running, until

NOWHERE = "127.0.0.1:1"
ON_DATABASE = {"migrations", "journal", "clock", "keys", "outbox", "relay", "facts", "parked", "erasures", "positions"}


@pytest.fixture
def topics(house):
    ensure_topics(house.settings, (*SERVICE.topics, PROCEDURES, HOSPITALS, ENDPOINTS, ANSWERS))


@pytest.fixture
def doctor(house):
    """Run it; returns how it ended, and each check's (mark, sentence)."""
    environment = environment_of(house.settings)

    def run(*names, **changes):
        done = CliRunner(env={**environment, **changes}).invoke(main, ["doctor", *names])
        lines = [line for line in done.stdout.splitlines() if line]
        return done.exit_code, {line[9:23].strip(): (line[:8].strip(), line[24:]) for line in lines}

    yield run
    log.configure(service="test", level="info", style="json")


@pytest.fixture
def led(house, topics):
    """A relay is at work."""
    settings = replace(house.settings)

    def publishing(stop, beat):
        relay(settings.database_url, Publisher(settings, name="enquiry-relay"), stop=stop, beat=beat)

    with running(publishing):
        until(lambda: house_says(house, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')"), what="a leading relay")
        yield


def house_says(house, query):
    with db.transaction(house.engine) as session:
        return session.scalars(text(query)).one()


def execute(house, *statements):
    with db.transaction(house.engine) as session:
        for one in statements:
            session.execute(text(one))


def test_all_is_well_with_sound_parts_and_an_enquiry(house, led, doctor):
    house.opened("first")
    until(lambda: house_says(house, "SELECT count(*) FROM outbox") == 0, what="an empty outbox")
    code, found = doctor()
    assert {name: mark for name, (mark, _) in found.items()} == dict.fromkeys(found, "ok"), found
    assert code == 0
    assert set(found) == ON_DATABASE | {"configuration", "database", "broker", "topics"}
    assert found["keys"][1] == "opened: a patient's key, an enquiry, a stored answer"


def test_every_fault_of_the_configuration_stands_in_one_line(doctor):
    code, found = doctor(CASE_KEYS="nonsense", LINK_KEY="", KAFKA_REPLICATION="none")
    assert (code, list(found)) == (1, ["configuration"])
    mark, said = found["configuration"]
    assert mark == "wrong"
    assert all(name in said for name in ("CASE_KEYS", "LINK_KEY", "KAFKA_REPLICATION"))
    assert "nonsense" not in said


def test_it_looks_at_those_checks_that_are_named_and_refuses_a_name_that_is_none(topics, doctor):
    code, found = doctor("broker", "relay")
    assert (code, {name: mark for name, (mark, _) in found.items()}) == (1, {"broker": "ok", "relay": "wrong"})
    assert doctor("broker", "topics")[0] == 0
    assert doctor("broker", "weather")[0] == 2


def test_a_name_that_misses_a_setting_by_a_letter_is_a_warning(house, led, doctor):
    code, found = doctor(RETAIN_CASE="30d")
    assert code == 0
    assert found["configuration"] == ("warning", "RETAIN_CASE is no setting: is RETAIN_CASES meant?  (docs/runbook.md#settings)")


def test_more_brokers_than_replicas_are_a_warning(house, led, doctor):
    there = house.settings.kafka_bootstrap_servers
    code, found = doctor(KAFKA_BOOTSTRAP_SERVERS=",".join([there] * 3))
    assert (code, found["configuration"][0]) == (0, "warning")
    assert "lost with one of them" in found["configuration"][1]


def test_a_database_that_is_away_hides_neither_broker_nor_topics(topics, doctor):
    code, found = doctor(DATABASE_URL=f"postgresql://nobody:secret@{NOWHERE}/enquiry")
    assert (code, found["database"][0]) == (1, "wrong")
    assert (found["broker"][0], found["topics"][0]) == ("ok", "ok")
    assert {found[name] for name in ON_DATABASE} == {("unseen", "not looked at: the database is away")}
    assert "secret" not in str(found)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # kafka-python leaves a socket behind where nobody listens
def test_a_broker_that_is_away_hides_nothing_of_the_database(house, led, doctor):
    code, found = doctor(KAFKA_BOOTSTRAP_SERVERS=NOWHERE)
    gc.collect()  # here, where it is allowed
    assert (code, found["broker"][0]) == (1, "wrong")
    assert found["topics"] == found["positions"] == ("unseen", "not looked at: the broker is away")
    assert {found[name][0] for name in ON_DATABASE - {"positions"}} == {"ok"}
    assert {mark for mark, _ in found.values()} == {"ok", "wrong", "unseen"}, "no library's own words between"


def test_fewer_brokers_than_replicas_are_a_warning(house, led, doctor):
    _, found = doctor(KAFKA_REPLICATION="3")
    assert found["broker"][0] == "warning"
    assert "min.insync.replicas is 1, declared is 2" in found["topics"][1]


def test_topics_that_are_missing_or_altered_are_named(house, topics, doctor):
    prefix = house.settings.kafka_topic_prefix
    admin = KafkaAdminClient(bootstrap_servers=house.settings.kafka_bootstrap_servers)
    try:
        admin.delete_topics([f"{prefix}enquiry.accounts", f"{prefix}catalog.hospitals"])
    finally:
        admin.close()
    _, found = until(lambda: (seen := doctor())[1]["topics"][1].count("missing") == 2 and seen, what="both topics gone")
    assert found["topics"][0] == "wrong"
    assert all(name in found["topics"][1] for name in ("enquiry.accounts is missing", "catalog.hospitals is missing"))


BROKEN = {
    "a structure that is older": ("migrations", ["UPDATE alembic_version SET version_num = '0000'", "DELETE FROM alembic_version"], "migrate"),
    "a backup that was not made to forget": ("journal", ["INSERT INTO restorations DEFAULT VALUES"], "journal of erasures"),
    "a record that is blocked": ("outbox", ["UPDATE outbox SET blocked_because = 'too large', blocked_at = now()"], "cannot be published"),
    "a record that waits": ("outbox", ["UPDATE outbox SET recorded_at = now() - interval '5 minutes'"], "is a relay at work?"),
    "a fact without an outcome": ("facts", ["UPDATE outbox_awaiting SET recorded_at = now() - interval '2 minutes'"], "without an outcome"),
    "a key that is parked": ("parked", ["INSERT INTO parked_keys VALUES ('enquiry', 'catalog.hospitals', 'k', 'poison')"], "parked keys: 1"),
    "a position that is lost": ("positions", ["INSERT INTO consumer_progress VALUES ('enquiry', 'catalog.hospitals', 0, 99)"], "catalog.hospitals / 0"),
    "a table that is gone": ("parked", ["ALTER TABLE parked_keys RENAME TO gone"], "could not be looked at: UndefinedTable 42P01"),
    "no relay": ("relay", ["SELECT 1"], "no relay of enquiry is at work"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named_and_hides_nothing_else(house, topics, doctor, what):
    check, statements, said = BROKEN[what]
    house.opened("first")
    execute(house, *statements)
    code, found = doctor()
    assert (code, found[check][0]) == (1, "wrong"), found[check]
    assert said in found[check][1]
    assert {name for name, (mark, _) in found.items() if mark != "ok"} <= {check, "relay"}


def test_a_clock_that_is_off_is_wrong_and_one_that_drifts_a_warning(house, led, doctor):
    with time_machine.travel(house_says(house, "SELECT clock_timestamp() + interval '1900 ms'"), tick=True):
        assert doctor()[1]["clock"][0] == "warning"
    with time_machine.travel(house_says(house, "SELECT clock_timestamp() + interval '1 hour'"), tick=True):
        code, found = doctor()
    assert (code, found["clock"][0]) == (1, "wrong")
    assert "s off the database's" in found["clock"][1]


def test_a_ring_without_the_key_that_sealed_a_row_is_wrong_and_nobody_is_named(house, led, doctor):
    house.opened("first")
    code, found = doctor(CASE_KEYS=ring("k2"))
    assert (code, found["keys"][0]) == (1, "wrong")
    assert "a patient's key cannot be opened: is the key that sealed it still in CASE_KEYS?" in found["keys"][1]
    assert not any(word in str(found).lower() for word in ("amina", "zainab", "example.org"))


def test_a_damaged_column_is_found_beside_a_key_that_opens(house, led, doctor):
    house.opened("first")
    execute(house, "UPDATE enquiries SET sealed_request = sealed_request || 'x'")
    assert doctor()[1]["keys"][1].startswith("an enquiry cannot be opened")


def test_an_erasure_that_is_overdue_is_wrong(house, led, doctor):
    house.opened("first")
    execute(
        house,
        "INSERT INTO erasures (id, patient_id, enquiry_id, state, revision, requested_by, requested_at, times_told, overdue_at)"
        " SELECT gen_random_uuid(), patient_id, id, 'running', 0, 'system:test', now(), 1, now() FROM enquiries",
    )
    code, found = doctor()
    assert (code, found["erasures"][0]) == (1, "wrong")
    assert "not answered in time: 1" in found["erasures"][1]
