"""What a worker has in its hands: ahead of its connections only where they are quick, and never behind one that hangs."""

import threading
import time

import pytest

from services.notification.channels import Result
from services.notification.deliveries.addressing import Outgoing
from services.notification.deliveries.claims import begin_attempts, claim_due, take_back
from services.notification.deliveries.schedules import AHEAD, LATE_SECONDS
from services.notification.deliveries.senders import Senders
from shared.events.notification import Channel
from tests.notification import facts
from tests.waiting import until

SIZE = 2


@pytest.fixture
def gate():
    """Whoever sends waits here."""
    return threading.Event()


@pytest.fixture
def begun():
    return []


@pytest.fixture
def senders(gate, begun):
    def send(outgoing, _given_at):
        begun.append(outgoing)
        gate.wait(60)

    made = Senders(Channel.EMAIL, SIZE, send)
    yield made
    gate.set()
    made.close()


@pytest.fixture
def claimed(house, verification):
    """More than there are connections."""
    for _ in range(5):
        house.hear(facts.verification_requested(verification))
    with house.transaction() as session:
        taken = claim_due(session, channel="email", most=5)
        begin_attempts(session, taken)
    return taken


def start(senders, claimed):
    for one in claimed:
        senders.start(Outgoing(one, lambda: None))


def test_only_where_attempts_are_quick_more_is_claimed_than_there_are_connections(senders, claimed):
    assert senders.room() == SIZE
    for _ in range(100):
        senders.done(claimed[0], 0.001)
    assert senders.room() == SIZE * (1 + AHEAD)
    for _ in range(100):
        senders.done(claimed[0], 0.5)
    assert senders.room() == SIZE


def test_what_nobody_has_begun_in_time_is_taken_back_and_nothing_more_is_claimed_behind_what_hangs(senders, claimed, gate, begun):
    for _ in range(100):
        senders.done(claimed[0], 0.001)
    start(senders, claimed)
    until(lambda: len(begun) == SIZE)
    assert senders.take_back(LATE_SECONDS) == []
    assert senders.take_back(0) == claimed[SIZE:]
    assert (senders.busy, senders.room()) == (SIZE, 0)
    gate.set()
    assert senders.take_back(0) == []
    assert len(begun) == SIZE


def test_what_was_taken_back_is_due_as_before_as_if_nobody_had_claimed_it(house, claimed):
    with house.transaction() as session:
        take_back(session, claimed[:3])
    back = {one.id for one in claimed[:3]}
    assert {(one.state, one.attempts, one.token) for one in house.deliveries() if one.id in back} == {("pending", 0, None)}
    assert {one.delivery_id for one in house.attempts()} == {one.id for one in claimed[3:]}
    with house.transaction() as session:
        assert {one.id for one in claim_due(session, channel="email", most=9)} >= back


def test_what_another_worker_has_meanwhile_is_not_taken_back(house, claimed):
    house.execute("UPDATE deliveries SET token = gen_random_uuid()")
    with house.transaction() as session:
        take_back(session, claimed)
    assert {one.state for one in house.deliveries() if one.id in {each.id for each in claimed}} == {"sending"}
    assert len(house.attempts()) == 5


def test_a_worker_that_stops_leaves_what_it_had_not_begun_to_others(house, verification):
    for _ in range(20):
        house.hear(facts.verification_requested(verification))
    loop = house.begin_worker()
    quick = loop._senders[Channel.EMAIL]
    quick._pace = 0.001
    house.mail.plans["ann@patients.test"] = ["hang"] * house.settings.smtp_connections
    loop._exchange()
    until(lambda: house.mail.hanging == house.settings.smtp_connections)
    assert quick.busy > house.settings.smtp_connections
    house.mail.ended.set()
    house.worker = None
    loop.finish()
    assert "sending" not in house.states()
    assert house.states().count("pending") >= 21 - house.settings.smtp_connections - len(house.mail.received)


def test_a_worker_that_stood_still_begins_nothing_that_it_held_before(house, claimed):
    loop, sent = house.begin_worker(), []
    loop._send(Outgoing(claimed[0], lambda: sent.append("twice, perhaps")), time.monotonic() - loop._lease / 2)
    arrived = loop._arrived.get()
    assert (sent, arrived.ours, arrived.sent.result) == ([], True, Result.TEMPORARY)
