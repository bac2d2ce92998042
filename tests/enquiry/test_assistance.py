"""Help asked of operations: it keeps a case alive, and ends with it."""

from sqlalchemy import text

from shared import db
from tests.enquiry.test_timeline import history


def decline(house, name):
    one = house.invitation(name)
    path = f"/v1/invitations/{one['id']}/decline"
    answer = house.post(path, {"reason": "no_capacity"}, token=house.hospital_token(name), key=None, if_match=one["revision"])
    assert answer.status_code == 200


def test_asking_for_help_is_a_transition_of_its_own(house):
    house.opened(wants=["quote", "assistance"])
    assert [name for name, _ in house.facts()][-1] == "assistance.asked"
    assert ("assistance", "asked", "system", "patient") in history(house, "subject", "state", "actor_kind", "on_behalf_of")


def test_help_that_was_asked_for_closes_with_the_case_and_it_is_told(house):
    reference = house.opened(wants=["quote", "assistance"])
    house.post(f"/v1/enquiries/{reference}/withdraw", token=house.patient_token(), if_match=2)
    assert [name for name, _ in house.facts()][-3:] == ["enquiry.withdrawn", "invitation.revoked", "assistance.closed"]
    assert ("assistance", "closed", "system", "patient", "enquiry_ended") in history(
        house, "subject", "state", "actor_kind", "on_behalf_of", "reason"
    )
    assert house.get(f"/v1/enquiries/{reference}", token=house.issue("ops")).json["assistance"] == "closed"


def test_a_case_without_a_wish_for_help_closes_none(house):
    reference = house.opened()
    house.post(f"/v1/enquiries/{reference}/withdraw", token=house.patient_token(), if_match=2)
    assert house.facts("assistance.closed") == []


def test_while_help_is_asked_for_a_case_without_hospitals_stays_open(house):
    reference = house.opened("first", wants=["quote", "assistance"])
    decline(house, "first")
    assert house.get(f"/v1/enquiries/{reference}", token=house.patient_token()).json["state"] == "open"
    with db.transaction(house.engine) as session:
        assert session.scalar(text("SELECT ended_at FROM enquiries")) is None
