"""A batch that never ends: the record that kills the process is found and parked; a bad release stops instead of draining the topic."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import crypto, db
from shared.bus import Batch, Incoming
from shared.clock import system_clock
from shared.config import Settings
from shared.events import Case, Envelope, encode
from shared.events.enquiry import EnquiryWithdrawn
from shared.inbox import Hearing
from shared.inbox.parked import replay_key
from shared.inbox.receive import STARTS, Progress, TooManyParked, begin, begin_together, receive
from tests.waiting import until


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.fixture
def engine(settings_for, database):
    made = db.engine(settings_for(Settings, database("shared")).database_url, name="test", pool=4)
    yield made
    made.dispose()


def record(offset, case_id=None):
    case_id = case_id or crypto.new_id()
    fact = EnquiryWithdrawn(case=Case(id=case_id, version=offset + 1), reference="A", verified=True)
    envelope = Envelope(id=crypto.new_id(), event=fact, key=str(case_id), version=offset + 1, sequence=0, occurred_at=system_clock())
    headers, value = encode(envelope, source="/enquiry")
    return Incoming("enquiry.events", 0, offset, str(case_id).encode(), {name: one.encode() for name, one in headers.items()}, value)


def hearing(handle):
    return Hearing("listener", facts={EnquiryWithdrawn: handle})


def take(engine, listener, records, **limits):
    """One turn of the consumer's loop: returns how many records it got through."""
    taken, park_first = begin(engine, listener, Batch("enquiry.events", 0, records))
    with db.transaction(engine) as session:
        receive(session, listener, taken, park_first=park_first, **limits)
    return len(taken.records)


def work_through(engine, listener, records):
    """Start again after each death, as an orchestrator would; returns the number of deaths."""
    deaths, at = 0, 0
    while at < len(records):
        try:
            at += take(engine, listener, records[at:])
        except Killed:
            deaths += 1
            assert deaths < 50
    return deaths


def test_the_record_that_kills_the_process_is_parked_and_the_others_are_handled(engine):
    records = [record(offset) for offset in range(6)]
    heard = []

    def handle(_session, fact, _envelope):
        if fact.case.version == 4:
            raise Killed
        heard.append(fact.case.version)

    deaths = work_through(engine, hearing(handle), records)
    assert deaths == 2 * STARTS
    assert set(heard) == {1, 2, 3, 5, 6}
    with db.transaction(engine) as session:
        assert session.execute(text('SELECT "offset", reason FROM dead_letters')).all() == [
            (3, "the process ended each time it was handled")
        ]
        assert session.scalar(text("SELECT count(*) FROM inbox")) == 5


def test_a_batch_is_whole_again_after_a_death_that_was_chance(engine):
    records, dying = [record(offset) for offset in range(3)], [True]

    def handle(*_):
        if dying:
            dying.pop()
            raise Killed

    assert work_through(engine, hearing(handle), records) == 1
    with db.transaction(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM inbox")) == 3
        assert session.scalar(text("SELECT starts FROM consumer_progress")) == 0


def test_a_release_that_fails_on_everything_stops_and_leaves_the_topic_unread(engine):
    def handle(*_):
        raise RuntimeError

    with pytest.raises(TooManyParked):
        take(engine, hearing(handle), [record(offset) for offset in range(5)], parked_limit=3)
    with db.transaction(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM dead_letters")) == 0


def test_a_fault_of_the_database_that_passes_makes_no_dead_letter(engine):
    def handle(session, *_):
        session.execute(text("SET LOCAL lock_timeout = '10ms'"))
        session.execute(text("SELECT pg_advisory_xact_lock(1)"))

    with engine.connect() as other, other.begin():
        other.execute(text("SELECT pg_advisory_xact_lock(1)"))
        with pytest.raises(Exception, match="lock timeout") as caught:
            take(engine, hearing(handle), [record(0)])
    assert db.is_transient(caught.value)
    with db.transaction(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM dead_letters")) == 0
        assert session.scalar(text("SELECT count(*) FROM inbox")) == 0


@pytest.mark.parametrize("sqlstate", ["53100", "53200", "57P01", "58030"])
def test_a_full_disk_and_other_trouble_of_the_server_parks_nothing(engine, sqlstate):
    """53100 disk_full, 53200 out_of_memory, 57P01 admin_shutdown, 58030 io_error."""

    def handle(session, *_):
        session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{sqlstate}'; END $$"))

    with pytest.raises(DBAPIError, match="trouble") as caught:
        take(engine, hearing(handle), [record(0)])
    assert db.is_transient(caught.value)
    with db.transaction(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM dead_letters")) == 0


def test_one_bad_case_does_not_hold_up_its_partition(engine):
    bad = crypto.new_id()

    def handle(session, fact, _envelope):
        session.execute(
            text("INSERT INTO inbox_acts (consumer, act, subject, actor, because) VALUES ('', 'move', :v, '', '')"),
            {"v": fact.case.version},
        )
        if fact.case.id == bad:
            raise RuntimeError

    take(engine, hearing(handle), [record(0), record(1, bad), record(2), record(3, bad)])
    with db.transaction(engine) as session:
        assert session.scalars(text("SELECT subject FROM inbox_acts ORDER BY id")).all() == ["1", "3"]
        assert session.scalars(text('SELECT "offset" FROM inbox ORDER BY 1')).all() == [0, 2]
        assert session.scalars(text('SELECT "offset" FROM dead_letters ORDER BY 1')).all() == [1, 3]


def test_what_arrives_while_its_key_is_replayed_waits_and_is_handled_behind_it(engine):
    case, heard, broken = crypto.new_id(), [], [True]

    def handle(_session, fact, _envelope):
        if broken:
            raise RuntimeError
        heard.append(fact.case.version)

    listener = hearing(handle)
    take(engine, listener, [record(0, case), record(1, case)])
    broken.clear()
    with db.transaction(engine) as session:
        replay_key(session, listener, topic="enquiry.events", key=str(case), actor="cli:a", because="mended")
        arriving = threading.Thread(target=take, args=(engine, listener, [record(2, case)]))
        arriving.start()
        until(lambda: waits_for_a_lock(engine), what="the batch behind the replay")
    arriving.join(20)
    assert heard == [1, 2, 3]
    with db.transaction(engine) as session:
        assert session.scalars(text("SELECT state FROM dead_letters")).all() == ["replayed", "replayed"]


def waits_for_a_lock(engine):
    with db.transaction(engine) as session:
        return session.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))


def test_how_far_it_was_read_is_remembered(engine):
    listener = hearing(lambda *_: None)
    take(engine, listener, [record(0), record(1)])
    assert Progress(engine, listener).next_offset("enquiry.events", 0) == 2
    assert Progress(engine, listener).next_offset("enquiry.events", 1) is None


# -- several partitions at once -----------------------------------------------


def polled(*partitions):
    """A batch of one record from each of these partitions."""
    return [Batch("enquiry.events", at, [replace(record(0), partition=at)]) for at in partitions]


def test_all_that_a_poll_brought_is_handled_in_one_transaction(engine):
    seen, listener = set(), hearing(lambda session, _fact, _envelope: seen.add(session.scalar(text("SELECT pg_current_xact_id()::text"))))
    batches = polled(1, 2, 3)
    assert begin_together(engine, listener, batches)
    with db.transaction(engine) as session:
        receive(session, listener, *batches)
        progress = session.execute(text("SELECT partition, next_offset, starts FROM consumer_progress ORDER BY 1")).all()
    assert len(seen) == 1
    assert progress == [(1, 1, 0), (2, 1, 0), (3, 1, 0)]


def test_a_record_that_kills_is_never_begun_twice_together_with_others_so_that_they_are_not_held_to_blame(engine):
    listener, batches = hearing(lambda *_: None), polled(1, 2)
    assert begin_together(engine, listener, batches)
    for starts in range(2, STARTS + 1):
        assert not begin_together(engine, listener, batches)
        begin(engine, listener, batches[0])
        with db.transaction(engine) as session:
            found = dict(session.execute(text("SELECT partition, starts FROM consumer_progress")).all())
        assert found == {1: starts, 2: 1}
    taken, _ = begin(engine, listener, batches[0])
    with db.transaction(engine) as session:
        receive(session, listener, taken, batches[1])
    assert begin_together(engine, listener, [replace(one, records=[replace(one.records[0], offset=1)]) for one in batches])


def test_what_is_to_be_taken_singly_is_not_begun_together_with_others(engine):
    listener, batches = hearing(lambda *_: None), polled(1, 2)
    begin_together(engine, listener, batches)
    with db.transaction(engine) as session:
        session.execute(text("UPDATE consumer_progress SET starts = 0, singly_until = 7 WHERE partition = 2"))
    assert not begin_together(engine, listener, batches[1:])
