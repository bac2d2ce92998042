"""An agreed time is changed: the old slot is kept until the new one is sure."""

from datetime import datetime, timedelta

import pytest

from tests.enquiry.booked import TUESDAY, book, claims
from tests.enquiry.test_timeline import history

LATER = TUESDAY + timedelta(hours=1)
NEW = {"start": LATER.isoformat()}
OTHER = {"patient": "hospital", "hospital": "patient"}


def proposed(at, by="patient", body=NEW):
    return at.did(at.confirmed(), "propose-change", body, by=by)


@pytest.mark.parametrize("by", ["patient", "hospital"])
def test_confirmed_to_change_proposed_keeps_both_slots(house, by):
    at = book(house)
    one = proposed(at, by)
    assert (one["state"], one["proposal"]["by"], datetime.fromisoformat(one["proposal"]["start"])) == ("change_proposed", by, LATER)
    assert datetime.fromisoformat(one["start"]) == TUESDAY
    assert datetime.fromisoformat(one["expires_at"]) == house.clock() + timedelta(hours=48)
    assert not at.is_free(TUESDAY)
    assert not at.is_free(LATER)
    assert (at.fact("change_proposed")["by"], at.told()[-1]) == (by, "appointment.change_proposed")


def test_a_proposal_ends_twelve_hours_before_the_old_start_and_is_refused_after_that(house):
    at = book(house)
    one = at.confirmed()
    house.clock.now = TUESDAY - timedelta(hours=20)
    found = at.did(one, "propose-change", NEW)
    assert datetime.fromisoformat(found["expires_at"]) == TUESDAY - timedelta(hours=12)
    kept = at.did(found, "decline-change")
    house.clock.now = TUESDAY - timedelta(hours=12)
    refused = at.act(kept, "propose-change", NEW)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/change-too-late")


def test_a_change_to_the_same_time_to_no_slot_or_to_another_hospital_is_refused(house):
    at = book(house)
    one, others = at.confirmed(), book(house, name="second").resource["id"]
    for body in ({"start": TUESDAY.isoformat()}, {"start": (LATER + timedelta(minutes=7)).isoformat()}, NEW | {"resource": others}):
        assert at.act(one, "propose-change", body).status_code == 422
    assert at.act(one, "propose-change", NEW, if_match=1).status_code == 412
    assert at.shown(one)["state"] == "confirmed"


def test_a_change_to_a_slot_that_somebody_has_is_refused_and_the_old_one_stands(house):
    at = book(house)
    one = at.confirmed()
    house.opened("first")
    body = {"resource": at.resource["id"], "start": LATER.isoformat()}
    other = house.facts("enquiry.opened")[-1][1]["reference"]
    assert house.post(f"/v1/enquiries/{other}/appointments", body, token=house.patient_token()).status_code == 201
    refused = at.act(one, "propose-change", NEW)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/slot-taken")
    assert at.shown(one)["state"] == "confirmed"
    assert len(claims(house)) == 2


@pytest.mark.parametrize("by", ["patient", "hospital"])
def test_change_proposed_to_confirmed_by_the_other_party_swaps_and_counts_one_more(house, by):
    at = book(house)
    one = proposed(at, by)
    own = at.act(one, "accept-change", by=by)
    assert (own.status_code, own.json["state"], own.json["possible"]) == (409, "change_proposed", ["decline_change", "cancel"])
    done = at.did(one, "accept-change", by=OTHER[by])
    assert (done["state"], datetime.fromisoformat(done["start"]), done["local_start"], done["proposal"]) == (
        "confirmed",
        LATER,
        "2026-12-01T10:00",
        None,
    )
    assert datetime.fromisoformat(done["late_from"]) == LATER - timedelta(days=2)
    assert (at.fact("rescheduled")["sequence"], at.fact("rescheduled")["by"]) == (1, OTHER[by])
    assert at.is_free(TUESDAY)
    assert [row.expires_at for row in claims(house)] == [None]
    assert at.did(done, "cancel", {"reason": "changed_mind"})["state"] == "cancelled"
    assert at.fact("cancelled")["sequence"] == 2


def test_an_appointment_moves_to_a_slot_that_overlaps_with_its_own_old_one(house):
    at = book(house, slot_minutes=60)
    one = at.confirmed()
    body = {"kind": "doctor", "name": "Dr. Deniz Kaya", "hours": at.resource["hours"], "slot_minutes": 30, "lead_minutes": 60}
    headers = {"Authorization": f"Bearer {at.hospital}", "If-Match": '"1"'}
    assert house.client.put(f"/v1/resources/{at.resource['id']}", json=body, headers=headers).status_code == 200
    half = TUESDAY + timedelta(minutes=30)
    moved = at.did(at.did(one, "propose-change", {"start": half.isoformat()}), "accept-change", by="hospital")
    assert datetime.fromisoformat(moved["start"]) == half
    assert at.is_free(TUESDAY)
    assert not at.is_free(half)


@pytest.mark.parametrize("who", ["patient", "hospital"])
def test_change_proposed_to_confirmed_with_the_old_time_by_either(house, who):
    at = book(house)
    kept = at.did(proposed(at), "decline-change", by=who)
    assert (kept["state"], datetime.fromisoformat(kept["start"]), kept["proposal"]) == ("confirmed", TUESDAY, None)
    fact = at.fact("change_declined")
    assert (fact["by"], fact["proposed_by"]) == (who, "patient")
    assert at.is_free(LATER)
    assert [row.expires_at for row in claims(house)] == [None]


def test_change_proposed_to_confirmed_with_the_old_time_when_nobody_answers(house):
    at = book(house)
    one = proposed(at, "hospital")
    house.clock.pass_(hours=48)
    house.fire()
    assert at.shown(one)["state"] == "confirmed"
    assert (at.fact("change_declined")["by"], at.fact("change_declined")["proposed_by"]) == ("system", "hospital")
    assert ("decline_change", "system") in history(house, "act", "actor_kind")
    assert at.is_free(LATER)


def test_a_change_that_was_answered_is_not_ended_by_its_timer_nor_by_that_of_an_earlier_one(house):
    at = book(house)
    one = at.did(proposed(at), "decline-change")
    house.clock.pass_(hours=1)
    again = at.did(one, "propose-change", NEW)
    house.clock.pass_(hours=47)
    house.fire()
    assert at.shown(again)["state"] == "change_proposed"
    at.did(again, "accept-change", by="hospital")
    house.clock.pass_(hours=1)
    house.fire()
    assert [name for name in at.told() if name.endswith("change_declined")] == ["appointment.change_declined"]


@pytest.mark.parametrize("by", ["patient", "hospital"])
def test_change_proposed_to_cancelled_gives_both_slots_back(house, by):
    at = book(house)
    done = at.did(proposed(at), "cancel", {"reason": "changed_mind"}, by=by)
    assert done["state"] == "cancelled"
    assert claims(house) == []


def test_the_end_of_a_case_leaves_a_change_that_was_proposed_to_the_patient(house):
    at = book(house)
    one = proposed(at)
    house.post(f"/v1/enquiries/{at.reference}/withdraw", token=at.patient, if_match=2)
    assert at.shown(one)["state"] == "change_proposed"
