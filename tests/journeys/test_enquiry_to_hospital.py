"""From the form to the mailbox and the webhook, on real parts, while parts of it are away or killed."""

import threading

import pytest
import requests

from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

# verification, opening, and for each of two hospitals a mail and a webhook
ALL = 1 + 1 + 2 * 2
TRUSTED = ALL - 1


def test_an_enquiry_reaches_the_patient_and_each_hospital(stack):
    body, address = stack.body()
    made = stack.visitor.post("enquiry", "/v1/enquiries", body)
    assert made["state"] == "pending_verification"
    assert stack.prove(address)["state"] == "open"
    stack.mail(address, "/l/case/")
    until(lambda: stack.webhooks(made["reference"]) == set(stack.slugs), what="a verified webhook at each hospital")
    stack.nothing_is_missing(made["reference"], deliveries=ALL)


def test_a_trusted_clients_enquiry_is_open_at_once(stack):
    body, address = stack.body()
    made = stack.client().post("enquiry", "/v1/enquiries", body)
    assert made["state"] == "open"
    stack.mail(address, "/l/case/")
    stack.nothing_is_missing(made["reference"], deliveries=TRUSTED)


def test_enquiries_are_taken_while_the_catalog_is_down(stack):
    body, address = stack.body()
    with stack.without("catalog-serve", "catalog-work"):
        made = stack.visitor.post("enquiry", "/v1/enquiries", body)
        stack.prove(address)
        stack.nothing_is_missing(made["reference"], deliveries=ALL)


def test_enquiries_are_taken_while_notification_is_down_and_told_when_it_is_up_again(stack):
    body, _ = stack.body()
    client = stack.client()
    with stack.without("notification-serve", "notification-work"):
        made = client.post("enquiry", "/v1/enquiries", body)
        assert made["state"] == "open"
    stack.nothing_is_missing(made["reference"], deliveries=TRUSTED)


def test_enquiries_are_taken_while_the_broker_is_down_and_told_when_it_is_up_again(stack):
    body, _ = stack.body()
    client = stack.client()
    stack.broker.stop()
    try:
        made = client.post("enquiry", "/v1/enquiries", body)
        assert made["state"] == "open"
        assert stack.sql("enquiry", "SELECT count(*) FROM outbox WHERE topic = 'enquiry.events'")[0][0] > 0
        stack.crash("enquiry-work")  # both start before their broker, and wait for it
        stack.crash("notification-work")
    finally:
        stack.broker.start()
        stack.broker.wait_until_ready()
    stack.nothing_is_missing(made["reference"], deliveries=TRUSTED)


def test_workers_killed_in_mid_flight_lose_nothing(stack):
    client, references = stack.client(), []
    stop = threading.Event()

    def send():
        while not stop.wait(0.1):
            references.append(client.post("enquiry", "/v1/enquiries", stack.body()[0])["reference"])

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for name in ("enquiry-work", "notification-work", "enquiry-work", "notification-work"):
            before = len(references)
            until(lambda before=before: len(references) >= before + 5, what="five more enquiries")
            stack.crash(name)
    finally:
        stop.set()
        sender.join()
    until(lambda: stack.sql("enquiry", "SELECT count(*) FROM outbox") == [(0,)], seconds=300, what="an empty outbox")
    until(lambda: stack.sql("enquiry", "SELECT count(*) FROM outbox_awaiting") == [(0,)], seconds=300, what="an outcome for each fact")
    ids = {row[0] for row in stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = ANY(%s)", references)}
    assert len(ids) == len(references) >= 20

    def unsettled():
        rows = stack.sql("notification", "SELECT state, count(*) FROM deliveries WHERE case_id = ANY(%s) GROUP BY state", list(ids))
        counts = dict(rows)
        done = counts.get("accepted", 0) + counts.get("uncertain", 0)
        return done == TRUSTED * len(references) and set(counts) <= {"accepted", "uncertain"}

    until(unsettled, seconds=300, what="an end for each delivery")
    as_acked = 'SELECT key, version, sequence, partition FROM outbox_archive WHERE key = ANY(%s) ORDER BY partition, "offset"'
    rows = stack.sql("enquiry", as_acked, list(ids))
    for case in ids:
        order = [(version, sequence) for key, version, sequence, _ in rows if key == case]
        assert order == sorted(order)
        assert len({partition for key, _, _, partition in rows if key == case}) == 1


def test_the_same_post_ten_times_in_parallel_makes_one_enquiry(stack):
    body, address = stack.body()
    answers = []

    def send():
        headers = {"Idempotency-Key": f"parallel-{address}"}
        answer = requests.post(f"{stack.place.http('enquiry')}/v1/enquiries", json=body, headers=headers, timeout=120)
        answers.append((answer.status_code, answer.json().get("reference")))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} <= {201, 409}
    (reference,) = {found for status, found in answers if status == 201}
    stack.mail(address, "/l/verify/")
    stack.nothing_is_missing(reference, deliveries=1)


def test_every_process_ends_in_good_order(stack):
    with stack.without("catalog-serve", "catalog-work", "enquiry-serve", "enquiry-work", "notification-serve", "notification-work"):
        pass


def test_one_trace_leads_from_the_request_to_the_deliveries(stack):
    body, address = stack.body()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"Idempotency-Key": f"trace-{address}", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    made = requests.post(f"{stack.place.http('enquiry')}/v1/enquiries", json=body, headers=headers, timeout=120).json()
    stack.mail(address, "/l/verify/")
    ((case_id,),) = stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = %s", made["reference"])
    ((recorded,),) = stack.sql(
        "enquiry", "SELECT headers ->> 'ce_traceparent' FROM outbox_archive WHERE key = %s AND type = 'enquiry.submitted.v1'", case_id
    )
    ((delivered,),) = stack.sql("notification", "SELECT traceparent FROM deliveries WHERE case_id = %s", case_id)
    assert recorded.split("-")[1] == delivered.split("-")[1] == trace
