"""An endpoint that fails for long is said to operations, then disabled; one that works again is forgiven."""

from datetime import timedelta

import pytest

from shared.events.notification import EndpointState
from tests.notification import facts
from tests.notification.house import OPS


def endpoint(house, endpoint_id):
    return house.execute("SELECT * FROM endpoints WHERE id = :id", id=endpoint_id).mappings().one()


def tried(house, attempts):
    house.due_now()
    house.work(lambda: house.only(recipient="hospital").attempts == attempts and house.only(recipient="hospital").state != "sending")


def failing(house, hook, *, failures, since):
    house.execute(
        "UPDATE endpoints SET failures = :failures, first_failure_at = clock_timestamp() - :since WHERE id = :id",
        failures=failures, since=since, id=hook,
    )  # fmt: skip


@pytest.mark.parametrize(("failures", "days", "disabled"), [(19, 5.01, True), (18, 5.01, False), (19, 4.99, False)])
def test_an_endpoint_is_disabled_after_5_days_and_20_failures_in_a_row(house, hook, receiver, failures, days, disabled):
    failing(house, hook, failures=failures, since=timedelta(days=days))
    hospital = endpoint(house, hook)["hospital_id"]
    receiver.plans["/hook"] = [500]
    house.hear(facts.sent(hospital))
    tried(house, 1)
    assert (endpoint(house, hook)["disabled_at"] is not None) is disabled
    assert [state.webhook for state in house.said(EndpointState)] == ([True, False] if disabled else [True])
    if disabled:
        house.work(lambda: house.only(recipient="hospital").state == "disabled", sweep=True)


def test_one_success_ends_a_row_of_failures(house, hospital, hook, receiver):
    failing(house, hook, failures=19, since=timedelta(days=6))
    house.hear(facts.sent(hospital))
    tried(house, 1)
    row = endpoint(house, hook)
    assert (row["failures"], row["first_failure_at"], row["disabled_at"]) == (0, None, None)


def test_operations_are_told_once_of_an_endpoint_that_fails_for_over_an_hour(house, hospital, hook, receiver):
    failing(house, hook, failures=3, since=timedelta(minutes=59))
    receiver.plans["/hook"] = [500] * 4
    house.hear(facts.sent(hospital))
    tried(house, 1)
    assert house.scalar("SELECT count(*) FROM tasks") == 0
    failing(house, hook, failures=4, since=timedelta(minutes=61))
    tried(house, 2)
    tried(house, 3)
    assert house.execute("SELECT kind FROM tasks").scalars().all() == ["endpoint_failing"]
    house.work(lambda: len(house.mail.to(OPS)) == 1)
    (told,) = house.mail.to(OPS)
    assert "Hospital: Liman Hospital" in told.get_body(("plain",)).get_content()


def test_a_failing_webhook_leaves_the_mail_to_the_same_hospital_alone(house, hospital, hook, receiver):
    house.endpoint(hospital, "email", "desk@hospital.test")
    receiver.plans["/hook"] = [500]
    house.hear(facts.sent(hospital))
    house.work(lambda: sorted(house.states()) == ["accepted", "retrying"])
    assert len(house.mail.to("desk@hospital.test")) == 1
