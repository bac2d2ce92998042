"""From a row in one database to a row in another, through a real broker."""

import psycopg
import pytest
from sqlalchemy import text

from shared import crypto, db, inbox, outbox
from shared.bus import Outgoing, Publisher
from shared.events import Case, Tombstone
from shared.events.catalog import HOSPITALS, HospitalState
from shared.events.enquiry import EnquiryUnattended, EnquiryWithdrawn
from shared.inbox.parked import StillFailing, drop_letter, letters_of, parked_of, replay_key
from shared.inbox.receive import STARTS
from shared.outbox.relay import relay
from tests.shared.listener import Heard, column, consuming, scalar, withdraw
from tests.waiting import running, until


def test_facts_arrive_once_each_in_the_order_of_their_case(engine, settings, publishing):
    heard, cases = Heard(), [crypto.new_id() for _ in range(3)]
    for version in range(1, 6):
        for case in cases:
            withdraw(engine, case, version)
    with running(publishing), running(consuming(engine, settings, heard)):
        until(lambda: len(heard.facts) == 15)
    for case in cases:
        assert [version for found, version, _ in heard.facts if found == case] == [1, 2, 3, 4, 5]
    assert scalar(engine, "SELECT count(*) FROM outbox") == 0
    assert scalar(engine, "SELECT count(*) FROM outbox_archive WHERE partition IS NOT NULL") == 15
    assert scalar(engine, "SELECT count(*) FROM inbox WHERE outcome = 'handled'") == 15


def test_only_one_of_two_relays_leads_and_the_other_takes_over(engine, settings):
    def second(stop, beat):
        relay(settings.database_url, Publisher(settings, name="test-relay"), stop=stop, beat=beat)

    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 7270962 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    with running(second):
        with running(second):
            until(lambda: scalar(engine, held) == 1)
            withdraw(engine, crypto.new_id(), 1)
            until(lambda: scalar(engine, "SELECT count(*) FROM outbox_archive") == 1)
        withdraw(engine, crypto.new_id(), 1)
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox_archive") == 2)


def test_a_leader_whose_session_was_ended_stops(engine, settings):
    failures = []

    def lead(stop, beat):
        try:
            relay(settings.database_url, Publisher(settings, name="test-relay"), stop=stop, beat=beat)
        except psycopg.OperationalError as failure:
            failures.append(failure)

    with running(lead):
        until(lambda: scalar(engine, "SELECT sleeping FROM outbox_relay"))
        scalar(
            engine,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'relay' AND datname = current_database()",
        )
        until(lambda: failures)


def test_a_record_too_large_for_the_topic_blocks_its_own_key_alone(engine, settings, publishing):
    large, small = crypto.new_id(), crypto.new_id()
    withdraw(engine, large, 1)
    with db.transaction(engine) as session:
        session.execute(text("UPDATE outbox SET value = convert_to(repeat('x', 600000), 'UTF8') WHERE key = :key"), {"key": large})
    withdraw(engine, large, 2)
    withdraw(engine, small, 1)
    with running(publishing):
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox_archive WHERE key = :key", key=small) == 1)
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox WHERE blocked_because = 'MessageSizeTooLargeError'") == 1)
    assert scalar(engine, "SELECT count(*) FROM outbox WHERE key = :key", key=large) == 2


def test_what_cannot_be_serialised_is_refused_before_anything_is_written(engine):
    with db.transaction(engine) as session, pytest.raises(ValueError, match="exceeds"):
        outbox.record(session, EnquiryWithdrawn(case=Case(id=crypto.new_id(), version=1), reference="x" * 300_000, verified=True))
    assert scalar(engine, "SELECT count(*) FROM outbox") == 0


def test_state_is_heard_with_its_tombstone_and_not_archived(engine, settings, publishing):
    heard, hospital = Heard(), crypto.new_id()
    state = HospitalState(id=hospital, version=1, slug="a", name="A", country="TR", city="ankara", languages=["tr"])
    with db.transaction(engine) as session:
        outbox.record(session, state)
        outbox.record(session, Tombstone(topic=HOSPITALS, id=hospital, version=2))
    with running(publishing), running(consuming(engine, settings, heard)):
        until(lambda: len(heard.states) == 2)
    assert heard.states == [state, Tombstone(topic=HOSPITALS, id=hospital, version=2)]
    assert scalar(engine, "SELECT count(*) FROM outbox_archive") == 0


def test_a_consumer_of_state_is_caught_up_only_when_it_has_read_to_the_ends_it_first_saw(engine, settings, publishing):
    heard = Heard()
    with db.transaction(engine) as session:
        for _ in range(20):
            hospital = crypto.new_id()
            outbox.record(session, HospitalState(id=hospital, version=1, slug="a", name="A", country="TR", city="ankara"))
        assert not inbox.is_caught_up(session, "listener")
    with running(publishing):
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox") == 0)
    with running(consuming(engine, settings, heard)):
        until(lambda: scalar(engine, "SELECT coalesce(max(end_offset), 1) FROM consumer_targets") <= 0)
    assert len(heard.states) == 20
    with db.transaction(engine) as session:
        assert inbox.is_caught_up(session, "listener")


def test_a_fact_delivered_twice_is_handled_once(engine, settings, publishing):
    heard = Heard()
    event_id = withdraw(engine, crypto.new_id(), 1)
    with db.transaction(engine) as session:
        session.execute(
            text(
                "INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value) SELECT event_id, topic, key, type, version, 99, headers, value FROM outbox"
            )
        )
    last = withdraw(engine, crypto.new_id(), 1)
    with running(publishing), running(consuming(engine, settings, heard)):
        until(lambda: scalar(engine, "SELECT count(*) FROM inbox") == 2)
        until(lambda: scalar(engine, "SELECT count(*) FROM outbox_archive") == 3)
    assert len(heard.facts) == 2
    assert {event_id, last} == set(column(engine, "SELECT event_id FROM inbox"))


def test_an_unknown_type_is_kept_as_ignored(engine, settings, publishing):
    heard = Heard()
    with db.transaction(engine) as session:
        outbox.record(session, EnquiryUnattended(case=Case(id=crypto.new_id(), version=1), reference="A"))
        session.execute(text("UPDATE outbox SET headers = jsonb_set(headers, '{ce_type}', '\"enquiry.dreamt.v9\"')"))
        outbox.record(session, EnquiryUnattended(case=Case(id=crypto.new_id(), version=1), reference="A"))
    with running(publishing), running(consuming(engine, settings, heard)):
        until(lambda: scalar(engine, "SELECT count(*) FROM inbox WHERE outcome = 'ignored'") == 2)
    assert sorted(column(engine, "SELECT type FROM inbox")) == ["enquiry.dreamt.v9", "enquiry.unattended.v1"]


def test_a_handler_that_fails_parks_its_key_and_replay_restores_the_order(engine, settings, publishing):
    heard, bad, good = Heard(), crypto.new_id(), crypto.new_id()
    heard.failing.add(bad)
    for version in (1, 2, 3):
        withdraw(engine, bad, version)
        withdraw(engine, good, version)
    with running(publishing), running(consuming(engine, settings, heard)):
        until(lambda: scalar(engine, "SELECT count(*) FROM dead_letters") == 3)
        until(lambda: len(heard.facts) == 3)
        hearing = heard.hearing()
        with db.transaction(engine) as session:
            (parked,) = parked_of(session, hearing)
            assert (parked.key, parked.waiting) == (str(bad), 3)
            assert "secret" not in parked.reason
            assert [letter.type for letter in letters_of(session, hearing)] == ["enquiry.withdrawn.v1"] * 3
        with pytest.raises(StillFailing), db.transaction(engine) as session:
            replay_key(session, hearing, topic="enquiry.events", key=str(bad), actor="cli:a", because="mended")
        assert scalar(engine, "SELECT count(*) FROM parked_keys") == 1
        heard.failing.clear()
        with db.transaction(engine) as session:
            assert replay_key(session, hearing, topic="enquiry.events", key=str(bad), actor="cli:a", because="mended") == 3
        withdraw(engine, bad, 4)
        until(lambda: len(heard.facts) == 7)
    assert [version for case, version, _ in heard.facts if case == bad] == [1, 2, 3, 4]


def test_trouble_of_the_database_however_long_is_not_held_against_the_record(engine, settings, publishing):
    """A record is parked that was begun some seven times and never ended; but only where each time the process died of it."""
    heard = Heard()
    heard.troubles = 2 * (STARTS + 1) + 1
    withdraw(engine, crypto.new_id(), 1)
    with running(publishing), running(consuming(engine, settings, heard)):
        until(lambda: len(heard.facts) == 1, seconds=300)
    assert heard.troubles == 0
    assert scalar(engine, "SELECT count(*) FROM dead_letters") == 0


def test_garbage_parks_its_key_and_can_be_dropped_with_a_reason(engine, settings, publishing):
    heard, key = Heard(), crypto.new_id()
    publisher = Publisher(settings, name="somebody")
    publisher.open()
    publisher.publish([Outgoing("enquiry.events", str(key).encode(), {"ce_id": "no"}, b"\xff\x00")])
    publisher.close()
    with running(consuming(engine, settings, heard)):
        until(lambda: scalar(engine, "SELECT count(*) FROM dead_letters") == 1)
        hearing = heard.hearing()
        with db.transaction(engine) as session:
            (letter,) = letters_of(session, hearing)
            drop_letter(session, hearing, letter_id=letter.id, actor="cli:a", because="sent by mistake")
        assert scalar(engine, "SELECT count(*) FROM parked_keys") == 0
        assert scalar(engine, "SELECT settled_by || ': ' || settled_because FROM dead_letters") == "cli:a: sent by mistake"


def test_an_outcome_ends_the_waiting_of_a_fact(engine):
    event_id = withdraw(engine, crypto.new_id(), 1)
    with db.transaction(engine) as session:
        assert outbox.unaccounted(session, older_than=0) == 1
        assert outbox.unaccounted(session, older_than=60) == 0
        outbox.account_for(session, [event_id])
        assert outbox.unaccounted(session, older_than=0) == 0
