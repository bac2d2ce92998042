"""Figures that alerts stand on, each seen to move by what it is about and by nothing else."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.enquiry.erasures import figures, running
from services.enquiry.settings import Settings
from shared import config as configuration
from shared import db, retention
from shared.cli.loops import run_loops
from shared.retention import Rule
from tests.enquiry.conftest import secret_settings
from tests.waiting import until


def figure(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def engine(database):
    made = db.engine(database("shared"), name="test", timeouts=db.LOOP, pool=2)
    yield made
    made.dispose()


def fail(engine, statement):
    with pytest.raises(DBAPIError), db.transaction(engine) as session:
        session.execute(text(statement))


def test_a_full_disk_is_counted_by_its_sqlstate(engine):
    before = figure("database_faults_total", sqlstate="53100")
    fail(engine, "DO $$ BEGIN RAISE SQLSTATE '53100'; END $$")
    assert figure("database_faults_total", sqlstate="53100") == before + 1


def test_a_connection_that_is_lost_or_refused_is_counted(engine):
    before = figure("database_faults_total", sqlstate="connection") + figure("database_faults_total", sqlstate="57P01")
    fail(engine, "SELECT pg_terminate_backend(pg_backend_pid())")
    fail(db.engine("postgresql://nobody@127.0.0.1:1/none", name="test"), "SELECT 1")
    assert figure("database_faults_total", sqlstate="connection") + figure("database_faults_total", sqlstate="57P01") == before + 2


def test_a_statement_that_is_wrong_is_no_fault_of_the_database(engine):
    before = {sample.labels["sqlstate"]: sample.value for family in REGISTRY.collect() if family.name == "database_faults" for sample in family.samples}  # fmt: skip
    fail(engine, "SELECT nothing FROM nowhere")
    fail(engine, "INSERT INTO outbox_relay (id) VALUES (2)")
    after = {sample.labels["sqlstate"]: sample.value for family in REGISTRY.collect() if family.name == "database_faults" for sample in family.samples}  # fmt: skip
    assert after == before


def rule(most):
    return Rule(
        "everything", ("outbox_relay",), "x", "retain_inbox", f"SELECT generate_series(1, {most}) WHERE :before < now() AND :most > 0", "x"
    )


def test_a_rule_that_does_not_reach_its_end_and_the_next_pass_that_is_due_are_told(engine, settings_for):
    settings = settings_for(configuration.Settings, str(engine.url), retention_pause=timedelta(hours=1))
    for rows, unfinished in ((retention.BATCH, 1), (3, 0)):
        stop = threading.Event()
        turning = threading.Thread(
            target=retention.run,
            args=(engine, settings, [rule(rows)], lambda: datetime.now(UTC)),
            kwargs={"stop": stop, "beat": lambda: None},
        )
        began = datetime.now(UTC).timestamp()
        turning.start()
        until(lambda began=began: figure("retention_due_timestamp_seconds") > began + 3000, what="the end of a pass")
        stop.set()
        turning.join(30)
        assert figure("retention_unfinished_rules") == unfinished


@pytest.fixture
def at_enquiry(database, settings_for):
    settings = settings_for(Settings, database("enquiry"), kafka_personal_lag=timedelta(seconds=1), **secret_settings())
    made = db.engine(settings.database_url, name="test", timeouts=db.LOOP, pool=2)
    yield settings, made
    made.dispose()


class Topic:
    """A topic with personal data, on a broker that answers or does not."""

    def __init__(self, *, answers):
        self.answers, self.beaten = answers, 0

    def beat(self):
        self.beaten += 1
        return self.answers

    def keys_with_values(self, ids):
        return set()


def test_a_heartbeat_that_failed_is_late_and_tried_again_and_one_that_arrived_is_not(at_enquiry):
    settings, engine = at_enquiry
    measure = figures.measuring(settings)
    topic = Topic(answers=False)
    stop = threading.Event()
    turning = threading.Thread(
        target=running.run,
        args=(engine, settings, {"enquiry.patients": topic}, lambda: datetime.now(UTC)),
        kwargs={"stop": stop, "beat": lambda: None},
    )

    def late():
        with db.transaction(engine) as session:
            measure(session)
        return figure("heartbeat_late_seconds", topic="enquiry.patients")

    turning.start()
    try:
        until(lambda: topic.beaten >= 3 and late() > 1.5, what="a heartbeat that fails again and again")
        topic.answers = True
        until(lambda: late() < 1, what="a heartbeat that arrived")
    finally:
        stop.set()
        turning.join(30)


def test_a_loop_tells_when_it_turned(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    began = datetime.now(UTC).timestamp()

    def once(stop, beat):
        beat()

    assert run_in_main_thread({"test-loop": once}) == 1  # it ended unasked
    assert figure("loop_turned_timestamp_seconds", loop="test-loop") >= began


def run_in_main_thread(loops):
    """run_loops takes the signals of the process; they are given back."""
    import signal

    held = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return run_loops("test", loops)
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
