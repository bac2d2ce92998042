"""Who leads, and who is fenced; when a writer wakes the relay."""

import threading

import psycopg
import pytest

from shared import crypto
from shared.bus import Fenced, Outgoing, Publisher
from shared.outbox import CHANNEL
from shared.outbox import relay as relays
from tests.shared.listener import scalar, withdraw
from tests.waiting import running, until


class Held(Publisher):
    """A publisher whose broker takes its time."""

    def __init__(self, settings, *, name):
        super().__init__(settings, name=name)
        self.begun, self.gate = threading.Event(), threading.Event()

    def publish(self, records):
        self.begun.set()
        self.gate.wait(30)
        return super().publish(records)


def test_a_publisher_is_fenced_by_the_next_of_its_name(settings):
    """A leader that was paused and wakes up cannot put an old record behind a newer one."""
    old, new = Publisher(settings, name="test-relay"), Publisher(settings, name="test-relay")
    record = Outgoing("enquiry.events", b"k", {}, b"{}")
    try:
        old.open()
        old.publish([record])
        new.open()
        with pytest.raises(Fenced):
            old.publish([record])
        new.publish([record])
    finally:
        old.close()
        new.close()


def test_a_leader_that_falls_silent_loses_the_lock(settings):
    with relays._connect(settings.database_url) as silent, relays._connect(settings.database_url) as next_one:
        assert relays._lead(silent, threading.Event(), lambda: None)
        assert next_one.execute("SELECT pg_try_advisory_lock(%s)", (relays.LOCK,)).fetchone() == (False,)
        until(lambda: next_one.execute("SELECT pg_try_advisory_lock(%s)", (relays.LOCK,)).fetchone() == (True,), what="the lock")
        with pytest.raises(psycopg.OperationalError):
            silent.execute("SELECT 1")


def test_a_leader_that_a_slow_broker_holds_is_not_silent(engine, settings):
    publisher = Held(settings, name="test-relay")
    query = "SELECT query_start FROM pg_stat_activity WHERE application_name = 'relay' AND datname = current_database()"
    withdraw(engine, crypto.new_id(), 1)
    with running(lambda stop, beat: relays.relay(settings.database_url, publisher, stop=stop, beat=beat)):
        try:
            until(publisher.begun.is_set)
            before = scalar(engine, query)
            until(lambda: scalar(engine, query) > before, what="a sign of life while it publishes")
        finally:
            publisher.gate.set()
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox_archive") == 1)


@pytest.mark.parametrize(("asleep", "woken"), [(True, 1), (False, 0)])
def test_a_writer_wakes_the_relay_only_when_it_sleeps(engine, settings, asleep, woken):
    """A notification in every transaction would make all commits wait for each other."""
    with psycopg.connect(settings.database_url, autocommit=True) as listening:
        listening.execute("UPDATE outbox_relay SET sleeping = %s", (asleep,))
        listening.execute(f"LISTEN {CHANNEL}")
        withdraw(engine, crypto.new_id(), 1)
        listening.execute("SELECT pg_notify(%s, 'the last one')", (CHANNEL,))
        heard = [one.payload for one in listening.notifies(timeout=5, stop_after=woken + 1)]
    assert heard == [""] * woken + ["the last one"]


def test_a_relay_with_nothing_to_do_says_that_it_sleeps_and_one_that_ends_does_not(engine, publishing):
    """What nobody reads must not be announced."""
    with running(publishing):
        until(lambda: scalar(engine, "SELECT sleeping FROM outbox_relay"))
    assert scalar(engine, "SELECT sleeping FROM outbox_relay") is False
