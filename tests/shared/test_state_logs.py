"""A compacted topic forgets: what is in it is read from the beginning, and heartbeats let it turn over."""

import dataclasses
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import crypto, db
from shared.bus import Batch, Outgoing, Publisher
from shared.bus.consumer import Consumer
from shared.bus.state_logs import StateLog
from shared.bus.topics import ensure_topics
from shared.config import Settings
from shared.events import is_heartbeat
from shared.events.enquiry import PATIENTS
from shared.inbox import Hearing
from shared.inbox.receive import receive
from tests.waiting import until


@pytest.fixture
def settings(settings_for, database):
    made = dataclasses.replace(settings_for(Settings, database("shared")), kafka_personal_lag=timedelta(seconds=1))
    ensure_topics(made, [PATIENTS])
    return made


@pytest.fixture
def publisher(settings):
    made = Publisher(settings, name="test")
    yield made
    made.close()


class FromTheStart:
    def next_offset(self, topic, partition):
        return 0


def published(settings):
    """The first record of each partition, as any consumer reads it."""
    consumer = Consumer(settings, group=f"look-{crypto.new_id()}", topics=[PATIENTS.name], positions=FromTheStart())
    found = []
    try:
        until(
            lambda: [found.extend(batch.records) for batch in consumer.poll(0.2)] and len(found) >= PATIENTS.partitions,
            what="all partitions",
        )
    finally:
        consumer.close()
    return found


def test_an_erased_key_leaves_the_log_once_heartbeats_turn_it_over(settings, publisher):
    log, gone, kept = StateLog(settings, PATIENTS), crypto.new_id(), crypto.new_id()
    publisher.publish([Outgoing(PATIENTS.name, str(one).encode(), {}, b"sealed") for one in (gone, kept)])
    publisher.publish([Outgoing(PATIENTS.name, str(gone).encode(), {}, None)])
    assert log.keys_with_values([gone, kept, crypto.new_id()]) == {gone, kept}
    until(lambda: log.beat() and log.keys_with_values([gone, kept]) == {kept}, what="a log without the erased key")


def test_a_heartbeat_reaches_every_partition_and_no_handler(settings):
    assert StateLog(settings, PATIENTS).beat()
    records, heard = published(settings), []
    assert {record.partition for record in records} == set(range(PATIENTS.partitions))
    assert all(is_heartbeat(record.key) and record.value is None for record in records)
    hearing = Hearing("listener", states={PATIENTS: lambda _session, state: heard.append(state)})
    engine = db.engine(settings.database_url, name="test")
    with db.transaction(engine) as session:
        for record in records:
            receive(session, hearing, Batch(PATIENTS.name, record.partition, [record]))
        assert session.scalars(text("SELECT count(*) FROM parked_keys")).one() == 0
    engine.dispose()
    assert heard == []


AWAY = """
from shared import crypto
from shared.bus.state_logs import StateLog
from shared.config import Settings
from shared.events.enquiry import PATIENTS
away = StateLog(Settings(database_url="", kafka_bootstrap_servers="127.0.0.1:1"), PATIENTS)
assert away.keys_with_values([crypto.new_id()]) is None
assert away.beat() is False
"""


def test_a_broker_that_is_away_is_no_answer_and_no_error():
    """In a program of its own: kafka-python leaves sockets open where no broker answers."""
    subprocess.run([sys.executable, "-c", AWAY], check=True, timeout=120)
