"""Deliveries: tried again by schedule, ended for good, never twice at once, and honest about what is not known."""

import dataclasses
from contextlib import contextmanager
from datetime import timedelta

import pytest

from services.notification import holds
from services.notification.channels import Result
from services.notification.channels.deadlines import Watch
from services.notification.channels.smtp import EmailChannel
from services.notification.deliveries import holding, records, schedules
from services.notification.deliveries.claims import begin_attempts, claim_due
from services.notification.deliveries.sending import _Loop
from services.notification.deliveries.settling import Outcome, Sent, settle
from services.notification.endpoints import new_secret
from shared.events import enquiry
from shared.events.notification import DeliverySettled, Ending
from shared.problems import Conflict
from tests.notification import facts
from tests.notification.conftest import OPS, case, link, turn
from tests.waiting import until

ANN = "ann@patients.test"
DESK = "desk@hospital.test"


@pytest.fixture
def verification(house):
    """A mail to Ann that may come twice without harm."""
    of = case(house.patient(ANN))
    house.hear(facts.submitted(of))
    return of


@pytest.fixture
def bad_news(house):
    """A mail to Ann that must not come twice."""
    of = case(house.patient(ANN))
    house.hear(facts.rejected(of))
    return of


@pytest.fixture
def hospital(house):
    return house.hospital()


@pytest.fixture
def hook(house, hospital, receiver):
    return house.endpoint(hospital, "webhook", receiver.url(), secret=new_secret())


def only(house, **filters):
    rows = house.deliveries(**filters)
    assert len(rows) == 1, rows
    return rows[0]


def endings(house):
    return [(one.delivery_id, one.ending) for one in house.said(DeliverySettled)]


def waited(house, row):
    """Seconds between the end of its last attempt and the next one."""
    return (row.due_at - house.attempts(row.id)[-1].finished_at).total_seconds()


def around(seconds):
    return pytest.approx(seconds, rel=schedules.JITTER + 0.02)


@contextmanager
def another_worker(house):
    loop = _Loop(house.engine, house.settings)
    try:
        yield loop
    finally:
        loop.finish()


def kill_in_the_middle(house, channel):
    """A worker that claims, begins its attempts, and is never heard of again; its lease is over. Returns what it had in its hands."""
    with house.transaction() as session:
        claimed = claim_due(session, channel=channel, most=10)
        begin_attempts(session, claimed)
    house.execute("UPDATE deliveries SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'sending'")
    return claimed


# -- what a mail server says --------------------------------------------------


def test_a_mail_refused_for_now_is_tried_again_by_its_schedule(house, verification):
    house.mail.plans[ANN] = ["451 4.7.1 greylisted"] * 2
    for number, seconds in enumerate(schedules.EMAIL[:2], start=1):
        house.work(lambda number=number: (only(house).state, only(house).attempts) == ("retrying", number))
        assert waited(house, only(house)) == around(seconds)
        house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    assert len(house.mail.to(ANN)) == 1
    assert [(one.result, one.status) for one in house.attempts()] == [("temporary", 451), ("temporary", 451), ("accepted", 250)]


def test_the_sum_of_each_schedule_is_what_its_comment_promises():
    assert timedelta(seconds=sum(schedules.WEBHOOK)) == timedelta(hours=75, minutes=35, seconds=5)
    assert timedelta(seconds=sum(schedules.EMAIL)) == timedelta(hours=41, minutes=21, seconds=10)


def test_after_the_last_attempt_of_its_schedule_a_mail_has_failed_and_operations_are_told(house, bad_news):
    house.mail.plans[ANN] = ["451 later"]
    house.execute("UPDATE deliveries SET attempts = :made", made=len(schedules.EMAIL))
    house.work(lambda: only(house, template="enquiry_rejected").state == "failed")
    assert only(house, template="enquiry_rejected").reason == "schedule-exhausted"
    assert house.scalar("SELECT kind FROM tasks") == "delivery_failed"
    house.work(lambda: house.mail.to(OPS))


@pytest.mark.parametrize("reply", ["552 5.2.2 mailbox full for good", "data 554 5.7.1 looks like spam", "550 5.7.1 not from you"])
def test_a_mail_refused_for_good_has_failed_and_is_not_tried_again(house, verification, reply):
    house.mail.plans[ANN] = [reply]
    house.settled()
    assert (only(house).state, only(house).attempts) == ("failed", 1)
    assert house.scalar("SELECT count(*) FROM suppressions") == 0


def test_an_address_refused_for_good_gets_no_more_mail_until_it_is_corrected(house, verification):
    house.mail.plans[ANN] = ["550 5.1.1 no such user"]
    house.settled()
    assert (only(house).state, only(house).reason) == ("failed", "address-refused")
    house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["failed", "suppressed"])
    assert house.mail.received == []
    house.patient("ann.lee@patients.test", patient_id=verification.patient_id, version=2)
    house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["failed", "suppressed", "accepted"])
    assert len(house.mail.to("ann.lee@patients.test")) == 1


def test_a_refused_address_is_kept_as_a_keyed_hash_whatever_its_case(house, verification):
    house.mail.plans[ANN] = ["550 5.1.1 no such user"]
    house.settled()
    house.patient("ANN@Patients.Test", patient_id=verification.patient_id, version=2)
    house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["failed", "suppressed"])
    assert len(house.scalar("SELECT address_hash FROM suppressions")) == 32


def test_a_refused_address_of_a_hospital_disables_its_endpoint_and_tells_operations(house, hospital):
    endpoint = house.endpoint(hospital, "email", DESK)
    house.mail.plans[DESK] = ["550 5.1.1 no such user"]
    house.hear(facts.sent(hospital))
    house.work(lambda: house.scalar("SELECT kind FROM tasks") == "endpoint_disabled")
    assert (
        house.execute("SELECT disabled_because FROM endpoints WHERE id = :id", id=endpoint).scalar()
        == "the mail server refuses the address"
    )


def test_a_mail_server_that_says_nothing_is_given_up_after_the_time_allowed(mail):
    mail.plans[ANN] = ["hang"]
    watch = Watch()
    channel = EmailChannel(mail.url, watch, sender="no-reply@passage.test", seconds=0.3)
    sent = channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n")
    assert (sent.result, sent.reply) == (Result.TEMPORARY, "took too long")
    assert channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n").result is Result.ACCEPTED
    channel.close()
    watch.close()


def test_a_mail_server_that_says_nothing_after_the_final_dot_may_have_taken_the_mail(mail):
    mail.plans[ANN] = ["hang_at_dot"]
    watch = Watch()
    channel = EmailChannel(mail.url, watch, sender="no-reply@passage.test", seconds=0.3)
    assert channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n").result is Result.UNCERTAIN
    channel.close()
    watch.close()


def test_a_mail_server_that_cannot_be_reached_is_tried_again(house, verification):
    house.settings = dataclasses.replace(house.settings, smtp_url="smtp://127.0.0.1:9")
    house.settled()
    assert only(house).state == "retrying"


def test_one_connection_carries_many_mails(house, verification):
    house.settings = dataclasses.replace(house.settings, smtp_connections=1)
    for _ in range(4):
        house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["accepted"] * 5)
    assert house.mail.connections == 1


# -- what nobody knows --------------------------------------------------------


def test_a_connection_lost_after_the_final_dot_is_uncertain_and_resent_under_the_same_message_id_where_that_does_no_harm(
    house, verification
):
    house.mail.plans[ANN] = ["drop"]
    house.settled()
    assert (only(house).state, house.attempts()[0].result) == ("retrying", "uncertain")
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    lost, came = house.mail.dropped[0].message, house.mail.to(ANN)[0]
    assert lost["Message-ID"] == came["Message-ID"] == f"<{only(house).id}@passage.test>"


def test_a_connection_lost_after_the_final_dot_ends_as_uncertain_where_the_letter_must_not_come_twice(house, bad_news):
    house.mail.plans[ANN] = ["drop"]
    house.work(lambda: only(house, template="enquiry_rejected").state == "uncertain")
    assert house.scalar("SELECT kind FROM tasks") == "delivery_uncertain"
    house.work(lambda: house.mail.to(OPS))
    assert house.mail.to(ANN) == []


def test_a_doubtful_mail_never_ends_as_failed(house, verification):
    house.mail.plans[ANN] = ["drop", "554 5.7.1 no"]
    house.settled()
    house.due_now()
    house.work(lambda: house.states() == ["uncertain"])
    assert endings(house) == [(only(house).id, Ending.UNCERTAIN)]


def test_a_worker_killed_in_the_middle_leaves_a_mail_uncertain_where_it_must_not_come_twice(house, bad_news):
    kill_in_the_middle(house, "email")
    house.work(lambda: only(house, template="enquiry_rejected").state == "uncertain", sweep=True)
    assert house.attempts()[0].result == "uncertain"
    assert house.mail.to(ANN) == []


def test_a_worker_killed_in_the_middle_leaves_a_repeatable_mail_to_be_sent_again(house, verification):
    kill_in_the_middle(house, "email")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    assert house.mail.to(ANN)[0]["Message-ID"] == f"<{only(house).message_id}@passage.test>"


def test_a_worker_killed_in_the_middle_of_a_webhook_leaves_it_to_be_sent_again_under_its_id(house, hospital, hook, receiver):
    house.hear(facts.sent(hospital))
    kill_in_the_middle(house, "webhook")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    assert [one.headers["webhook-id"] for one in receiver.at()] == [str(only(house).message_id)]
    assert [one.result for one in house.attempts()] == ["temporary", "accepted"]


def test_a_death_of_our_own_is_no_failure_of_the_hospitals_endpoint(house, hospital, hook):
    house.hear(facts.sent(hospital))
    kill_in_the_middle(house, "webhook")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    assert house.execute("SELECT failures, first_failure_at FROM endpoints").all() == [(0, None)]


def test_a_lease_that_has_not_run_out_is_left_alone(house, verification):
    with house.transaction() as session:
        begin_attempts(session, claim_due(session, channel="email", most=10))
    loop = house.begin_worker()
    for _ in range(3):
        loop._swept_at = -100.0
        turn(loop)
    assert house.states() == ["sending"]
    assert house.mail.received == []


def test_the_late_result_of_a_worker_that_was_given_up_changes_nothing(house, verification):
    (lost,) = kill_in_the_middle(house, "email")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    before, said = house.execute("SELECT * FROM deliveries").all(), endings(house)
    with house.transaction() as session:
        assert settle(session, [Outcome(lost, Sent(Result.FAILED, 554, "no"))]) == []
    assert house.execute("SELECT * FROM deliveries").all() == before
    assert endings(house) == said
    assert [one.result for one in house.attempts()] == ["uncertain", "accepted"]


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
    assert endings(house) == [(only(house).id, Ending.EXPIRED)]


def test_what_has_expired_is_not_claimed_even_before_it_is_swept(house, verification):
    house.execute("UPDATE deliveries SET expires_at = clock_timestamp() - interval '1 second'")
    with house.transaction() as session:
        assert claim_due(session, channel="email", most=10) == []


def test_a_mail_with_a_link_expires_with_the_link(house):
    house.hear(enquiry.SignInRequested(case=case(), link=link("sign_in", minutes=15)))
    row = only(house)
    assert timedelta(minutes=14) < row.expires_at - row.created_at <= timedelta(minutes=15)


def test_what_waits_for_a_disabled_endpoint_ends_as_disabled(house, hospital, hook):
    house.hear(facts.sent(hospital))
    house.execute("UPDATE endpoints SET disabled_at = clock_timestamp()")
    house.work(lambda: house.states() == ["disabled"], sweep=True)
    assert endings(house) == [(only(house).id, Ending.DISABLED)]


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
    house.work(lambda: (row.id, ending) in endings(house), sweep=True)
    (told,) = (one for one in house.said(DeliverySettled) if one.delivery_id == row.id)
    assert (told.event_id, told.recipient, told.channel, told.template) == (row.event_id, row.recipient, row.channel, row.template)
    assert (told.case.id, told.case.patient_id) == (bad_news.id, bad_news.patient_id)


# -- holds --------------------------------------------------------------------


def held_by(house, kind, value):
    with house.transaction() as session:
        return holds.hold(session, kind=kind, value=value, actor="test", because="trying").id


def let_go(house, hold_id):
    with house.transaction() as session:
        holding.release(session, hold_id=hold_id, actor="test", because="tried")


@pytest.mark.parametrize("kind", ["channel", "template", "hospital"])
def test_a_hold_keeps_back_what_it_names_and_nothing_else_and_release_lets_it_go(house, hospital, hook, receiver, kind):
    value = {"channel": "webhook", "template": "invitation_sent", "hospital": str(hospital)}[kind]
    hold_id = held_by(house, kind, value)
    house.hear(facts.sent(hospital))
    house.hear(facts.submitted(case(house.patient())))
    house.work(lambda: house.states(recipient="patient") == ["accepted"])
    assert receiver.taken == []
    let_go(house, hold_id)
    house.work(lambda: house.states(recipient="hospital") == ["accepted"])


def test_a_hospital_is_held_however_its_id_is_written(house, hospital, hook, receiver):
    held_by(house, "hospital", str(hospital).upper())
    house.hear(facts.sent(hospital))
    with house.transaction() as session:
        assert claim_due(session, channel="webhook", most=10) == []


def test_what_is_held_back_does_not_expire_and_has_as_much_time_left_when_it_is_let_go(house, hospital, hook):
    house.hear(facts.sent(hospital))
    house.execute("UPDATE deliveries SET expires_at = clock_timestamp() + interval '1 hour'")
    hold_id = held_by(house, "channel", "webhook")
    house.execute("UPDATE holds SET held_at = held_at - interval '3 days'")
    house.execute("UPDATE deliveries SET expires_at = expires_at - interval '3 days', created_at = created_at - interval '3 days'")
    loop = house.begin_worker()
    for _ in range(3):
        loop._swept_at = -100.0
        turn(loop)
    assert house.states() == ["pending"]
    let_go(house, hold_id)
    house.work(lambda: house.states() == ["accepted"], sweep=True)


def test_a_link_that_ended_while_its_mail_was_held_is_not_sent(house, verification):
    hold_id = held_by(house, "channel", "email")
    house.execute(
        "UPDATE deliveries SET expires_at = clock_timestamp() - interval '1 hour',"
        " params = jsonb_set(params, '{verify,expires_at}', to_jsonb(clock_timestamp() - interval '1 hour'))"
    )
    house.execute("UPDATE holds SET held_at = held_at - interval '3 days'")
    let_go(house, hold_id)
    house.work(lambda: house.states() == ["expired"], sweep=True)
    assert house.mail.received == []


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
        records.resend(session, records.find_delivery(session, only(house).id))


def test_a_letter_whose_link_has_ended_is_not_resent(house, verification):
    house.settled()
    house.execute(
        "UPDATE deliveries SET params = jsonb_set(params, '{verify,expires_at}', to_jsonb(clock_timestamp() - interval '1 hour'))"
    )
    with house.transaction() as session, pytest.raises(Conflict):
        records.resend(session, records.find_delivery(session, only(house).id))


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
