"""One hospital takes from no other: neither connections, nor by asking for more than its share to be sent again."""

import dataclasses
import threading
from datetime import timedelta

import pytest

from services.notification import holds
from services.notification.deliveries.claims import begin_attempts, claim_due
from services.notification.deliveries.schedules import HOSPITAL_IN_FLIGHT, failing_share
from services.notification.endpoints import new_secret
from shared.problems import Conflict
from tests.notification import facts
from tests.notification.house import open_door

DELIVERIES, ENDPOINTS = "/v1/deliveries", "/v1/endpoints"


@pytest.fixture
def narrow_door(house, jwks_url):
    """Where a hospital may ask for little."""
    few = {"sends_per_hospital": "3/hour", "webhooks_again_per_day": 2}
    with open_door(dataclasses.replace(house.settings, jwks_url=jwks_url, **few)) as made:
        yield made


def claimed(house, most=16):
    with house.transaction() as session:
        found = claim_due(session, channel="webhook", most=most)
        begin_attempts(session, found)
        return [one.recipient_id for one in found]


def hooks(house, hospital, count):
    for number in range(count):
        house.endpoint(hospital, "webhook", f"http://127.0.0.1:9/{number}", secret=new_secret())


def span_of(delivery):
    return {"since": delivery.created_at.isoformat(), "until": (delivery.created_at + timedelta(minutes=5)).isoformat()}


# -- connections --------------------------------------------------------------


def test_a_hospital_with_many_endpoints_that_hang_leaves_connections_to_others(house, hospital):
    other = house.hospital()
    hooks(house, hospital, 8)
    hooks(house, other, 1)
    for _ in range(2):
        house.hear(facts.sent(hospital))
    assert claimed(house) == [hospital] * HOSPITAL_IN_FLIGHT
    assert claimed(house) == []
    house.hear(facts.sent(other))
    assert claimed(house) == [other]


def test_the_first_of_every_hospital_comes_before_the_second_of_any(house, hospital):
    other = house.hospital()
    hooks(house, hospital, 3)
    hooks(house, other, 1)
    house.hear(facts.sent(hospital))
    house.hear(facts.sent(other))
    assert set(claimed(house, most=2)) == {hospital, other}


def test_mails_of_a_hospital_take_nothing_from_its_webhooks(house, hospital):
    hooks(house, hospital, 2)
    for number in range(HOSPITAL_IN_FLIGHT):
        house.endpoint(hospital, "email", f"desk{number}@hospital.test")
    house.hear(facts.sent(hospital))
    with house.transaction() as session:
        assert len(claim_due(session, channel="email", most=16)) == HOSPITAL_IN_FLIGHT
    assert claimed(house) == [hospital] * 2


def hang(house, receiver, hospitals, *, failures):
    """Each of them has more endpoints that never answer than it may have connections, and each of these has something to be told."""
    for number, hospital in enumerate(hospitals):
        for hook in range(HOSPITAL_IN_FLIGHT):
            path = f"/hang/{number}/{hook}"
            receiver.plans[path] = ["hang"] * 5
            house.endpoint(hospital, "webhook", receiver.url(path), secret=new_secret())
        house.hear(facts.sent(hospital))
    house.execute("UPDATE endpoints SET failures = :failures, first_failure_at = clock_timestamp()", failures=failures)


def test_hospitals_that_hang_again_leave_connections_to_those_that_answer(house, receiver):
    """As many as would hold every connection of a worker; the first time nobody can know."""
    hanging, healthy = [house.hospital() for _ in range(4)], house.hospital()
    hang(house, receiver, hanging, failures=1)
    house.endpoint(healthy, "webhook", receiver.url("/well"), secret=new_secret())
    house.work(lambda: receiver.hanging == failing_share(house.settings.webhook_connections) == 8)
    for _ in range(3):
        house.hear(facts.sent(healthy))
    house.work(lambda: len(receiver.at("/well")) == 3)
    assert receiver.hanging == 8
    receiver.let_go.set()
    house.work(lambda: house.states() == ["accepted"] * 19, what="the rest, when they answer")


def test_an_endpoint_that_fails_stands_behind_the_others_of_its_hospital(house, hospital):
    hooks(house, hospital, HOSPITAL_IN_FLIGHT)
    house.execute("UPDATE endpoints SET failures = 1")
    well = house.endpoint(hospital, "webhook", "http://127.0.0.1:9/well", secret=new_secret())
    house.hear(facts.sent(hospital))
    with house.transaction() as session:
        assert [one.endpoint_id for one in claim_due(session, channel="webhook", most=16, failing=0)] == [well]


# -- sent again ---------------------------------------------------------------


def test_what_is_sent_again_is_counted_by_delivery_and_beyond_the_limit_nothing_is_planned(house, narrow_door, hospital, hook):
    for _ in range(2):
        house.hear(facts.sent(hospital))
    first, _ = house.settled(2)
    token = narrow_door.token(f"hospital:{hospital}")
    assert narrow_door.send("POST", f"{ENDPOINTS}/{hook}/replay", span_of(first), token=token).status_code == 202
    refused = narrow_door.send("POST", f"{ENDPOINTS}/{hook}/replay", span_of(first), token=token)
    assert (refused.status_code, refused.json["type"], refused.json["limit"]) == (429, "/problems/too-many-requests", 2)
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert narrow_door.send("POST", f"{DELIVERIES}/{first.id}/resend", token=token).status_code == 429
    assert len(house.deliveries()) == 4


def test_another_account_of_the_hospital_is_no_way_round_the_limit(narrow_door, house, hospital, hook):
    asked = [narrow_door.send("POST", f"{ENDPOINTS}/{hook}/test", token=narrow_door.token(f"hospital:{hospital}")) for _ in range(4)]
    assert [answer.status_code for answer in asked] == [202, 202, 202, 429]
    other = house.hospital()
    assert narrow_door.send("GET", ENDPOINTS, token=narrow_door.token(f"hospital:{other}")).status_code == 200


def test_what_was_for_an_address_is_not_sent_again_to_one_that_nobody_has_proved(house, door, hospital):
    endpoint = house.endpoint(hospital, "email", "desk@hospital.test")
    house.hear(facts.sent(hospital))
    (row,) = house.settled()
    token = door.token(f"hospital:{hospital}")
    assert (
        door.send("PATCH", f"{ENDPOINTS}/{endpoint}", {"address": "victim@elsewhere.example"}, token=token, if_match=1).status_code == 200
    )
    for path, body in ((f"{ENDPOINTS}/{endpoint}/replay", span_of(row)), (f"{DELIVERIES}/{row.id}/resend", None)):
        refused = door.send("POST", path, body, token=token)
        assert (refused.status_code, refused.json["state"]) == (409, "unproved")
    assert house.states(template="invitation_sent") == ["accepted"]


# -- operations ---------------------------------------------------------------


def test_of_two_holds_of_the_same_that_are_made_at_once_one_is_made_and_the_other_hears_why(house):
    ended, ready = [], threading.Barrier(2)

    def hold():
        with house.transaction() as session:
            session.connection()
            ready.wait(20)
            try:
                holds.hold(session, kind="template", value="endpoint_test", actor="test", because="trying")
                ended.append("held")
            except Conflict as refused:
                ended.append(refused.detail["state"])

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == ["held", "held"]
    assert house.scalar("SELECT count(*) FROM holds") == 1
