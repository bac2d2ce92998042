"""What an operator has read once more, and positions: by the commands of every service that hears, on a real broker."""

import getpass
import importlib
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared import cli, crypto, db, inbox, log, outbox
from shared.bus import BusUnavailable, PositionLost, Publisher
from shared.bus import reading as topics
from shared.bus.topics import ensure_topics
from shared.config import Settings
from shared.events import Case, Tombstone
from shared.events.catalog import HOSPITALS, HospitalState
from shared.events.enquiry import EVENTS, EnquiryUnattended
from shared.inbox.consume import consume
from shared.outbox.relay import relay
from tests.shared.listener import Heard, column, consuming, scalar, withdraw
from tests.waiting import running, until

TOPIC = "enquiry.events"


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def command(settings, tmp_path, heard):
    """A command of the service that listens; returns what it printed. `code`: how it is to end."""
    environment = {
        "DATABASE_URL": settings.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
    }

    def run(*arguments, code=0):
        group = cli.commands(cli.Service("listener", Settings, migrations=tmp_path, hearing=lambda _: heard.hearing()))
        done = CliRunner(env=environment).invoke(group, list(arguments))
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    yield run
    log.configure(service="test", level="info", style="json")


def hospital(engine, hospital_id, version):
    with db.transaction(engine) as session:
        outbox.record(session, HospitalState(id=hospital_id, version=version, slug="a", name="A", country="TR", city="ankara"))


def publish(engine, publishing):
    with running(publishing):
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox") == 0)


@contextmanager
def admin(settings):
    client = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    try:
        yield client
    finally:
        client.close()


def lose_the_beginning(settings, partition, before):
    """As if the broker had kept its records for less long than we were away."""
    with admin(settings) as client:
        client.delete_records({TopicPartition(settings.kafka_topic_prefix + TOPIC, partition): before})


# -- states -------------------------------------------------------------------


def test_states_are_read_again_from_the_beginning(command, engine, settings, publishing, heard):
    one, gone = crypto.new_id(), crypto.new_id()
    hospital(engine, one, 1)
    hospital(engine, gone, 1)
    with db.transaction(engine) as session:
        outbox.record(session, Tombstone(topic=HOSPITALS, id=gone, version=2))
    publish(engine, publishing)
    with running(consuming(engine, settings, heard)):
        until(lambda: len(heard.states) == 3)
        assert "3 handled, 0 failed" in command("inbox", "rebuild", "catalog.hospitals")
    assert sorted((state.id, state.version) for state in heard.states) == sorted([(one, 1), (gone, 1), (gone, 2)] * 2)


def test_only_topics_of_which_states_are_heard_can_be_rebuilt(command, heard):
    assert "There is nothing here" in command("inbox", "rebuild", TOPIC, code=1)
    assert "There is nothing here" in command("inbox", "rebuild", "enquiry.patients", code=1)
    assert heard.states == []


def test_a_consumer_is_not_caught_up_while_one_of_its_topics_is_not_there(settings_for, database, heard):
    """It came before the catalog's topics were made: what it has not seen is not the end."""
    settings = settings_for(Settings, database("shared"))
    engine = db.engine(settings.database_url, name="test", timeouts=db.LOOP, pool=3)
    try:
        ensure_topics(settings, [EVENTS])
        with running(consuming(engine, settings, heard)):
            until(lambda: column(engine, "SELECT 1 FROM consumer_progress") or withdraw_and_publish(engine, settings))
            with db.transaction(engine) as session:
                assert not inbox.is_caught_up(session, "listener")
            assert column(engine, "SELECT topic FROM consumer_targets") == []
            ensure_topics(settings, [HOSPITALS])
            until(lambda: caught_up(engine), what="a consumer that has caught up")
        assert set(column(engine, "SELECT topic FROM consumer_targets")) == {"catalog.hospitals"}
    finally:
        engine.dispose()


def caught_up(engine):
    with db.transaction(engine) as session:
        return inbox.is_caught_up(session, "listener")


def withdraw_and_publish(engine, settings):
    withdraw(engine, crypto.new_id(), 1)
    publish(engine, lambda stop, beat: relay(settings.database_url, Publisher(settings, name="test-relay"), stop=stop, beat=beat))


def test_a_topic_that_is_read_stands_still_for_a_while_only(settings):
    """An end that never comes, as after a broker that lost what it had promised."""
    name = settings.kafka_topic_prefix + HOSPITALS.name
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, metrics_enabled=False)
    place = TopicPartition(name, 0)
    consumer.assign([place])
    try:
        with pytest.raises(BusUnavailable):
            list(topics._to_the_ends(consumer, {place: 5}, settings.kafka_topic_prefix, stall_seconds=1.0))
    finally:
        consumer.close(autocommit=False)


# -- facts --------------------------------------------------------------------


@pytest.fixture
def ignored(engine, settings, publishing, heard):
    """Two facts of a type the release before had no handler for, and one it knew; returns their case."""
    case = crypto.new_id()
    withdraw(engine, case, 1)
    with db.transaction(engine) as session:
        for version in (2, 3):
            outbox.record(session, EnquiryUnattended(case=Case(id=case, version=version), reference="A"))
    publish(engine, publishing)
    with running(consuming(engine, settings, heard)):
        until(lambda: scalar(engine, "SELECT count(*) FROM inbox") == 3)
    return case


def test_ignored_types_are_listed(command, ignored):
    assert command("inbox", "ignored").splitlines()[1].split() == ["enquiry.unattended.v1", "2"]


def test_what_was_ignored_is_handled_once_a_release_knows_it(command, ignored, engine, heard):
    assert "does not handle" in command("inbox", "replay", "enquiry.unattended.v1", "--because", "x", code=1)
    heard.more = {EnquiryUnattended: heard.on_fact}
    assert "2 handled, 0 failed" in command("inbox", "replay", "enquiry.unattended.v1", "--because", "x")
    assert [version for _, version, _ in heard.facts] == [1, 2, 3]
    assert "0 handled" in command("inbox", "replay", "enquiry.unattended.v1", "--because", "x")
    assert set(column(engine, "SELECT outcome FROM inbox")) == {"handled"}


def test_what_fails_when_it_is_replayed_stays_ignored(command, ignored, engine, heard):
    heard.more, heard.failing = {EnquiryUnattended: heard.on_fact}, {ignored}
    told = command("inbox", "replay", "enquiry.unattended.v1", "--because", "x", code=1)
    assert "0 handled, 2 failed" in told
    assert "secret" not in told
    assert command("inbox", "ignored").splitlines()[1].split() == ["enquiry.unattended.v1", "2"]


def test_what_is_gone_from_the_topic_is_counted(command, ignored, engine, settings, heard):
    ((partition,),) = {tuple(column(engine, "SELECT DISTINCT partition FROM inbox"))}
    last = scalar(engine, 'SELECT max("offset") FROM inbox')
    lose_the_beginning(settings, partition, last)
    heard.more = {EnquiryUnattended: heard.on_fact}
    told = command("inbox", "replay", "enquiry.unattended.v1", "--because", "x")
    assert "1 handled, 0 failed, 0 behind a parked key, 1 no longer in the topic" in told


def test_what_is_parked_is_replayed_first(command, ignored, engine, heard):
    heard.more = {EnquiryUnattended: heard.on_fact}
    with db.transaction(engine) as session:
        row = {"key": str(ignored).encode()}
        session.execute(
            text("INSERT INTO parked_keys (consumer, topic, key, reason) VALUES ('listener', 'enquiry.events', :key, 'x')"), row
        )
    assert "2 behind a parked key" in command("inbox", "replay", "enquiry.unattended.v1", "--because", "x", code=1)
    assert [version for _, version, _ in heard.facts] == [1]


# -- positions ----------------------------------------------------------------


@pytest.fixture
def lost(engine, settings, publishing, heard):
    """A consumer that read two facts of a case and was away while four more came and went; returns the partition and where it begins now."""
    case = crypto.new_id()
    for version in (1, 2):
        withdraw(engine, case, version)
    publish(engine, publishing)
    with running(consuming(engine, settings, heard)):
        until(lambda: len(heard.facts) == 2)
    for version in (3, 4, 5, 6):
        withdraw(engine, case, version)
    publish(engine, publishing)
    partition, oldest = (
        column(engine, "SELECT partition FROM outbox_archive LIMIT 1")[0],
        scalar(engine, 'SELECT max("offset") FROM outbox_archive'),
    )
    lose_the_beginning(settings, partition, oldest)
    return partition, oldest


def lost_positions(engine):
    """As the figure that raises the alarm has it."""
    with db.transaction(engine) as session:
        inbox.measure(session)
    return REGISTRY.get_sample_value("positions_lost")


def test_a_lost_position_stops_the_consumer_instead_of_a_jump(engine, settings, heard, lost):
    jumped = threading.Event()
    with pytest.raises(PositionLost):
        consume(engine, settings, heard.hearing(), stop=jumped, beat=lambda: jumped.set() if len(heard.facts) > 2 else None)
    assert [version for _, version, _ in heard.facts] == [1, 2]
    assert lost_positions(engine) == 1


def test_a_lost_position_is_shown_and_set_by_a_person(command, engine, settings, heard, lost):
    partition, oldest = lost
    line = next(line for line in command("inbox", "positions", code=1).splitlines() if line.endswith("True"))
    assert line.split()[:2] == [TOPIC, str(partition)]
    assert f"to {oldest + 2}" in command("inbox", "move", TOPIC, str(partition), "--to", "0", "--because", "x", code=1)
    command("inbox", "move", TOPIC, str(partition), "--to", "oldest", "--because", "four facts are gone: told by hand")
    command("inbox", "positions")
    assert lost_positions(engine) == 0
    with running(consuming(engine, settings, heard)):
        until(lambda: len(heard.facts) == 3)
    assert [version for _, version, _ in heard.facts] == [1, 2, 6]


def test_who_set_a_position_or_replayed_a_type_and_why_is_kept(command, ignored, engine, heard):
    heard.more = {EnquiryUnattended: heard.on_fact}
    assert command("inbox", "acts").strip() == "nothing was done"
    command("inbox", "replay", "enquiry.unattended.v1", "--because", "the new release knows it")
    command("inbox", "move", TOPIC, "3", "--to", "newest", "--because", "garbage in between")
    command("inbox", "move", TOPIC, "3", "--to", "nowhere", "--because", "a slip", code=1)
    who, newest = f"cli:{getpass.getuser()}", scalar(engine, "SELECT next_offset FROM consumer_progress WHERE partition = 3")
    with db.transaction(engine) as session:
        kept = session.execute(text("SELECT consumer, act, subject, actor, because FROM inbox_acts ORDER BY id")).all()
    assert kept == [
        ("listener", "replay", "enquiry.unattended.v1", who, "the new release knows it"),
        ("listener", "move", f"{TOPIC} 3 {newest}", who, "garbage in between"),
    ]
    assert [line.split()[0] for line in command("inbox", "acts").splitlines()[1:]] == ["1", "2"]


def test_a_position_cannot_be_set_while_the_consumer_is_at_work(command, engine, settings, heard, publishing):
    withdraw(engine, crypto.new_id(), 1)
    publish(engine, publishing)
    with running(consuming(engine, settings, heard)):
        until(lambda: heard.facts)
        assert "stop `work consume` first" in command("inbox", "move", TOPIC, "0", "--to", "oldest", "--because", "x", code=1)


@pytest.mark.parametrize(
    "arguments", [("enquiry.dreams", "0", "--to", "oldest"), (TOPIC, "99", "--to", "oldest"), (TOPIC, "0", "--to", "soon")]
)
def test_a_position_is_set_only_where_there_is_one(command, arguments):
    command("inbox", "move", *arguments, "--because", "x", code=1)


@pytest.mark.parametrize("service", ["enquiry", "notification"])
def test_every_service_that_hears_has_the_commands(service):
    main = importlib.import_module(f"services.{service}.__main__").main
    assert {"parked", "letters", "replay", "drop", "inbox"} <= set(main.commands)
    assert set(main.commands["inbox"].commands) == {"rebuild", "ignored", "replay", "positions", "move", "acts"}
