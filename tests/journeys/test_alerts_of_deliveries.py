"""Alerts about what is told, on everything running: the outside world misbehaves, and the runbook's own commands mend what was left behind."""

import pytest

from devstack import robots
from tests.faults.world import HOST, Hooks, MailServer, World
from tests.journeys.alarms import all_is_told, case_of, execute, mend, park_a_key, posted, scrape, shell, tasks_are_done, told, value
from tests.operations import scraping
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

DELIVERIES = 1 + 2 * 2  # the patient's mail, and for each of two hospitals a mail and a webhook


@pytest.fixture
def world():
    with World() as made:
        yield made


def test_a_mail_server_that_refuses_raises_the_alarm_until_the_right_one_is_set(stack, world, tmp_path):
    server = MailServer(world)
    server.mood = "451"
    before = scrape(stack)
    with stack.changed("notification-work", SMTP_URL=f"smtp://{HOST}:{server.port}", RETRY_PACE="0.1"):
        reference = posted(stack)
        until(lambda: server.misbehaved["451"] >= 3, what="three mails that were refused")
        told(
            lambda: value(stack, "notification", "delivery_attempts_total", "work", channel="email", result="temporary"),
            what="their figure",
        )
        during = scrape(stack)
    mend("MailRefused", "notification")
    stack.nothing_is_missing(reference, deliveries=DELIVERIES)
    after = scrape(stack)
    stack.nothing_is_missing(posted(stack), deliveries=DELIVERIES)
    scraping.assert_fires(tmp_path, "MailRefused", before, during, after, later=scrape(stack))


def test_a_channel_that_is_held_raises_the_alarm_until_it_is_released(stack, tmp_path):
    before = scrape(stack)
    shell('.devstack/passage notification hold channel webhook --because "a drill"')
    case = case_of(stack, posted(stack))
    waiting = "SELECT count(*) FROM deliveries WHERE case_id = %s AND channel = 'webhook'"
    until(lambda: stack.sql("notification", waiting, case) == [(2,)], what="webhooks that wait")
    older = "due_at = due_at - interval '5 minutes', event_at = event_at - interval '5 minutes'"
    execute(stack, "notification", f"UPDATE deliveries SET {older} WHERE case_id = %s AND channel = 'webhook'", case)
    oldest = lambda: value(stack, "notification", "deliveries_backlog_seconds", "work", channel="webhook")  # noqa: E731
    told(lambda: oldest() > 60, what="an old backlog")
    during = scrape(stack)
    mend("DeliveriesWait", "notification")
    accepted = f"{waiting} AND state = 'accepted'"
    until(lambda: stack.sql("notification", accepted, case) == [(2,)], what="webhooks that were sent")
    told(lambda: oldest() == 0, what="no backlog")
    released = scrape(stack)
    scraping.assert_fires(tmp_path, "DeliveriesWait", before, during, released)
    stack.nothing_is_missing(posted(stack), deliveries=DELIVERIES)
    scraping.assert_fires(tmp_path, "DeliveriesLate", during, released, released, later=scrape(stack))


def test_a_poisoned_key_and_the_person_behind_it_raise_the_alarm_until_the_record_is_given_up(stack, tmp_path):
    all_is_told(stack)
    before = scrape(stack)
    client = stack.client()
    with stack.without("enquiry-work"):
        reference = posted(stack, client)
        ((person,),) = stack.sql("enquiry", "SELECT patient_id FROM enquiries WHERE reference = %s", reference)
        park_a_key(stack, "enquiry.patients", person)
        told(lambda: value(stack, "notification", "parked_keys") == 1, what="a parked key")
    waiting = "FROM deliveries WHERE state = 'waiting_contact'"
    until(lambda: stack.sql("notification", f"SELECT count(*) {waiting}") == [(1,)], what="a mail that waits for its contact")
    execute(stack, "notification", "UPDATE deliveries SET created_at = created_at - interval '5 minutes' WHERE state = 'waiting_contact'")
    told(lambda: value(stack, "notification", "deliveries_waiting_contact", "work"), what="its figure")
    during = scrape(stack)
    mend("KeysParked", "notification")
    assert value(stack, "notification", "parked_keys") == 0
    mend("ContactsMissing", "notification")
    stack.nothing_is_missing(reference, deliveries=DELIVERIES)
    told(lambda: value(stack, "notification", "deliveries_waiting_contact", "work") == 0, what="nobody who is missing")
    after = scrape(stack)
    for alert in ("KeysParked", "LettersWaiting", "ContactsMissing"):
        scraping.assert_fires(tmp_path, alert, before, during, after)


def test_an_endpoint_that_says_it_is_gone_raises_the_alarm_until_its_hospital_deletes_it_and_the_task_is_done(stack, world, tmp_path):
    tasks_are_done(stack)
    hooks, hospital = Hooks(world), stack.hospitals[0].client
    hooks.gone.add("gone")
    before = scrape(stack)
    made = hospital.post("notification", "/v1/endpoints", {"kind": "webhook", "url": f"http://{HOST}:{hooks.port}/hospitals/gone"})
    posted(stack)
    told(lambda: value(stack, "notification", "endpoints_disabled") == 1, what="a disabled endpoint")
    told(lambda: value(stack, "notification", "tasks_open") == 1, what="a task")
    during = scrape(stack)
    assert "endpoint_disabled" in shell(".devstack/passage notification tasks")
    remove(hospital, made["id"])
    assert made["id"] not in mend("EndpointsDisabled", "notification")
    mend("TasksWait", "notification")
    after = scrape(stack)
    scraping.assert_fires(tmp_path, "EndpointsDisabled", before, during, after)
    scraping.assert_fires(tmp_path, "TasksWait", before, during, after, lasts=90)


def test_webhooks_of_many_hospitals_that_fail_raise_the_alarm_until_they_are_taken(stack, world, tmp_path):
    hooks, before = Hooks(world), scrape(stack)
    hooks.mood = "500"
    third = robots.settle_in(stack.place, stack.operations, [stack.form["hospitals"][2]["slug"]])
    asked = [(hospital.client, failing_webhook(hospital, hooks)) for hospital in [*stack.hospitals[:2], *third]]
    told(lambda: value(stack, "notification", "hospitals_with_failing_webhooks") == 3, what="three hospitals whose webhooks fail")
    during = scrape(stack)
    hooks.mood = "well"
    mend("WebhooksFail", "notification")
    told(lambda: value(stack, "notification", "hospitals_with_failing_webhooks") == 0, what="webhooks that are taken")
    scraping.assert_fires(tmp_path, "WebhooksFail", before, during, scrape(stack))
    for client, endpoint in asked:
        remove(client, endpoint)


def failing_webhook(hospital, hooks):
    """One more of a hospital, of which it has asked for a trial."""
    there = f"http://{HOST}:{hooks.port}/hospitals/{hospital.slug}"
    made = hospital.client.post("notification", "/v1/endpoints", {"kind": "webhook", "url": there})
    hooks.secrets[hospital.slug] = made["secret"]
    hospital.client.post("notification", f"/v1/endpoints/{made['id']}/test")
    return made["id"]


def remove(client, endpoint):
    there = f"/v1/endpoints/{endpoint}"
    client._ask("DELETE", "notification", there, headers={"If-Match": client._send("GET", "notification", there).headers["ETag"]})


def test_a_fact_that_was_heard_too_late_raises_the_alarm_until_somebody_says_that_it_is_still_worth_telling(stack, tmp_path):
    before = scrape(stack)
    with stack.changed("notification-work", WITHHELD_AFTER="1ms"):  # as if what was heard were of yesterday
        reference = posted(stack)
        told(lambda: value(stack, "notification", "facts_withheld") == 3, what="what is told to the patient and to two hospitals")
        all_is_told(stack)
        during = scrape(stack)
    mend("FactsWithheld", "notification")
    stack.nothing_is_missing(reference, deliveries=DELIVERIES)
    scraping.assert_fires(tmp_path, "FactsWithheld", before, during, scrape(stack))
