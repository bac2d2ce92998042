"""What a hospital sees over HTTP of what it was sent, and sending it again."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notification.deliveries import records
from shared import crypto
from tests.notification import facts
from tests.notification.house import OPS, case

ENDPOINTS, DELIVERIES = "/v1/endpoints", "/v1/deliveries"


@pytest.fixture
def hook(door, token, receiver):
    answer = door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token)
    assert answer.status_code == 201, answer.json
    return answer.json


def test_the_log_shows_a_delivery_with_its_attempts_and_the_beginning_of_each_reply(house, door, token, hospital, hook, receiver):
    receiver.plans["/hook"] = [(503, {}, b"down for a moment")]
    house.hear(facts.sent(hospital))
    (row,) = house.settled()
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    shown = door.send("GET", f"{DELIVERIES}/{row.id}", token=token).json
    assert (shown["state"], shown["template"], shown["endpoint_id"]) == ("accepted", "invitation_sent", hook["id"])
    assert [(one["number"], one["result"], one["status"], one["reply"]) for one in shown["attempts"]] == [
        (1, "temporary", 503, "down for a moment"),
        (2, "accepted", 200, "noted"),
    ]
    (logged,) = door.send("GET", DELIVERIES, token=token).json["items"]
    assert (logged["id"], logged["attempts"]) == (str(row.id), 2)


def test_the_log_is_paged_newest_first_without_gaps_or_doubles(house, door, token, hospital, hook):
    for _ in range(7):
        house.hear(facts.sent(hospital))
    found, after = [], ""
    while True:
        page = door.send("GET", f"{DELIVERIES}?limit=3{after}", token=token).json
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == [str(row.id) for row in reversed(house.deliveries())]


def test_the_log_is_filtered_by_state_endpoint_and_time(house, door, token, hook, delivery):
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, count in {
        "state=accepted": 1,
        "state=failed": 0,
        f"endpoint={hook['id']}": 1,
        f"endpoint={crypto.new_id()}": 0,
        "since=2026-01-01T00:00:00Z": 1,
        f"since={later}": 0,
    }.items():
        assert len(door.send("GET", f"{DELIVERIES}?{query}", token=token).json["items"]) == count, query


WRONG_QUERIES = (
    "limit=0",
    "limit=101",
    "limit=x",
    "after=zz",
    "after=%C3%A9",
    "state=gone",
    "endpoint=1",
    "since=2026-01-01",
    "colour=red",
)


def test_a_question_to_the_log_that_is_wrong_is_refused(door, token):
    for query in WRONG_QUERIES:
        assert door.send("GET", f"{DELIVERIES}?{query}", token=token).status_code == 422, query


def test_a_delivery_that_has_ended_is_sent_again_under_the_same_id(house, door, token, delivery, receiver):
    answer = door.send("POST", f"{DELIVERIES}/{delivery.id}/resend", token=token)
    assert (answer.status_code, answer.json["again_of"], answer.json["message_id"]) == (202, str(delivery.id), str(delivery.message_id))
    house.work(lambda: house.states() == ["accepted", "accepted"])
    assert len({one.headers["webhook-id"] for one in receiver.at()}) == 1


def test_a_delivery_that_is_still_under_way_is_not_sent_again(house, door, token, hospital, hook):
    house.hear(facts.sent(hospital))
    answer = door.send("POST", f"{DELIVERIES}/{house.deliveries()[0].id}/resend", token=token)
    assert (answer.status_code, answer.json["type"], answer.json["state"]) == (409, "/problems/delivery-not-resendable", "pending")


def span(since, until):
    return {"since": since.isoformat(), "until": until.isoformat()}


def test_a_span_of_time_is_replayed(house, door, token, hook, delivery, receiver):
    door.send("POST", f"{ENDPOINTS}/{hook['id']}/test", token=token)  # a test is not replayed
    house.settled(2)
    answer = door.send(
        "POST",
        f"{ENDPOINTS}/{hook['id']}/replay",
        span(delivery.created_at, delivery.created_at + timedelta(minutes=5)),
        token=token,
    )
    assert (answer.status_code, len(answer.json["deliveries"])) == (202, 1)
    house.work(lambda: house.states() == ["accepted"] * 3)


def test_a_span_is_at_most_seven_days_and_in_order(door, token, hook):
    now = datetime.now(UTC)
    for days in (-1, 0, 7.001):
        answer = door.send("POST", f"{ENDPOINTS}/{hook['id']}/replay", span(now, now + timedelta(days=days)), token=token)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/until"), days


def test_a_span_of_more_than_a_thousand_is_refused_and_nothing_is_planned(house, door, token, hook, delivery):
    copied = ", ".join(
        f"d.{name}"
        for name in ("event_at", "recipient", "recipient_id", "endpoint_id", "channel", "template", "params", "message_id", "state")
    )
    house.execute(
        f"INSERT INTO deliveries (id, {copied.replace('d.', '')}, due_at, expires_at, created_at)"
        f" SELECT gen_random_uuid(), {copied}, d.due_at, d.expires_at, d.created_at FROM deliveries d, generate_series(1, {records.MOST_REPLAYED})"
    )
    answer = door.send(
        "POST",
        f"{ENDPOINTS}/{hook['id']}/replay",
        span(delivery.created_at, delivery.created_at + timedelta(minutes=5)),
        token=token,
    )
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/until")
    assert house.scalar("SELECT count(*) FROM deliveries WHERE again_of IS NOT NULL") == 0


def test_what_is_sent_to_patients_and_operations_is_not_in_a_hospitals_log(house, door, token, hospital, hook):
    house.hear(facts.lapsed(hospital, case(house.patient())))
    house.work(lambda: house.mail.to(OPS))
    assert {one["template"] for one in door.send("GET", DELIVERIES, token=token).json["items"]} == {"invitation_lapsed"}
    mine = [row for row in house.deliveries() if row.recipient != "hospital"]
    assert len(mine) == 2
    for row in mine:
        assert door.send("GET", f"{DELIVERIES}/{row.id}", token=token).status_code == 404
