"""What nobody knows: a lost answer, a worker that was killed in the middle, a result that comes late."""

from sqlalchemy import text

from services.notification.channels import Result
from services.notification.deliveries.claims import begin_attempts, claim_due
from services.notification.deliveries.settling import Outcome, Sent, settle
from shared.events.notification import Ending
from tests.notification import facts
from tests.notification.house import OPS, turn

ANN = "ann@patients.test"


def kill_in_the_middle(house, channel):
    """A worker that claims, begins its attempts, and is never heard of again; its lease is over. Returns what it had in its hands."""
    with house.transaction() as session:
        claimed = claim_due(session, channel=channel, most=10)
        begin_attempts(session, claimed)
    house.execute("UPDATE deliveries SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'sending'")
    return claimed


def test_a_connection_lost_after_the_final_dot_is_uncertain_and_resent_under_the_same_message_id_where_that_does_no_harm(
    house, verification
):
    house.mail.plans[ANN] = ["drop"]
    house.settled()
    assert (house.only().state, house.attempts()[0].result) == ("retrying", "uncertain")
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    lost, came = house.mail.dropped[0].message, house.mail.to(ANN)[0]
    assert lost["Message-ID"] == came["Message-ID"] == f"<{house.only().id}@passage.test>"


def test_a_connection_lost_after_the_final_dot_ends_as_uncertain_where_the_letter_must_not_come_twice(house, bad_news):
    house.mail.plans[ANN] = ["drop"]
    house.work(lambda: house.only(template="enquiry_rejected").state == "uncertain")
    assert house.scalar("SELECT kind FROM tasks") == "delivery_uncertain"
    house.work(lambda: house.mail.to(OPS))
    assert house.mail.to(ANN) == []


def test_a_doubtful_mail_never_ends_as_failed(house, verification):
    house.mail.plans[ANN] = ["drop", "554 5.7.1 no"]
    house.settled()
    house.due_now()
    house.work(lambda: house.states() == ["uncertain"])
    assert house.endings() == [(house.only().id, Ending.UNCERTAIN)]


def test_a_worker_killed_in_the_middle_leaves_a_mail_uncertain_where_it_must_not_come_twice(house, bad_news):
    kill_in_the_middle(house, "email")
    house.work(lambda: house.only(template="enquiry_rejected").state == "uncertain", sweep=True)
    assert house.attempts()[0].result == "uncertain"
    assert house.mail.to(ANN) == []


def test_a_worker_killed_in_the_middle_leaves_a_repeatable_mail_to_be_sent_again(house, verification):
    kill_in_the_middle(house, "email")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    assert house.mail.to(ANN)[0]["Message-ID"] == f"<{house.only().message_id}@passage.test>"


def test_a_worker_killed_in_the_middle_of_a_webhook_leaves_it_to_be_sent_again_under_its_id(house, hospital, hook, receiver):
    house.hear(facts.sent(hospital))
    kill_in_the_middle(house, "webhook")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    assert [one.headers["webhook-id"] for one in receiver.at()] == [str(house.only().message_id)]
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
    before, said = house.execute("SELECT * FROM deliveries").all(), house.endings()
    with house.transaction() as session:
        assert settle(session, house.settings, [Outcome(lost, Sent(Result.FAILED, 554, "no"))]) == []
    assert house.execute("SELECT * FROM deliveries").all() == before
    assert house.endings() == said
    assert [one.result for one in house.attempts()] == ["uncertain", "accepted"]


def test_the_late_result_of_a_worker_that_was_given_up_does_not_end_the_attempt_of_another(house, verification):
    (lost,) = kill_in_the_middle(house, "email")
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    house.due_now()
    with house.transaction() as session:
        (second,) = claim_due(session, channel="email", most=1)
        begin_attempts(session, [second])
    with house.transaction() as session:
        assert settle(session, house.settings, [Outcome(lost, Sent(Result.FAILED, 554, "no"))]) == []
    assert (house.only().state, house.only().token) == ("sending", second.token)
    assert [one.result for one in house.attempts()] == ["uncertain", None]


def test_a_doubtful_mail_whose_schedule_is_exhausted_is_uncertain_and_not_failed(house, verification):
    house.mail.plans[ANN] = ["drop", "451 later"]
    house.settled()
    house.execute("UPDATE deliveries SET attempts = :made", made=len(house.settings.email_schedule))
    house.due_now()
    house.work(lambda: house.only(template="verify_address").state == "uncertain")


def test_a_lease_is_as_long_as_the_settings_say(house, verification):
    house.hear(facts.verification_requested(verification))
    with house.transaction() as session:
        claim_due(session, channel="email", most=1, lease=7.0)
        left = session.scalars(
            text("SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM deliveries WHERE state = 'sending'")
        ).one()
    assert 0 < left <= 7
