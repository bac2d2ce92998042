"""What the product promises by default is a setting: another value changes what happens."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from services.notification.channels import Result
from services.notification.settings import Settings
from shared.config import BadConfiguration
from tests.notification import facts
from tests.notification.house import case

ANN = "ann@patients.test"


def change(house, **values):
    house.settings = dataclasses.replace(house.settings, **values)


def test_a_schedule_is_a_list_of_durations(monkeypatch, secrets_of_settings):
    given = {"database_url": "postgresql://u:p@127.0.0.1/n", "email_schedule": "10s, 1m,1h 30m", **secrets_of_settings}
    for name, value in given.items():
        monkeypatch.setenv(name.upper(), str(value))
    assert Settings.from_env().email_schedule == [timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=90)]


@pytest.mark.parametrize("value", ["", "soon", "10s,,1m", "0s", "10s,-1m", "31d", ",".join(["1m"] * 31)])
def test_a_schedule_that_is_none_is_refused_by_its_name(monkeypatch, value):
    monkeypatch.setenv("EMAIL_SCHEDULE", value)
    with pytest.raises(BadConfiguration) as caught:
        Settings.from_env()
    assert [fault for fault in caught.value.faults if "EMAIL_SCHEDULE" in fault]


@pytest.mark.parametrize("channel", ["email", "webhook"])
def test_attempts_follow_the_schedule_of_the_settings_to_its_end(house, hospital, receiver, channel):
    change(house, retry_jitter=0.0, **{f"{channel}_schedule": [timedelta(minutes=7), timedelta(minutes=9)]})
    place = "desk@hospital.test" if channel == "email" else receiver.url()
    house.endpoint(hospital, channel, place, secret="whsec_" + "A" * 44)
    house.mail.plans[place], receiver.plans["/hook"] = ["451 later"] * 3, [500] * 3
    house.hear(facts.sent(hospital))
    for attempts, minutes in ((1, 7), (2, 9)):
        house.work(lambda attempts=attempts: (house.only().attempts, house.only().state) == (attempts, "retrying"))
        assert house.waits(house.only()) == pytest.approx(minutes * 60, abs=0.5)
        house.due_now()
    house.work(lambda: house.only(recipient="hospital").state == "failed")


def test_an_attempt_takes_no_longer_than_the_settings_allow(house, hospital, hook, receiver):
    change(house, webhook_time=timedelta(milliseconds=300))
    receiver.plans["/hook"] = ["drip_head"]
    house.hear(facts.sent(hospital))
    house.work(lambda: house.states() == ["retrying"])
    (attempt,) = house.attempts()
    assert (attempt.result, attempt.reply) == (Result.TEMPORARY, "took too long")


def test_an_attempt_ends_well_before_its_lease(house, hospital, hook, receiver):
    """Else another worker would take the delivery for lost while this one still sends it."""
    change(house, delivery_lease=timedelta(seconds=3))
    receiver.plans["/hook"] = ["hang"]
    house.hear(facts.sent(hospital))
    house.work(lambda: house.states() == ["retrying"], sweep=True)
    assert house.attempts()[0].reply == "took too long"


def test_a_mail_takes_no_longer_than_the_settings_allow(house, verification):
    change(house, email_time=timedelta(milliseconds=300))
    house.mail.plans[ANN] = ["hang"]
    house.work(lambda: house.states() == ["retrying"])
    assert house.attempts()[0].reply == "took too long"


def test_mails_are_folded_within_the_window_of_the_settings(house, hospital):
    change(house, fold_window=timedelta(minutes=10))
    of = case(house.patient())
    house.hear(facts.opened(of, hospital))
    house.hear(facts.alternatives(hospital, of))
    first, second = house.deliveries(recipient="patient")
    assert second.state == "held"
    assert second.due_at - first.created_at == timedelta(minutes=10)


def test_without_a_window_nothing_is_folded(house, hospital):
    change(house, fold_window=timedelta(0))
    of = case(house.patient())
    house.hear(facts.opened(of, hospital))
    house.hear(facts.alternatives(hospital, of))
    assert house.states(recipient="patient") == ["pending", "pending"]


def test_facts_are_withheld_when_they_are_older_than_the_settings_say(house):
    change(house, withheld_after=timedelta(hours=1))
    house.hear(facts.submitted(case(house.patient())), at=datetime.now(UTC) - timedelta(minutes=61))
    assert (house.deliveries(), house.scalar("SELECT count(*) FROM withheld")) == ([], 1)


def failing(house, hospital, receiver):
    """One more failure of an endpoint that has failed once, ten minutes ago."""
    house.execute("UPDATE endpoints SET failures = 1, first_failure_at = clock_timestamp() - interval '10 minutes'")
    receiver.plans["/hook"] = [500]
    house.hear(facts.sent(hospital))
    house.work(lambda: house.only(recipient="hospital").state == "retrying")
    return house.execute("SELECT disabled_at IS NOT NULL AS disabled, told_at IS NOT NULL AS told FROM endpoints").one()


@pytest.mark.parametrize(("failures", "minutes", "disabled"), [(2, 9, True), (3, 9, False), (2, 11, False)])
@pytest.mark.usefixtures("hook")
def test_an_endpoint_is_disabled_by_the_rule_of_the_settings(house, hospital, receiver, failures, minutes, disabled):
    change(house, disabled_after_failures=failures, disabled_after=timedelta(minutes=minutes))
    assert failing(house, hospital, receiver).disabled is disabled


@pytest.mark.parametrize(("minutes", "told"), [(9, True), (11, False)])
@pytest.mark.usefixtures("hook")
def test_operations_are_told_of_a_failing_endpoint_when_the_settings_say(house, hospital, receiver, minutes, told):
    change(house, failing_told_after=timedelta(minutes=minutes))
    assert failing(house, hospital, receiver).told is told
