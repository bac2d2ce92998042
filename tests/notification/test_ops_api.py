"""What operations see and mend over HTTP; every act takes a reason and is kept in the audit."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.notification.endpoints import new_secret
from shared import crypto
from shared.events import enquiry
from tests.notification import facts
from tests.notification.house import case

OPS = "/v1/ops"
EMPTY = {"items": [], "next": None}
BECAUSE = {"because": "asked by the hospital"}


@pytest.fixture
def token(door):
    return door.token("ops")


@pytest.fixture
def hospital(house, receiver):
    hospital_id = house.hospital()
    house.endpoint(hospital_id, "webhook", receiver.url(), secret=new_secret())
    return hospital_id


@pytest.fixture
def parked(house):
    """A case whose first fact cannot be handled yet: the broken rule is a missing table. Two letters wait."""
    of = case(house.patient())
    with house.broken():
        house.hear(facts.submitted(of), parks=True)
        house.hear(facts.verification_requested(of), parks=True)
    return str(of.id)


def audited(house):
    return [tuple(row) for row in house.execute("SELECT act, subject, because FROM audit ORDER BY at")]


def overdue(house):
    house.hear(enquiry.EnquiryUnattended(case=case(), reference=facts.REFERENCE))
    return str(house.scalar("SELECT id FROM tasks ORDER BY id DESC"))


# -- tasks --------------------------------------------------------------------


def test_a_task_is_listed_until_it_is_done_for_a_reason(house, door, token):
    task = overdue(house)
    (listed,) = door.send("GET", f"{OPS}/tasks", token=token).json["items"]
    assert (listed["id"], listed["kind"], listed["details"]) == (task, "enquiry_unattended", {"reference": facts.REFERENCE})
    done = door.send("POST", f"{OPS}/tasks/{task}/finish", BECAUSE, token=token)
    assert (done.status_code, done.json["done_because"]) == (200, BECAUSE["because"])
    assert done.json["done_by"].startswith("ops:")
    assert door.send("GET", f"{OPS}/tasks", token=token).json["items"] == []
    assert [one["id"] for one in door.send("GET", f"{OPS}/tasks?done=true", token=token).json["items"]] == [task]
    assert audited(house) == [("task.done", task, BECAUSE["because"])]


def test_a_task_that_is_done_is_not_done_again(house, door, token):
    task = overdue(house)
    answers = [door.send("POST", f"{OPS}/tasks/{task}/finish", BECAUSE, token=token).status_code for _ in range(2)]
    assert answers == [200, 409]
    assert len(audited(house)) == 1


def test_the_work_list_is_paged_oldest_first(house, door, token):
    made = [overdue(house) for _ in range(5)]
    first = door.send("GET", f"{OPS}/tasks?limit=3", token=token).json
    second = door.send("GET", f"{OPS}/tasks?limit=3&after={first['next']}", token=token).json
    assert [one["id"] for one in first["items"] + second["items"]] == made
    assert second["next"] is None


# -- parked keys and dead letters ---------------------------------------------


def test_a_parked_key_is_listed_with_its_reason_and_its_letters_without_their_contents(house, door, token, parked):
    (key,) = door.send("GET", f"{OPS}/parked-keys", token=token).json["items"]
    assert (key["topic"], key["key"], key["waiting"]) == ("enquiry.events", parked, 2)
    assert "UndefinedTable" in key["reason"]
    letters = door.send("GET", f"{OPS}/dead-letters", token=token).json["items"]
    assert [one["type"] for one in letters] == ["enquiry.submitted.v1", "enquiry.verification_requested.v1"]
    assert [one["key"] for one in letters] == [parked, parked]
    one = door.send("GET", f"{OPS}/dead-letters/{letters[0]['id']}", token=token)
    assert one.json == letters[0]
    assert facts.REFERENCE not in one.text


def test_a_replay_handles_what_waited_and_lets_the_key_go_on(house, door, token, parked):
    answer = door.send("POST", f"{OPS}/parked-keys/replay", {"topic": "enquiry.events", "key": parked, **BECAUSE}, token=token)
    assert (answer.status_code, answer.json) == (200, {"count": 2})
    assert [row.template for row in house.deliveries()] == ["verify_address"] * 2
    assert door.send("GET", f"{OPS}/parked-keys", token=token).json == EMPTY
    assert audited(house) == [("parked.replay", f"enquiry.events {parked}", BECAUSE["because"])]


def test_a_replay_that_fails_again_changes_nothing(house, door, token, parked):
    with house.broken():
        answer = door.send("POST", f"{OPS}/parked-keys/replay", {"topic": "enquiry.events", "key": parked, **BECAUSE}, token=token)
    assert (answer.status_code, answer.json["state"], answer.json["possible"]) == (409, "parked", ["drop"])
    assert door.send("GET", f"{OPS}/parked-keys", token=token).json["items"][0]["waiting"] == 2
    assert audited(house) == []


def test_a_letter_is_dropped_for_a_reason_and_the_last_one_frees_its_key(house, door, token, parked):
    for letter in door.send("GET", f"{OPS}/dead-letters", token=token).json["items"]:
        answer = door.send("POST", f"{OPS}/dead-letters/{letter['id']}/drop", BECAUSE, token=token)
        assert (answer.status_code, answer.json["state"]) == (200, "dropped")
    assert door.send("GET", f"{OPS}/parked-keys", token=token).json == EMPTY
    assert door.send("GET", f"{OPS}/dead-letters", token=token).json == EMPTY
    assert [act for act, _, _ in audited(house)] == ["letter.drop"] * 2


def test_a_key_that_is_not_parked_is_not_found(door, token):
    for key in ("nobody", "0x00ff", "0xzz", "0x", "ü"):
        answer = door.send("POST", f"{OPS}/parked-keys/replay", {"topic": "enquiry.events", "key": key, **BECAUSE}, token=token)
        assert answer.status_code == 404, key


# -- deliveries ---------------------------------------------------------------


def test_everybodys_deliveries_are_listed_by_state(house, door, token, hospital):
    house.hear(facts.lapsed(hospital, case(house.patient())))
    house.work(lambda: set(house.states()) == {"accepted"})
    listed = door.send("GET", f"{OPS}/deliveries", token=token).json["items"]
    assert [one["id"] for one in listed] == [str(row.id) for row in reversed(house.deliveries())]
    assert len(door.send("GET", f"{OPS}/deliveries?state=failed&state=accepted", token=token).json["items"]) == 3
    assert door.send("GET", f"{OPS}/deliveries?state=failed&state=uncertain", token=token).json["items"] == []
    shown = door.send("GET", f"{OPS}/deliveries/{listed[0]['id']}", token=token).json
    assert [one["result"] for one in shown["attempts"]] == ["accepted"]


def test_a_delivery_is_resent_for_a_reason(house, door, token, hospital):
    house.hear(facts.sent(hospital))
    (row,) = house.settled()
    answer = door.send("POST", f"{OPS}/deliveries/{row.id}/resend", BECAUSE, token=token)
    assert (answer.status_code, answer.json["again_of"]) == (202, str(row.id))
    house.work(lambda: house.states() == ["accepted"] * 2)
    assert audited(house) == [("delivery.resend", str(row.id), BECAUSE["because"])]


def test_a_resend_that_is_refused_is_not_in_the_audit(house, door, token, hospital):
    house.hear(facts.sent(hospital))
    answer = door.send("POST", f"{OPS}/deliveries/{house.deliveries()[0].id}/resend", BECAUSE, token=token)
    assert answer.status_code == 409
    assert audited(house) == []


def test_the_backlog_says_how_much_waits_in_each_state_and_since_when(house, door, token, hospital):
    house.hear(facts.sent(hospital))
    house.hear(facts.sent(hospital))
    said = {(one["channel"], one["state"]): one for one in door.send("GET", f"{OPS}/backlog", token=token).json}
    assert said["webhook", "pending"]["count"] == 2
    assert datetime.fromisoformat(said["webhook", "pending"]["oldest"]) <= datetime.now(UTC)
    assert said["kafka", "outbox"]["count"] == 3  # two outcomes and the endpoint


# -- holds --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["channel", "template", "hospital"])
def test_a_hold_is_made_listed_and_released(house, door, token, hospital, kind):
    value = {"channel": "webhook", "template": "invitation_sent", "hospital": str(hospital)}[kind]
    made = door.send("POST", f"{OPS}/holds", {"kind": kind, "value": value, **BECAUSE}, token=token)
    assert made.status_code == 201
    assert [one["id"] for one in door.send("GET", f"{OPS}/holds", token=token).json["items"]] == [made.json["id"]]
    again = door.send("POST", f"{OPS}/holds", {"kind": kind, "value": value, **BECAUSE}, token=token)
    assert (again.status_code, again.json["state"]) == (409, "held")
    released = [door.send("POST", f"{OPS}/holds/{made.json['id']}/release", BECAUSE, token=token).status_code for _ in range(2)]
    assert released == [200, 409]
    assert door.send("GET", f"{OPS}/holds", token=token).json == EMPTY
    subject = f"{kind} {value}"
    assert audited(house) == [("hold", subject, BECAUSE["because"]), ("release", subject, BECAUSE["because"])]


def test_a_hold_of_what_there_is_not_is_refused(house, door, token):
    for kind, value in {"channel": "fax", "template": "spam", "hospital": "liman", "house": "x"}.items():
        answer = door.send("POST", f"{OPS}/holds", {"kind": kind, "value": value, **BECAUSE}, token=token)
        assert answer.status_code == 422, kind
    assert audited(house) == []


# -- what came too late -------------------------------------------------------


def test_a_withheld_fact_is_listed_and_released_once(house, door, token):
    event_id = str(house.hear(facts.submitted(case(house.patient())), at=datetime.now(UTC) - timedelta(days=2)))
    (listed,) = door.send("GET", f"{OPS}/withheld", token=token).json["items"]
    assert (listed["event_id"], listed["type"]) == (event_id, "enquiry.submitted.v1")
    answer = door.send("POST", f"{OPS}/withheld/{event_id}/release", BECAUSE, token=token)
    assert (answer.status_code, answer.json) == (200, {"count": 1})
    assert door.send("POST", f"{OPS}/withheld/{event_id}/release", BECAUSE, token=token).status_code == 409
    assert door.send("GET", f"{OPS}/withheld", token=token).json["items"] == []
    assert audited(house) == [("withheld.release", event_id, BECAUSE["because"])]


def test_withheld_facts_are_paged(house, door, token):
    of = case(house.patient())
    made = {str(house.hear(facts.verification_requested(of), at=datetime.now(UTC) - timedelta(days=2))) for _ in range(5)}
    first = door.send("GET", f"{OPS}/withheld?limit=4", token=token).json
    second = door.send("GET", f"{OPS}/withheld?limit=4&after={first['next']}", token=token).json
    assert {one["event_id"] for one in first["items"] + second["items"]} == made


# -- endpoints for a hospital -------------------------------------------------


def test_operations_register_an_endpoint_for_a_hospital(house, door, token):
    hospital = house.hospital()
    body = {"kind": "email", "address": "desk@hospital.example", **BECAUSE}
    made = door.send("POST", f"{OPS}/hospitals/{hospital}/endpoints", body, token=token)
    assert (made.status_code, made.json["address"]) == (201, "desk@hospital.example")
    own = door.send("GET", "/v1/endpoints", token=door.token(f"hospital:{hospital}")).json
    assert [one["id"] for one in own] == [made.json["id"]]
    assert audited(house) == [("endpoint.add", made.json["id"], BECAUSE["because"])]


# -- who may ------------------------------------------------------------------

SOME = "{id}"
PLACES = [
    ("GET", "backlog", None),
    ("GET", "tasks", None),
    ("POST", f"tasks/{SOME}/finish", BECAUSE),
    ("GET", "parked-keys", None),
    ("POST", "parked-keys/replay", {"topic": "t", "key": "k", **BECAUSE}),
    ("GET", "dead-letters", None),
    ("GET", "dead-letters/1", None),
    ("POST", "dead-letters/1/drop", BECAUSE),
    ("GET", "deliveries", None),
    ("GET", f"deliveries/{SOME}", None),
    ("POST", f"deliveries/{SOME}/resend", BECAUSE),
    ("GET", "holds", None),
    ("POST", "holds", {"kind": "channel", "value": "email", **BECAUSE}),
    ("POST", f"holds/{SOME}/release", BECAUSE),
    ("GET", "withheld", None),
    ("POST", f"withheld/{SOME}/release", BECAUSE),
    ("POST", f"hospitals/{SOME}/endpoints", {"kind": "email", "address": "desk@hospital.example", **BECAUSE}),
]


def test_every_route_of_operations_stands_here(door):
    rules = [rule for rule in door.client.application.url_map.iter_rules() if rule.rule.startswith(OPS)]
    assert sum(len(rule.methods - {"HEAD", "OPTIONS"}) for rule in rules) == len(PLACES)


def test_only_operations_come_in(house, door):
    for method, place, body in PLACES:
        path = f"{OPS}/{place.format(id=crypto.new_id())}"
        assert door.send(method, path, body).status_code == 401, path
        for scope in ("client", f"hospital:{crypto.new_id()}", f"patient:{crypto.new_id()}"):
            assert door.send(method, path, body, token=door.token(scope)).status_code == 403, (path, scope)
    assert audited(house) == []


def test_what_does_not_exist_is_not_found(house, door, token):
    for method, place, body in PLACES:
        if SOME in place and not place.startswith("hospitals"):
            assert door.send(method, f"{OPS}/{place.format(id=crypto.new_id())}", body, token=token).status_code == 404, place
    for letter in ("1", "9223372036854775807", "9223372036854775808", "99999999999999999999999"):
        assert door.send("GET", f"{OPS}/dead-letters/{letter}", token=token).status_code == 404, letter
        assert door.send("POST", f"{OPS}/dead-letters/{letter}/drop", BECAUSE, token=token).status_code == 404, letter
    assert audited(house) == []


def test_no_act_without_a_reason(house, door, token):
    for method, place, body in PLACES:
        if method == "POST" and "because" in body:
            for wrong in (None, "", "no", "x" * 501, 7):
                answer = door.send(method, f"{OPS}/{place.format(id=crypto.new_id())}", {**body, "because": wrong}, token=token)
                assert answer.status_code == 422, (place, wrong)
                assert {error["pointer"] for error in answer.json["errors"]} == {"#/because"}, (place, wrong)
    assert audited(house) == []


def test_the_audit_names_who_acted(house, door):
    task = overdue(house)
    issued = door.issuer.issue(scope="ops", subject="account-of-olga", sid=str(crypto.new_id()))
    door.send("POST", f"{OPS}/tasks/{task}/finish", BECAUSE, token=issued)
    with house.transaction() as session:
        assert session.scalars(text("SELECT actor FROM audit")).all() == ["ops:account-of-olga"]
