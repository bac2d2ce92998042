"""What a hospital does over HTTP: its endpoints and its log of deliveries. Another hospital's do not exist."""

import base64
from datetime import UTC, datetime

import pytest

from services.notification.contacts.endpoints import MOST
from shared import crypto
from shared.events.notification import EndpointState
from tests.notification import facts

ENDPOINTS, DELIVERIES = "/v1/endpoints", "/v1/deliveries"


@pytest.fixture
def hook(door, token, receiver):
    answer = door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token)
    assert answer.status_code == 201, answer.json
    return answer.json


# -- registering --------------------------------------------------------------


def test_a_webhook_is_registered_and_its_secret_is_shown_once(house, door, token, hook):
    assert hook["secret"].startswith("whsec_")
    assert 24 <= len(base64.b64decode(hook["secret"].removeprefix("whsec_"))) <= 64
    shown = door.send("GET", f"{ENDPOINTS}/{hook['id']}", token=token)
    assert shown.json == {name: value for name, value in hook.items() if name != "secret"}
    assert shown.headers["ETag"] == '"1"'
    assert hook["secret"] not in door.send("GET", ENDPOINTS, token=token).text


def test_an_email_address_is_registered_and_has_no_secret(door, token):
    answer = door.send("POST", ENDPOINTS, {"kind": "email", "address": "enquiries@hospital.example"}, token=token)
    assert answer.status_code == 201
    assert (answer.json["address"], answer.json["url"], answer.json["secret"], answer.json["state"]) == (
        "enquiries@hospital.example", None, None, "unproved",
    )  # fmt: skip


def test_enquiry_hears_by_which_ways_a_hospital_can_be_reached(house, door, token, hospital, hook):
    house.endpoint(hospital, "email", "enquiries@hospital.example")
    door.send("DELETE", f"{ENDPOINTS}/{hook['id']}", token=token, if_match=1)
    said = house.said(EndpointState)
    assert {one.id for one in said} == {hospital}
    assert [(one.version, one.webhook, one.email) for one in said] == [(1, True, False), (2, True, True), (3, False, True)]


def test_the_same_registration_sent_twice_makes_one_endpoint_and_answers_the_same(door, token, receiver):
    answers = [door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token, key="once") for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len(door.send("GET", ENDPOINTS, token=token).json) == 1


def test_registering_needs_an_idempotency_key(door, token, receiver):
    answer = door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token, key=None)
    assert (answer.status_code, answer.json["type"]) == (400, "/problems/idempotency-key-missing")


def test_a_hospital_has_ten_endpoints_at_most_and_deleted_ones_do_not_count(door, token, receiver):
    made = [door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token) for _ in range(MOST + 1)]
    assert [one.status_code for one in made] == [201] * MOST + [409]
    assert made[-1].json["type"] == "/problems/limit-reached"
    door.send("DELETE", f"{ENDPOINTS}/{made[0].json['id']}", token=token, if_match=1)
    assert door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token).status_code == 201


BAD = {
    "no kind": {"url": "https://hospital.example/x"},
    "another kind": {"kind": "fax", "url": "https://hospital.example/x"},
    "no place": {"kind": "webhook"},
    "an address for a webhook": {"kind": "webhook", "url": "https://hospital.example/x", "address": "a@hospital.example"},
    "a url for a mail": {"kind": "email", "url": "https://hospital.example/x"},
    "unknown field": {"kind": "webhook", "url": "https://hospital.example/x", "secret": "mine"},
    "no address": {"kind": "email", "address": "nobody"},
    "header in the address": {"kind": "email", "address": "a@hospital.example\r\nBcc: b@c.example"},
    "two addresses": {"kind": "email", "address": "a@hospital.example, b@hospital.example"},
    "another scheme": {"kind": "webhook", "url": "file:///etc/passwd"},
    "no host": {"kind": "webhook", "url": "https:///x"},
    "user and password": {"kind": "webhook", "url": "https://user:word@hospital.example/"},
    "fragment": {"kind": "webhook", "url": "https://hospital.example/#x"},
    "space": {"kind": "webhook", "url": "https://hospital.example/a b"},
    "half an IPv6 address": {"kind": "webhook", "url": "https://[::1/"},
    "a port that is none": {"kind": "webhook", "url": "https://hospital.example:99999/"},
    "a port that is no number": {"kind": "webhook", "url": "https://hospital.example:http/"},
    "too long": {"kind": "webhook", "url": "https://hospital.example/" + "x" * 2000},
    "a number": {"kind": "webhook", "url": 7},
    "a list": [],
}


def test_a_registration_that_is_wrong_is_refused_and_changes_nothing(house, door, token):
    for name, body in BAD.items():
        answer = door.send("POST", ENDPOINTS, body, token=token)
        assert answer.status_code == 422, name
        assert answer.json["errors"], name
        assert all(error["pointer"].startswith("#") for error in answer.json["errors"]), name
    assert house.scalar("SELECT count(*) FROM endpoints") == 0


# -- changing -----------------------------------------------------------------


def test_a_change_of_place_is_where_the_next_alert_goes(house, door, token, hospital, hook, receiver):
    answer = door.send("PATCH", f"{ENDPOINTS}/{hook['id']}", {"url": receiver.url("/new")}, token=token, if_match=1)
    assert (answer.status_code, answer.json["url"], answer.json["version"], answer.headers["ETag"]) == (200, receiver.url("/new"), 2, '"2"')
    house.hear(facts.sent(hospital))
    house.settled()
    assert len(receiver.at("/new")) == 1
    assert receiver.at("/hook") == []


def test_a_pause_and_its_end_are_told_and_what_came_meanwhile_goes_then(house, door, token, hospital, hook, receiver):
    paused = door.send("PATCH", f"{ENDPOINTS}/{hook['id']}", {"paused": True}, token=token, if_match=1)
    assert paused.json["state"] == "paused"
    house.hear(facts.sent(hospital))
    assert house.states() == ["pending"]
    assert door.send("PATCH", f"{ENDPOINTS}/{hook['id']}", {"paused": False}, token=token, if_match=2).json["state"] == "active"
    house.work(lambda: house.states() == ["accepted"])
    assert [one.webhook for one in house.said(EndpointState)] == [True, False, True]


def test_a_disabled_endpoint_that_is_changed_is_active_again(house, door, token, hook):
    house.execute("UPDATE endpoints SET disabled_at = clock_timestamp(), disabled_because = 'it answered 410 Gone', failures = 30")
    assert door.send("GET", f"{ENDPOINTS}/{hook['id']}", token=token).json["state"] == "disabled"
    changed = door.send("PATCH", f"{ENDPOINTS}/{hook['id']}", {"paused": False}, token=token, if_match=1).json
    assert (changed["state"], changed["failures"], changed["disabled_because"]) == ("active", 0, None)


def test_an_address_that_was_refused_gets_mail_again_when_its_hospital_says_that_it_is_right(house, door, token, hospital):
    made = {"id": house.endpoint(hospital, "email", "desk@hospital.example")}
    house.mail.plans["desk@hospital.example"] = ["550 5.1.1 no such user"]
    house.hear(facts.sent(hospital))
    house.work(lambda: "failed" in house.states())
    version = door.send("GET", f"{ENDPOINTS}/{made['id']}", token=token).json["version"]
    door.send("PATCH", f"{ENDPOINTS}/{made['id']}", {"address": "desk@hospital.example"}, token=token, if_match=version)
    house.hear(facts.sent(hospital))
    house.work(lambda: len(house.mail.to("desk@hospital.example")) == 1)


WRONG_CHANGES = [
    {"address": "a@hospital.example"},
    {"url": "ftp://x/"},
    {"url": "https://[::1/"},
    {"paused": "perhaps"},
    {"state": "active"},
]


def test_a_change_that_is_wrong_is_refused_and_changes_nothing(door, token, hook):
    for changes in WRONG_CHANGES:
        answer = door.send("PATCH", f"{ENDPOINTS}/{hook['id']}", changes, token=token, if_match=1)
        assert answer.status_code == 422, changes
    assert door.send("GET", f"{ENDPOINTS}/{hook['id']}", token=token).json["version"] == 1


CHANGES = [("PATCH", "", {"paused": True}), ("DELETE", "", None), ("POST", "/rotate-secret", None)]


def test_a_change_needs_the_version_it_is_based_on(door, token, hook):
    for method, path, body in CHANGES:
        place = f"{ENDPOINTS}/{hook['id']}{path}"
        assert door.send(method, place, body, token=token).status_code == 428, (method, path)
        for stale in (0, 2, "x"):
            assert door.send(method, place, body, token=token, if_match=stale).status_code == 412, (method, path, stale)
    assert door.send("GET", f"{ENDPOINTS}/{hook['id']}", token=token).json["version"] == 1


def test_a_removed_endpoint_is_gone_and_nothing_of_its_place_is_kept(house, door, token, hospital, hook):
    house.hear(facts.sent(hospital))
    assert door.send("DELETE", f"{ENDPOINTS}/{hook['id']}", token=token, if_match=1).status_code == 204
    assert door.send("GET", f"{ENDPOINTS}/{hook['id']}", token=token).status_code == 404
    assert door.send("GET", ENDPOINTS, token=token).json == []
    kept = "SELECT sealed_address, address_hash, sealed_secret, sealed_previous_secret FROM endpoints"
    assert house.execute(kept).all() == [(None, None, None, None)]
    house.work(lambda: house.states() == ["disabled"], sweep=True)


def test_a_rotated_secret_is_another_one_shown_once(door, token, hook):
    answer = door.send("POST", f"{ENDPOINTS}/{hook['id']}/rotate-secret", token=token, if_match=1)
    assert answer.status_code == 200
    assert answer.json["secret"] not in {None, hook["secret"]}
    assert answer.json["version"] == 2


def test_a_mail_address_has_no_secret_to_rotate(door, token):
    made = door.send("POST", ENDPOINTS, {"kind": "email", "address": "a@hospital.example"}, token=token).json
    assert door.send("POST", f"{ENDPOINTS}/{made['id']}/rotate-secret", token=token, if_match=1).status_code == 409


# -- trying it out ------------------------------------------------------------


def test_a_test_is_a_signed_webhook_that_shows_in_the_log(house, door, token, hook, receiver):
    answer = door.send("POST", f"{ENDPOINTS}/{hook['id']}/test", token=token)
    assert answer.status_code == 202
    (delivery,) = answer.json["deliveries"]
    house.settled()
    (taken,) = receiver.at()
    assert b'"type":"endpoint.test"' in taken.body
    assert taken.headers["webhook-id"] == delivery
    assert door.send("GET", f"{DELIVERIES}/{delivery}", token=token).json["state"] == "accepted"


def test_a_test_of_a_mail_address_is_a_mail(house, door, token, hospital):
    made = {"id": house.endpoint(hospital, "email", "desk@hospital.example")}
    door.send("POST", f"{ENDPOINTS}/{made['id']}/test", token=token)
    house.work(lambda: house.mail.to("desk@hospital.example"))


def test_a_paused_endpoint_is_not_tested(door, token, hook):
    door.send("PATCH", f"{ENDPOINTS}/{hook['id']}", {"paused": True}, token=token, if_match=1)
    assert door.send("POST", f"{ENDPOINTS}/{hook['id']}/test", token=token).status_code == 409


def span(since, until):
    return {"since": since.isoformat(), "until": until.isoformat()}


# -- who may ------------------------------------------------------------------

PLACES = [
    ("POST", "/v1/endpoints"),
    ("GET", "/v1/endpoints"),
    ("GET", "/v1/endpoints/{endpoint}"),
    ("PATCH", "/v1/endpoints/{endpoint}"),
    ("DELETE", "/v1/endpoints/{endpoint}"),
    ("POST", "/v1/endpoints/{endpoint}/proof"),
    ("POST", "/v1/endpoints/{endpoint}/test"),
    ("POST", "/v1/endpoints/{endpoint}/rotate-secret"),
    ("POST", "/v1/endpoints/{endpoint}/replay"),
    ("GET", "/v1/deliveries"),
    ("GET", "/v1/deliveries/{delivery}"),
    ("POST", "/v1/deliveries/{delivery}/resend"),
]
BODIES = {"PATCH": {"paused": True}, "POST": span(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))}


def test_nobody_comes_in_without_a_token_or_with_another_kind_of_token(door):
    for method, place in PLACES:
        path = place.format(endpoint=crypto.new_id(), delivery=crypto.new_id())
        assert door.send(method, path, BODIES.get(method), if_match=1).status_code == 401, (method, place)
        assert door.send(method, path, BODIES.get(method), token="a.b.c", if_match=1).status_code == 401, (method, place)
        for scope in ("ops", "client", f"patient:{crypto.new_id()}"):
            assert door.send(method, path, BODIES.get(method), token=door.token(scope), if_match=1).status_code == 403, (
                method,
                place,
                scope,
            )


def test_what_belongs_to_another_hospital_does_not_exist(house, door, stranger, delivery):
    before = house.execute("SELECT version, paused, deleted_at FROM endpoints").all(), house.states()
    for method, place in [one for one in PLACES if "{" in one[1]]:
        path = place.format(endpoint=delivery.endpoint_id, delivery=delivery.id)
        body = BODIES[method] if method == "PATCH" or place.endswith("replay") else None
        answer = door.send(method, path, body, token=stranger, if_match=1)
        assert (answer.status_code, answer.json["type"]) == (404, "/problems/not-found"), (method, place)
    assert (house.execute("SELECT version, paused, deleted_at FROM endpoints").all(), house.states()) == before


def test_another_hospitals_lists_are_empty(door, stranger, delivery):
    assert door.send("GET", ENDPOINTS, token=stranger).json == []
    assert door.send("GET", DELIVERIES, token=stranger).json["items"] == []


def test_where_only_https_is_allowed_http_is_refused(strict_door, hospital):
    token = strict_door.token(f"hospital:{hospital}")
    answer = strict_door.send("POST", ENDPOINTS, {"kind": "webhook", "url": "http://hospital.example/x"}, token=token)
    assert (answer.status_code, answer.json["errors"]) == (422, [{"pointer": "#/url", "reason": "must be https"}])
    made = strict_door.send("POST", ENDPOINTS, {"kind": "webhook", "url": "https://hospital.example/x"}, token=token).json
    answer = strict_door.send("PATCH", f"{ENDPOINTS}/{made['id']}", {"url": "http://hospital.example/x"}, token=token, if_match=1)
    assert answer.status_code == 422
