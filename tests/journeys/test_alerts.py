"""Alerts on everything running: each fault raises its alarm by what the services themselves say, and the runbook's own commands end it."""

import re
from pathlib import Path

import pytest

from devstack import mother
from devstack.client import Client, Refused
from tests.journeys.alarms import all_is_told, execute, mend, posted, scrape, shell, told, value
from tests.operations import promtool, scraping
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout


def test_every_figure_that_an_alert_or_the_dashboard_reads_is_told_by_a_service(stack):
    said = "\n".join(text for text in scraping.pages(stack.place).values() if text)
    families = set(re.findall(r"^# TYPE (\S+)", said, re.MULTILINE))
    dashboard = (Path("deploy") / "grafana" / "dashboard.json").read_text(encoding="utf-8")
    expressions = [rule["expr"] for rule in promtool.alerts().values()] + [
        expression.replace('\\"', '"') for expression in re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', dashboard)
    ]
    read = set().union(*map(scraping.metrics_of, expressions)) - {"up"}
    assert len(read) > 25
    assert {name for name in read if re.sub(r"_(bucket|count|sum)$", "", name) not in families} == set()


def test_a_record_that_the_broker_refuses_raises_the_alarm_until_it_is_tried_again(stack, tmp_path):
    all_is_told(stack)
    before = scrape(stack)
    client = stack.client()
    with stack.without("enquiry-work"):
        reference = client.post("enquiry", "/v1/enquiries", stack.body()[0])["reference"]
        ((record, held),) = stack.sql("enquiry", "SELECT id, value FROM outbox WHERE topic = 'enquiry.events' ORDER BY id LIMIT 1")
        execute(stack, "enquiry", "UPDATE outbox SET value = convert_to(repeat('x', 600000), 'UTF8') WHERE id = %s", record)
    told(lambda: value(stack, "enquiry", "outbox_blocked") == 1, what="a blocked record")
    execute(stack, "enquiry", "UPDATE outbox SET recorded_at = recorded_at - interval '5 minutes'")  # as if it had stood there for long
    execute(stack, "enquiry", "UPDATE outbox_awaiting SET recorded_at = recorded_at - interval '5 minutes'")
    during = scrape(stack)
    execute(stack, "enquiry", "UPDATE outbox SET value = %s WHERE id = %s", held, record)  # the cause is mended
    assert "1 to be tried again" in mend("OutboxBlocked")
    stack.nothing_is_missing(reference, deliveries=5)
    after = scrape(stack)
    for alert in ("OutboxBlocked", "OutboxWaits", "FactsUnaccounted"):
        scraping.assert_fires(tmp_path, alert, before, during, after)


def test_a_mail_of_which_nobody_knows_whether_it_arrived_raises_the_alarm_until_somebody_decides(stack, tmp_path):
    before = scrape(stack)
    client = stack.client()
    reference = client.post("enquiry", "/v1/enquiries", stack.body()[0])["reference"]
    stack.nothing_is_missing(reference, deliveries=5)
    ((case,),) = stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = %s", reference)
    stack.operations.post("enquiry", f"/v1/enquiries/{reference}/withdraw", {"because": "a drill"})
    sent = "SELECT id FROM deliveries WHERE case_id = %s AND template = 'enquiry_withdrawn' AND state = 'accepted' AND channel = 'email'"
    until(lambda: stack.sql("notification", sent, case), seconds=240, what="the mail about the end")
    ((delivery,),) = stack.sql("notification", sent, case)
    with stack.without("notification-work"):  # it died between the final dot and the answer
        execute(stack, "notification", "UPDATE attempts SET finished_at = NULL, result = NULL WHERE delivery_id = %s", delivery)
        execute(stack, "notification", "UPDATE deliveries SET state = 'sending', settled_at = NULL, token = gen_random_uuid(), lease_until = now() WHERE id = %s", delivery)  # fmt: skip
    told(lambda: value(stack, "notification", "deliveries_uncertain") == 1, what="an uncertain mail")
    during = scrape(stack)
    assert "left as it is" in mend("DeliveriesUncertain")
    after = scrape(stack)
    scraping.assert_fires(tmp_path, "DeliveriesUncertain", before, during, after)


def test_a_broker_that_is_away_raises_the_alarm_until_it_is_started(stack, tmp_path):
    all_is_told(stack)
    before, client = scrape(stack), stack.client()
    stack.broker.kill()
    try:
        reference = client.post("enquiry", "/v1/enquiries", stack.body()[0])["reference"]
        failures = scraping.series("relay_failures_total", {"service": "enquiry", "role": "work", "instance": "enquiry-work"})
        until(lambda: scrape(stack).values[failures] > before.values[failures], seconds=120, what="a batch that was not taken")
        assert "wrong    broker" in shell(".devstack/passage enquiry doctor broker || true")
        during = scrape(stack)
    finally:
        stack.broker.start()
        stack.broker.wait_until_ready()
    stack.nothing_is_missing(reference, deliveries=5)
    mend("BrokerAway")
    after = scrape(stack)
    stack.nothing_is_missing(posted(stack, client), deliveries=5)
    scraping.assert_fires(tmp_path, "BrokerAway", before, during, after, later=scrape(stack))


def test_a_worker_that_is_not_running_raises_the_alarm_until_it_is_started(stack, tmp_path):
    all_is_told(stack)
    before = scrape(stack)
    with stack.without("enquiry-work"):
        told(lambda: value(stack, "enquiry", "relay_leads") == 0, what="nobody who leads")
        assert "wrong    relay" in shell(".devstack/passage enquiry doctor relay || true")
        execute(
            stack, "enquiry", "UPDATE heartbeats SET beaten_at = beaten_at - interval '15 minutes'"
        )  # as if it had been away for as long
        during = scrape(stack)
    told(lambda: value(stack, "enquiry", "relay_leads") == 1, what="a leader")
    told(lambda: (page := scraping.pages(stack.place)["enquiry", "work"]) and 'loop="erasures"' in page, what="turning loops")
    mend("RelayWithoutLeader")
    told(lambda: value(stack, "enquiry", "heartbeat_late_seconds", topic="enquiry.patients") < 60, what="a heartbeat")
    mend("HeartbeatLate")
    after = scrape(stack)
    for alert in ("RelayWithoutLeader", "LoopsMissing", "ServiceDown", "HeartbeatLate"):
        scraping.assert_fires(tmp_path, alert, before, during, after)


def test_a_key_that_opens_nothing_raises_the_alarm_until_it_is_back(stack, tmp_path):
    before = scrape(stack)
    body, address = stack.body()
    reference = stack.client().post("enquiry", "/v1/enquiries", body)["reference"]
    patient = Client(stack.place)
    patient.sign_in(case_link=mother.token_in(stack.mail(address, "/l/case/"), "case"))
    ((person, key),) = stack.sql("enquiry", "SELECT p.id, wrapped_key FROM patients p JOIN enquiries e ON e.patient_id = p.id WHERE reference = %s", reference)  # fmt: skip
    execute(
        stack,
        "enquiry",
        "UPDATE patients SET wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 255) WHERE id = %s",
        person,
    )
    with pytest.raises(Refused, match=" 500 "):
        patient.get("enquiry", f"/v1/enquiries/{reference}")
    assert "wrong    keys" in shell(".devstack/passage enquiry doctor keys || true")
    during = scrape(stack)
    execute(stack, "enquiry", "UPDATE patients SET wrapped_key = %s WHERE id = %s", key, person)
    mend("SealsBroken")
    mend("RequestsFail")
    after = scrape(stack)
    patient.get("enquiry", f"/v1/enquiries/{reference}")
    later = scrape(stack)
    for alert in ("SealsBroken", "RequestsFail"):
        scraping.assert_fires(tmp_path, alert, before, during, after, later=later)


def test_a_restored_database_is_not_ready_until_the_journal_was_applied(stack, tmp_path):
    before = scrape(stack)
    execute(stack, "enquiry", "INSERT INTO restorations DEFAULT VALUES")
    during = scrape(stack)
    said = shell('.devstack/passage enquiry doctor journal || true; curl -sS "$ENQUIRY/health/ready"')
    assert "docs/runbook.md#restoreddatabase" in said
    assert said.count("apply the journal of erasures first") == 2
    shell(".devstack/passage enquiry erasure-journal | .devstack/passage enquiry erasure-journal --apply -")
    mend("NotReady")
    scraping.assert_fires(tmp_path, "NotReady", before, during, scrape(stack))
