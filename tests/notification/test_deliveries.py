"""Deliveries: never twice at once, none delayed by another, each end told; and sent again."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from services.notification.deliveries import records
from services.notification.deliveries.claims import begin_attempts, claim_due
from services.notification.deliveries.sending import _Loop
from services.notification.endpoints import new_secret
from shared.events import enquiry
from shared.events.notification import DeliverySettled, Ending
from shared.problems import Conflict
from tests.notification import facts
from tests.notification.house import case, link, turn
from tests.waiting import until

ANN = "ann@patients.test"


@contextmanager
def another_worker(house):
    loop = _Loop(house.engine, house.settings)
    try:
        yield loop
    finally:
        loop.finish()


# -- several workers, several endpoints ---------------------------------------


def test_two_workers_never_send_the_same_delivery_twice(house, verification):
    for _ in range(29):
        house.hear(facts.verification_requested(verification))
    with house.delivering(), house.delivering():
        until(lambda: house.states() == ["accepted"] * 30, what="all mails to be accepted")
    assert len(house.mail.received) == len({one.message["Message-ID"] for one in house.mail.received}) == 30
    assert {one.number for one in house.attempts()} == {1}


def test_a_worker_that_claims_while_another_has_claimed_gets_others(house, verification):
    house.hear(facts.verification_requested(verification))
    with house.transaction() as session:
        first = claim_due(session, channel="email", most=1)
        begin_attempts(session, first)
    with house.transaction() as session:
        second = claim_due(session, channel="email", most=10)
    assert len(first) == len(second) == 1
    assert first[0].id != second[0].id


def test_an_endpoint_that_hangs_delays_no_other_and_has_at_most_two_in_flight(house, hospital, receiver):
    receiver.plans["/slow"] = ["hang"] * 20
    other = house.hospital()
    house.endpoint(hospital, "webhook", receiver.url("/slow"), secret=new_secret())
    house.endpoint(other, "webhook", receiver.url("/quick"), secret=new_secret())
    for _ in range(20):
        house.hear(facts.sent(hospital))
    house.work(lambda: receiver.hanging == 2)
    house.hear(facts.sent(other))
    with another_worker(house) as second:
        house.work(lambda: turn(second) or house.states(recipient_id=other) == ["accepted"])
        assert receiver.hanging == 2
        receiver.let_go.set()
        house.work(lambda: turn(second) or set(house.states()) == {"accepted"})
    assert receiver.most_at_once["/slow"] == 2
    assert len({one.headers["webhook-id"] for one in receiver.at("/slow")}) == len(receiver.at("/slow")) == 20


def test_a_backlog_of_one_endpoint_stands_behind_the_first_of_every_other(house, receiver):
    hospitals = [house.hospital() for _ in range(3)]
    for hospital in hospitals:
        house.endpoint(hospital, "webhook", receiver.url(), secret=new_secret())
    for _ in range(5):
        house.hear(facts.sent(hospitals[0]))
    for hospital in hospitals[1:]:
        house.hear(facts.sent(hospital))
    with house.transaction() as session:
        claimed = claim_due(session, channel="webhook", most=3)
    assert {one.recipient_id for one in claimed} == set(hospitals)


def test_a_mail_server_that_hangs_on_one_recipient_delays_no_other(house, verification):
    house.mail.plans[ANN] = ["hang"]
    house.work(lambda: house.mail.hanging == 1)
    house.hear(facts.submitted(case(house.patient("bea@patients.test"))))
    house.work(lambda: house.mail.to("bea@patients.test"))
    house.mail.ended.set()
    house.work(lambda: sorted(house.states()) == ["accepted", "retrying"])


# -- ends without an attempt --------------------------------------------------


def test_what_is_not_worth_sending_any_more_expires(house, verification):
    house.execute("UPDATE deliveries SET expires_at = clock_timestamp() - interval '1 second'")
    house.work(lambda: house.states() == ["expired"], sweep=True)
    assert house.mail.received == []
    assert house.endings() == [(house.only().id, Ending.EXPIRED)]


def test_what_has_expired_is_not_claimed_even_before_it_is_swept(house, verification):
    house.execute("UPDATE deliveries SET expires_at = clock_timestamp() - interval '1 second'")
    with house.transaction() as session:
        assert claim_due(session, channel="email", most=10) == []


def test_a_mail_with_a_link_expires_with_the_link(house):
    house.hear(enquiry.SignInRequested(case=case(), link=link("sign_in", minutes=15)))
    row = house.only()
    assert timedelta(minutes=14) < row.expires_at - row.created_at <= timedelta(minutes=15)


def test_what_waits_for_a_disabled_endpoint_ends_as_disabled(house, hospital, hook):
    house.hear(facts.sent(hospital))
    house.execute("UPDATE endpoints SET disabled_at = clock_timestamp()")
    house.work(lambda: house.states() == ["disabled"], sweep=True)
    assert house.endings() == [(house.only().id, Ending.DISABLED)]


def test_what_is_for_a_paused_endpoint_waits(house, hospital, hook, receiver):
    house.execute("UPDATE endpoints SET paused = true")
    house.hear(facts.sent(hospital))
    loop = house.begin_worker()
    for _ in range(3):
        turn(loop)
    assert house.states() == ["pending"]
    house.execute("UPDATE endpoints SET paused = false")
    house.work(lambda: house.states() == ["accepted"])


@pytest.mark.parametrize("ending", [one for one in Ending if one is not Ending.FOLDED])  # folded: see test_alerts
def test_each_end_of_a_delivery_is_told_once_with_the_fact_that_caused_it(house, bad_news, ending):
    if ending is Ending.DISABLED:
        hospital = house.hospital()
        house.endpoint(hospital, "webhook", "http://127.0.0.1:9/hook", secret=new_secret())
        house.execute("DELETE FROM deliveries")
        house.hear(facts.sent(hospital, bad_news))
        house.execute("UPDATE endpoints SET disabled_at = clock_timestamp()")
    if ending is Ending.EXPIRED:
        house.execute("UPDATE deliveries SET expires_at = clock_timestamp()")
    if ending is Ending.SUPPRESSED:
        house.erase(bad_news.patient_id, 2)
    house.mail.plans[ANN] = {Ending.FAILED: ["554 no"], Ending.UNCERTAIN: ["drop"]}.get(ending, [])
    row = house.deliveries()[0]
    house.work(lambda: (row.id, ending) in house.endings(), sweep=True)
    (told,) = (one for one in house.said(DeliverySettled) if one.delivery_id == row.id)
    assert (told.event_id, told.recipient, told.channel, told.template) == (row.event_id, row.recipient, row.channel, row.template)
    assert (told.case.id, told.case.patient_id) == (bad_news.id, bad_news.patient_id)


# -- again --------------------------------------------------------------------


def test_a_resend_is_a_new_delivery_under_the_same_id(house, hospital, hook, receiver):
    house.hear(facts.sent(hospital))
    first = house.settled()[0]
    with house.transaction() as session:
        again = records.resend(session, records.find_delivery(session, first.id))
    house.work(lambda: house.states() == ["accepted", "accepted"])
    assert again.again_of == first.id
    assert [one.headers["webhook-id"] for one in receiver.at()] == [str(first.message_id)] * 2
    assert receiver.at()[0].body == receiver.at()[1].body


def test_a_mail_resent_keeps_its_message_id(house, bad_news):
    first = house.settled()[0]
    with house.transaction() as session:
        records.resend(session, records.find_delivery(session, first.id))
    house.work(lambda: house.states() == ["accepted", "accepted"])
    assert len({mail["Message-ID"] for mail in house.mail.to(ANN)}) == 1


def test_what_has_not_ended_is_not_resent(house, verification):
    with house.transaction() as session, pytest.raises(Conflict):
        records.resend(session, records.find_delivery(session, house.only().id))


def test_a_letter_whose_link_has_ended_is_not_resent(house, verification):
    house.settled()
    house.execute(
        "UPDATE deliveries SET params = jsonb_set(params, '{verify,expires_at}', to_jsonb(clock_timestamp() - interval '1 hour'))"
    )
    with house.transaction() as session, pytest.raises(Conflict):
        records.resend(session, records.find_delivery(session, house.only().id))


def test_a_replay_sends_what_was_for_an_endpoint_in_a_span_once_more_in_order(house, hospital, hook, receiver):
    for _ in range(3):
        house.hear(facts.sent(hospital))
    rows = house.settled(3)
    middle = rows[1]
    with house.transaction() as session:
        made = records.replay_span(session, endpoint_id=hook, since=middle.created_at, until=middle.created_at + timedelta(hours=1))
    assert [one.again_of for one in made] == [row.id for row in rows[1:]]
    house.work(lambda: house.states() == ["accepted"] * 5)
    with house.transaction() as session:  # copies are not copied again
        made = records.replay_span(session, endpoint_id=hook, since=rows[0].created_at, until=middle.created_at + timedelta(hours=1))
    assert len(made) == 3
