"""What two do at once, one of them in the middle of a transaction: a lock decides, and nobody waits who need not."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.notification import alerts
from services.notification.deliveries.claims import claim_due
from services.notification.deliveries.records import count_again, find_delivery, resend
from services.notification.deliveries.schedules import IN_FLIGHT
from services.notification.endpoints import new_secret
from shared import crypto
from shared.events import Envelope
from shared.problems import TooManyRequests
from tests.notification import facts
from tests.notification.house import case
from tests.waiting import until

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@contextmanager
def meanwhile(house, act):
    """`act(session)` in a transaction of another thread, begun before the block's end: it has come to its end or to a lock; returns what it did."""
    done = []

    def run():
        try:
            with house.transaction() as session:
                made = act(session)
            done.append(made)
        except TooManyRequests as refused:
            done.append(refused)

    thread = threading.Thread(target=run)
    with house.transaction() as session:
        yield session, done
        thread.start()
        until(lambda: done or house.scalar(WAITING), what="the other, at its end or at the lock")
    thread.join(60)
    assert not thread.is_alive()


def impatient(session):
    """Who meets a lock fails rather than waits."""
    session.execute(text("SET LOCAL lock_timeout = '500ms'"))
    return session


def claimed(session, channel="webhook"):
    return [one.id for one in claim_due(session, channel=channel, most=16)]


def test_two_workers_that_claim_at_once_stay_within_what_may_be_in_flight(house, hospital):
    house.endpoint(hospital, "webhook", "http://127.0.0.1:9/", secret=new_secret())
    for _ in range(3 * IN_FLIGHT):
        house.hear(facts.sent(hospital))
    late = house.deliveries()[-1].id
    with meanwhile(house, claimed) as (session, second):
        assert len(claimed(session)) == IN_FLIGHT
        house.execute(
            "UPDATE deliveries SET due_at = due_at - interval '1 hour' WHERE id = :late", late=late
        )  # as if a hold had been released
    assert second == [[]]


def test_a_claim_passes_over_what_somebody_else_holds(house, verification):
    house.hear(facts.verification_requested(verification))
    first, second = house.deliveries()
    with house.transaction() as holder, house.transaction() as session:
        holder.execute(text("SELECT 1 FROM deliveries WHERE id = :id FOR UPDATE"), {"id": first.id})
        assert claimed(impatient(session), "email") == [second.id]


def test_a_mail_that_another_is_about_to_join_is_not_sent_without_it(house, hospital):
    of = case(house.patient())
    house.hear(facts.opened(of, hospital))
    house.hear(facts.alternatives(hospital, of))
    first, held = house.deliveries(recipient="patient")
    house.due_now()
    third = facts.unfulfilled(of)
    envelope = Envelope(id=crypto.new_id(), event=third, key=str(of.id), version=3, sequence=0, occurred_at=datetime.now(UTC))
    with house.transaction() as hearing, house.transaction() as session:
        alerts.handlers(lambda: datetime.now(UTC), house.settings)[type(third)](hearing, third, envelope)
        assert claimed(impatient(session), "email") == [first.id]
    with house.transaction() as session:
        assert held.id in claimed(session, "email")


@pytest.mark.usefixtures("hook")
def test_two_that_send_again_at_once_do_not_pass_the_limit_together(house, delivery):
    def again(session):
        made = resend(session, find_delivery(session, delivery.id))
        count_again(session, hospital_id=delivery.recipient_id, channel="webhook", most=1)
        return made

    with meanwhile(house, again) as (session, second):
        again(session)
    assert isinstance(second[0], TooManyRequests)
    assert len(house.deliveries()) == 2
