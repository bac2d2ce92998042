"""What operations do for a patient, always with a reason: every act that is offered can be done, and is written down."""

import pytest

from services.enquiry.lifecycles import ENQUIRY, Who
from services.enquiry.settings import Settings
from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings
from tests.enquiry.test_assistance import decline
from tests.enquiry.test_timeline import history

BECAUSE = {"because": "confirmed by telephone"}


def unreachable(house, name):
    from services.enquiry import listings
    from shared import db
    from shared.events.notification import EndpointState

    with db.transaction(house.engine) as session:
        listings.on_endpoint(session, EndpointState(id=house.hospitals[name].id, version=2, email=False, webhook=False))


def test_every_act_that_operations_may_do_has_its_route(house):
    acts = {row.act for row in ENQUIRY if row.since and Who.OPERATIONS in row.who}
    rules = {str(rule) for rule in house.app.url_map.iter_rules()}
    assert {f"/v1/enquiries/<reference>/{act.replace('_', '-')}" for act in acts} <= rules


def test_operations_verify_an_address_for_its_owner(house):
    reference = house.create("first")
    token = house.issue("ops")
    path = f"/v1/enquiries/{reference}/verify"
    assert house.post(path, {}, token=token).json["errors"][0]["pointer"] == "#/because"
    assert house.get(f"/v1/enquiries/{reference}", token=token).json["possible"] == ["verify", "reject", "withdraw"]
    done = house.post(path, BECAUSE, token=token)
    assert (done.status_code, done.json["state"]) == (200, "open")
    assert [name for name, _ in house.facts()][-2:] == ["enquiry.opened", "invitation.sent"]
    assert ("verify", "ops", "patient", BECAUSE["because"]) in history(house, "act", "actor_kind", "on_behalf_of", "because")
    again = house.post(path, BECAUSE, token=token)
    assert (again.status_code, again.json["state"]) == (409, "open")
    assert "verify" not in again.json["possible"]


@pytest.mark.parametrize("act", ["verify", "find-nobody"])
def test_patients_and_hospitals_do_not_act_for_operations(house, act):
    reference = house.opened("first")
    for token in (house.patient_token(), house.hospital_token("first"), house.issue("client")):
        assert house.post(f"/v1/enquiries/{reference}/{act}", BECAUSE, token=token).status_code == 403


def test_operations_end_the_search_where_no_hospital_can_be_asked(house):
    unreachable(house, "first")
    reference = house.opened("first")
    token = house.issue("ops")
    assert house.get(f"/v1/enquiries/{reference}", token=token).json["possible"] == ["reject", "withdraw", "find_nobody"]
    done = house.post(f"/v1/enquiries/{reference}/find-nobody", BECAUSE, token=token)
    assert (done.status_code, done.json["state"]) == (200, "unfulfilled")
    assert [name for name, _ in house.facts()][-1] == "enquiry.unfulfilled"


def test_the_search_goes_on_while_a_hospital_or_operations_themselves_may_answer(house):
    asked, helped = house.opened("first", "second"), house.opened("third", wants=["quote", "assistance"])
    decline(house, "third")
    for reference in (asked, helped):
        answer = house.post(f"/v1/enquiries/{reference}/find-nobody", BECAUSE, token=house.issue("ops"))
        assert (answer.status_code, answer.json["possible"]) == (409, ["reject", "withdraw"])


def test_operations_who_vouch_for_an_address_are_not_held_to_its_limit(settings_for, database):
    house = House(settings_for(Settings, database("enquiry"), **secret_settings(), max_open_enquiries=1), MovableClock(MONDAY))
    house.opened()
    reference = house.create()
    by_link = house.post("/v1/verifications", {"token": house.token_of(house.facts("enquiry.submitted")[-1][1]["verify"])}, key=None)
    assert by_link.json["type"] == "/problems/limit-reached"
    vouched = house.post(f"/v1/enquiries/{reference}/verify", {"because": "her second child"}, token=house.issue("ops"))
    assert (vouched.status_code, vouched.json["state"]) == (200, "open")
    house.close()
