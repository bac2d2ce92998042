"""A mail address is told of nothing, but for the mail that asks, until the button behind its link was pressed."""

import re
from uuid import UUID

import pytest

from shared import crypto
from shared.events.notification import EndpointState
from tests.notification import facts

ENDPOINTS, PROOFS = "/v1/endpoints", "/v1/endpoint-proofs"
DESK, OTHER = "desk@hospital.example", "new-desk@hospital.example"


@pytest.fixture
def desk(door, token):
    made = door.send("POST", ENDPOINTS, {"kind": "email", "address": DESK}, token=token)
    assert made.status_code == 201, made.json
    return made.json


def link_in(house, address, number=1):
    """The token in the newest of so many mails to an address."""
    house.work(lambda: len(house.mail.to(address)) >= number)
    text = house.mail.to(address)[-1].get_body(("plain",)).get_content()
    return re.search(r"https://passage\.test/l/endpoint/([\w.-]+)\?mailed=\w\w", text)[1]


def press(door, link):
    return door.send("POST", PROOFS, {"token": link}, key=None)


def state_of(door, token, endpoint):
    return door.send("GET", f"{ENDPOINTS}/{endpoint['id']}", token=token).json["state"]


def test_until_it_is_proved_an_address_gets_the_mail_that_asks_and_nothing_else(house, door, token, hospital, desk):
    assert (desk["state"], desk["proved_at"]) == ("unproved", None)
    house.hear(facts.sent(hospital))
    assert [row.template for row in house.deliveries(endpoint_id=UUID(desk["id"]))] == ["endpoint_proof"]
    house.work(lambda: all(state == "accepted" for state in house.states()))
    (asked,) = house.mail.to(DESK)
    assert house.scalar("SELECT name FROM hospitals") in asked["Subject"]
    assert house.said(EndpointState) == [], "enquiry is not told that the hospital can be reached"
    assert house.scalar("SELECT kind FROM tasks") == "hospital_unreachable"


def test_once_its_button_was_pressed_alerts_go_there(house, door, token, hospital, desk):
    link = link_in(house, DESK)
    answer = press(door, link)
    assert (answer.status_code, answer.json) == (200, {"hospital": house.scalar("SELECT name FROM hospitals")})
    assert state_of(door, token, desk) == "active"
    assert [(one.id, one.email) for one in house.said(EndpointState)] == [(hospital, True)]
    house.hear(facts.sent(hospital))
    house.work(lambda: len(house.mail.to(DESK)) == 2)


def test_pressing_twice_is_once(house, door, token, desk):
    link = link_in(house, DESK)
    first, second = press(door, link), press(door, link)
    assert (first.status_code, first.json) == (second.status_code, second.json)
    shown = door.send("GET", f"{ENDPOINTS}/{desk['id']}", token=token).json
    assert shown["version"] == desk["version"] + 1
    assert len(house.said(EndpointState)) == 1


def test_looking_does_nothing(house, door, token, desk):
    link = link_in(house, DESK)
    assert door.send("GET", f"{PROOFS}/{link}").status_code == 404
    assert door.send("GET", PROOFS).status_code == 405
    assert state_of(door, token, desk) == "unproved"


def forged(link):
    head, _, mac = link.partition(".")
    return f"{head}.{mac[:-4]}AAAA"


@pytest.mark.parametrize("change", [forged, lambda _: "x", lambda _: "x.y", lambda _: "é", lambda link: link[:-1], lambda link: link + "x"])
def test_a_link_that_is_none_proves_nothing(house, door, token, desk, change):
    answer = press(door, change(link_in(house, DESK)))
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/link-invalid")
    assert state_of(door, token, desk) == "unproved"


def test_a_link_is_good_for_three_days(house, door, token, desk):
    link = link_in(house, DESK)
    span = house.scalar("SELECT extract(epoch FROM proof_until - created_at) / 3600 FROM endpoints")
    assert 71.9 < span <= 72
    house.execute("UPDATE endpoints SET proof_until = proof_until - interval '73 hours'")
    assert press(door, link).status_code == 404


def test_the_link_of_another_purpose_proves_nothing(house, door, desk):
    (proof,) = house.execute("SELECT proof_id, proof_until FROM endpoints")
    other = crypto.link_token(house.settings.link_key_bytes, link_id=proof.proof_id, purpose="case", expires_at=proof.proof_until)
    assert press(door, other).status_code == 404


def test_another_address_has_to_be_proved_anew_and_the_old_link_proves_it_not(house, door, token, hospital, desk):
    old = link_in(house, DESK)
    press(door, old)
    house.hear(facts.sent(hospital))
    changed = door.send("PATCH", f"{ENDPOINTS}/{desk['id']}", {"address": OTHER}, token=token, if_match=2).json
    assert (changed["state"], changed["address"]) == ("unproved", OTHER)
    assert press(door, old).status_code == 404
    new = link_in(house, OTHER)
    assert len(house.mail.to(OTHER)) == 1, "the alert that was planned before waits"
    assert press(door, new).status_code == 200
    house.work(lambda: len(house.mail.to(OTHER)) == 2)
    assert [one.email for one in house.said(EndpointState)] == [True, False, True]


def test_the_same_address_said_again_stays_proved(house, door, token, desk):
    press(door, link_in(house, DESK))
    changed = door.send("PATCH", f"{ENDPOINTS}/{desk['id']}", {"address": DESK}, token=token, if_match=2)
    assert changed.json["state"] == "active"
    assert len(house.deliveries(template="endpoint_proof")) == 1


def test_a_new_link_ends_the_one_before(house, door, token, desk):
    first = link_in(house, DESK)
    again = door.send("POST", f"{ENDPOINTS}/{desk['id']}/proof", token=token)
    assert again.status_code == 202
    second = link_in(house, DESK, number=2)
    assert (press(door, first).status_code, press(door, second).status_code) == (404, 200)
    refused = door.send("POST", f"{ENDPOINTS}/{desk['id']}/proof", token=token)
    assert (refused.status_code, refused.json["state"]) == (409, "proved")


def test_a_mail_that_was_not_sent_yet_gives_way_to_a_newer_one(house, door, token, desk):
    door.send("POST", f"{ENDPOINTS}/{desk['id']}/proof", token=token)
    assert house.states() == ["expired", "pending"]


def test_nobody_can_have_one_address_written_to_without_end(house, door, token, desk):
    stranger = door.token(f"hospital:{house.hospital()}")
    asked = [door.send("POST", f"{ENDPOINTS}/{desk['id']}/proof", token=token).status_code for _ in range(2)]
    asked += [door.send("POST", ENDPOINTS, {"kind": "email", "address": DESK.upper()}, token=stranger).status_code for _ in range(3)]
    refused = door.send("POST", ENDPOINTS, {"kind": "email", "address": DESK}, token=stranger)
    assert (asked, refused.status_code) == ([202, 202, 201, 201, 429], 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 24 * 3600
    assert house.scalar("SELECT count(*) FROM endpoints") == 3, "what was refused changed nothing"
    house.execute("UPDATE proof_mails SET asked_at = asked_at - interval '25 hours'")
    assert door.send("POST", ENDPOINTS, {"kind": "email", "address": DESK}, token=stranger).status_code == 201
    assert house.scalar("SELECT count(*) FROM proof_mails") == 1, "nothing is kept longer than it is counted"


def test_the_mail_that_asks_cannot_be_sent_again_from_the_log(house, door, token, desk):
    link_in(house, DESK)
    house.settled()
    (row,) = house.deliveries()
    for path, who in ((f"/v1/deliveries/{row.id}/resend", token), (f"/v1/ops/deliveries/{row.id}/resend", door.token("ops"))):
        body = {"because": "a test"} if "ops" in path else None
        answer = door.send("POST", path, body, token=who)
        assert (answer.status_code, answer.json["type"]) == (409, "/problems/delivery-not-resendable")
    assert len(house.deliveries()) == 1


def test_an_unproved_address_is_not_tested(house, door, token, desk):
    answer = door.send("POST", f"{ENDPOINTS}/{desk['id']}/test", token=token)
    assert (answer.status_code, answer.json["state"], answer.json["possible"]) == (409, "unproved", ["prove"])


def test_a_webhook_has_nothing_to_prove(house, door, token, receiver):
    hook = door.send("POST", ENDPOINTS, {"kind": "webhook", "url": receiver.url()}, token=token).json
    assert hook["state"] == "active"
    assert door.send("POST", f"{ENDPOINTS}/{hook['id']}/proof", token=token).status_code == 409


def test_an_address_that_was_removed_cannot_be_proved_any_more(house, door, token, desk):
    link = link_in(house, DESK)
    door.send("DELETE", f"{ENDPOINTS}/{desk['id']}", token=token, if_match=1)
    assert press(door, link).status_code == 404


# -- registered by operations -------------------------------------------------


def registered(door, hospital, **more):
    body = {"kind": "email", "address": DESK, "because": "told by telephone", **more}
    return door.send("POST", f"/v1/ops/hospitals/{hospital}/endpoints", body, token=door.token("ops"))


def test_what_operations_trust_is_used_at_once_and_the_reason_is_kept(house, door, hospital):
    made = registered(door, hospital, trusted=True).json
    assert made["state"] == "active"
    assert house.deliveries() == []
    assert house.execute("SELECT act, subject, because FROM audit").all() == [("endpoint.trust", made["id"], "told by telephone")]


def test_what_operations_only_register_is_proved_by_its_owner(house, door, hospital):
    made = registered(door, hospital).json
    assert made["state"] == "unproved"
    assert press(door, link_in(house, DESK)).status_code == 200
    assert house.scalar("SELECT act FROM audit") == "endpoint.add"


def test_operations_give_a_reason(house, door, hospital):
    answer = registered(door, hospital, because=None)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/because")
    assert house.scalar("SELECT count(*) FROM endpoints") == 0
