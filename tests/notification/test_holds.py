"""What operations hold back waits, loses no time by it, and goes on when it is let go."""

import pytest

from services.notification import holds
from services.notification.deliveries import holding
from services.notification.deliveries.claims import claim_due
from tests.notification import facts
from tests.notification.house import case, turn

ANN = "ann@patients.test"


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
