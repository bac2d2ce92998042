"""How appointments are given back: by a side, by the end of their case, before an erasure."""

from datetime import datetime, timedelta

import pytest

from tests.enquiry.booked import FORM, TUESDAY, book, claims
from tests.enquiry.test_timeline import history

CANCEL = {"reason": "changed_mind"}
BECAUSE = {"because": "asked for by telephone"}


@pytest.mark.parametrize("made", ["held", "asked"])
@pytest.mark.parametrize("by", ["patient", "ops"])
def test_before_confirmation_to_cancelled(house, made, by):
    at = book(house)
    one = getattr(at, made)()
    done = at.did(one, "cancel", CANCEL | (BECAUSE if by == "ops" else {}), by=by, if_match=None if by == "ops" else True)
    assert (done["state"], done["reason"], done["late"]) == ("cancelled", "changed_mind", False)
    assert (at.fact("cancelled")["by"], at.fact("cancelled")["sequence"]) == (by, None)
    assert at.is_free()


def test_before_confirmation_a_hospital_declines_and_does_not_cancel(house):
    at = book(house)
    refused = at.act(at.asked(), "cancel", {"reason": "hospital_unavailable"}, by="hospital")
    assert (refused.status_code, refused.json["possible"]) == (409, ["confirm", "decline"])


@pytest.mark.parametrize("by", ["patient", "hospital", "ops"])
def test_confirmed_to_cancelled(house, by):
    at = book(house)
    one = at.confirmed()
    done = at.did(one, "cancel", CANCEL | (BECAUSE if by == "ops" else {}), by=by, if_match=None if by == "ops" else True)
    assert (done["state"], done["late"]) == ("cancelled", False)
    fact = at.fact("cancelled")
    assert (fact["by"], fact["state"], fact["sequence"]) == (by, "confirmed", 1)
    assert at.is_free()


def test_a_patient_who_cancels_late_is_told_first(house):
    at = book(house)
    one = at.confirmed()
    assert datetime.fromisoformat(one["late_from"]) == TUESDAY - timedelta(days=2)
    house.clock.now = TUESDAY - timedelta(hours=47)
    refused = at.act(one, "cancel", CANCEL)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/late-not-known")
    assert at.did(one, "cancel", CANCEL | {"late_is_known": True})["late"] is True
    assert at.fact("cancelled")["late"] is True


def test_the_end_of_a_case_cancels_what_is_not_confirmed_and_leaves_the_rest_to_the_patient(house):
    at = book(house)
    confirmed, awaiting = at.confirmed(), at.did(at.held(TUESDAY + timedelta(hours=1)), "submit", FORM | {"kind": "follow_up"})
    house.post(f"/v1/enquiries/{at.reference}/withdraw", token=at.patient, if_match=2)
    assert (at.shown(confirmed)["state"], at.shown(awaiting)["state"]) == ("confirmed", "cancelled")
    assert (at.fact("cancelled")["by"], at.fact("cancelled")["reason"]) == ("system", "enquiry_ended")
    assert ("cancel", "system", "patient", "enquiry_ended") in history(house, "act", "actor_kind", "on_behalf_of", "reason")
    assert at.did(confirmed, "cancel", CANCEL)["state"] == "cancelled"


def test_an_erasure_cancels_what_is_booked(house):
    at = book(house)
    at.confirmed()
    house.post(f"/v1/enquiries/{at.reference}/erasure", token=at.patient)
    link = house.facts("erasure.requested")[-1][1]["link"]
    assert house.post("/v1/erasures/confirmations", {"token": house.token_of(link)}, key=None).status_code == 200
    assert (at.fact("cancelled")["by"], at.fact("cancelled")["reason"]) == ("patient", "erasure")
    assert claims(house) == []
