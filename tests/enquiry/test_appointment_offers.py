"""Times asked for by days: requested, offered, one of them taken; and every way in which that comes to nothing."""

from datetime import datetime, timedelta

import pytest

from tests.enquiry.booked import FORM, TUESDAY, book, claims
from tests.enquiry.conftest import MONDAY
from tests.enquiry.test_slots import doctor
from tests.enquiry.test_timeline import history

DAYS = [{"from": "2026-12-01", "until": "2026-12-04"}]
LATER = TUESDAY + timedelta(days=1)
BECAUSE = {"because": "asked for by telephone"}
NONE_SUITS = {"reason": "time_does_not_suit"}


def ask(at, by=None, **changes):
    body = {"hospital": at.resource["of"], "windows": DAYS, **FORM, **changes}
    return at.house.post(f"/v1/enquiries/{at.reference}/appointment-requests", body, token=by or at.patient)


def requested(at):
    answer = ask(at)
    assert answer.status_code == 201, answer.json
    return answer.json


def slots(at, *starts):
    return {"slots": [{"resource": at.resource["id"], "start": start.isoformat()} for start in starts]}


def offered(at, *starts):
    return at.did(requested(at), "offer-slots", slots(at, *(starts or (TUESDAY, LATER))), by="hospital")


def choice(at, start):
    return slots(at, start)["slots"][0]


# -- requested ----------------------------------------------------------------


def test_to_requested_a_patient_asks_for_times_within_days_and_the_hospital_has_a_business_day(house):
    at = book(house)
    one = requested(at)
    assert (one["state"], one["windows"], one["resource"], one["start"], one["late_from"]) == ("requested", DAYS, None, None, None)
    assert one["possible"] == ["cancel"]
    assert datetime.fromisoformat(one["expires_at"]) == house.clock() + timedelta(days=1)
    assert at.told() == ["appointment.requested"]
    assert claims(house) == []
    assert ("request", "patient", "requested") in history(house, "act", "actor_kind", "state")
    seen = house.get(f"/v1/appointments/{one['id']}", token=at.hospital).json
    assert (seen["windows"], seen["possible"]) == (DAYS, ["offer_slots", "decline"])


def test_to_requested_operations_ask_for_a_patient_with_a_reason(house):
    at, ops = book(house), house.issue("ops")
    assert ask(at, by=ops).status_code == 422
    assert ask(at, **BECAUSE).status_code == 422
    assert ask(at, by=ops, **BECAUSE).status_code == 201
    assert ("request", "ops", "patient", BECAUSE["because"]) in history(house, "act", "actor_kind", "on_behalf_of", "because")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"windows": []}, "windows"),
        ({"windows": DAYS * 4}, "windows"),
        ({"windows": [{"from": "2026-12-04", "until": "2026-12-01"}]}, "windows/0/until"),
        ({"windows": [{"from": "2026-11-01", "until": "2026-11-02"}]}, "windows/0/until"),
        ({"windows": [*DAYS, {"from": "2026-12-01", "until": "2028-12-01"}]}, "windows/1/until"),
        ({"windows": [{"from": "2026-12-01T09:00", "until": "2026-12-04"}]}, "windows/0/from"),
        ({"hospital": "second"}, "hospital"),
        ({"hospital": "nowhere"}, "hospital"),
        ({"kind": "surgery"}, "kind"),
    ],
)
def test_days_and_hospitals_that_cannot_be_asked_for_are_refused_by_their_place(house, changes, pointer):
    at = book(house)
    refused = ask(at, **changes)
    assert refused.status_code == 422, refused.json
    assert pointer in [one["pointer"].removeprefix("#/") for one in refused.json["errors"]]
    assert at.told() == []


def test_a_request_beside_a_live_appointment_of_its_kind_is_refused(house):
    at = book(house)
    at.asked()
    assert (ask(at).status_code, ask(at).json["type"]) == (409, "/problems/appointment-exists")
    assert ask(at, kind="follow_up").status_code == 201


def test_a_case_that_is_not_open_asks_for_no_times(house):
    at = book(house)
    at.withdraw()
    refused = ask(at)
    assert (refused.status_code, refused.json["type"], refused.json["state"]) == (409, "/problems/invalid-transition", "withdrawn")


def test_requested_to_expired_after_a_business_day(house):
    at = book(house)
    one = requested(at)
    house.clock.pass_(hours=23, minutes=59)
    house.fire()
    assert at.shown(one)["state"] == "requested"
    house.clock.pass_(minutes=1)
    house.fire()
    assert (at.shown(one)["state"], at.fact("expired")["state"]) == ("expired", "requested")
    assert at.shown(one)["windows"] is None


def test_requested_to_declined_by_the_hospital(house):
    at = book(house)
    one = at.did(requested(at), "decline", {"reason": "no_capacity"}, by="hospital")
    assert (one["state"], one["reason"], at.fact("declined")["by"]) == ("declined", "no_capacity", "hospital")


def test_requested_to_cancelled_names_no_time(house):
    at = book(house)
    assert at.did(requested(at), "cancel", {"reason": "changed_mind"})["state"] == "cancelled"
    told = at.fact("cancelled")
    assert (told.get("start"), told.get("end"), told.get("sequence"), told["state"]) == (None, None, None, "requested")


def test_requested_to_voided_names_no_time(house):
    at = book(house)
    one = at.did(requested(at), "void", BECAUSE, by="ops", if_match=None)
    assert (one["state"], at.fact("voided").get("start")) == ("voided", None)


def test_what_was_requested_ends_with_the_case(house):
    at = book(house)
    one = requested(at)
    at.withdraw()
    assert (at.shown(one)["state"], at.fact("cancelled")["reason"]) == ("cancelled", "enquiry_ended")


# -- offered ------------------------------------------------------------------


def test_requested_to_offered_keeps_each_slot_for_72_hours_and_answers_the_invitation(house):
    at = book(house)
    one = offered(at)
    assert [slot["start"] for slot in one["offers"]] == [TUESDAY.isoformat(), LATER.isoformat()]
    assert {slot["resource_name"] for slot in one["offers"]} == {"Dr. Deniz Kaya"}
    assert (one["state"], one["possible"]) == ("offered", ["decline"])
    assert datetime.fromisoformat(one["expires_at"]) == house.clock() + timedelta(hours=72)
    assert at.told() == ["appointment.requested", "appointment.slots_offered", "invitation.answered"]
    assert not at.is_free()
    assert not at.is_free(LATER)
    assert len(claims(house)) == 2
    assert at.shown(one)["possible"] == ["accept_slot", "decline", "cancel"]


def test_a_slot_is_offered_no_longer_than_until_its_lead_time_begins(house):
    at = book(house)
    house.clock.now = TUESDAY - timedelta(hours=20)
    one = offered(at)
    ends = [datetime.fromisoformat(slot["expires_at"]) for slot in one["offers"]]
    assert ends == [TUESDAY - timedelta(hours=1), LATER - timedelta(hours=1)]
    assert datetime.fromisoformat(one["expires_at"]) == ends[1]
    house.clock.now = TUESDAY - timedelta(minutes=30)
    refused = at.act(one, "accept-slot", choice(at, TUESDAY))
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/offer-expired")
    assert at.did(one, "accept-slot", choice(at, LATER))["state"] == "confirmed"


def test_operations_offer_for_a_hospital_with_a_reason(house):
    at = book(house)
    one = requested(at)
    assert at.act(one, "offer-slots", slots(at, TUESDAY), by="ops", if_match=None).status_code == 422
    at.did(one, "offer-slots", slots(at, TUESDAY) | BECAUSE, by="ops", if_match=None)
    assert ("offer_slots", "ops") in history(house, "act", "actor_kind")
    assert ("answer", "system", "ops") in history(house, "act", "actor_kind", "on_behalf_of")


def test_a_slot_that_is_taken_offers_none_of_them(house):
    at = book(house)
    other = at.held(LATER)
    refused = at.act(requested(at), "offer-slots", slots(at, TUESDAY, LATER), by="hospital")
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/slot-taken")
    assert [str(claim.appointment_id) for claim in claims(house)] == [other["id"]]


@pytest.mark.parametrize("starts", [(), (TUESDAY, TUESDAY), tuple(TUESDAY + timedelta(minutes=30 * turn) for turn in range(4))])
def test_none_too_many_and_the_same_twice_are_refused(house, starts):
    at = book(house)
    assert at.act(requested(at), "offer-slots", slots(at, *starts), by="hospital").status_code == 422
    assert claims(house) == []


def test_slots_that_cannot_be_offered_are_refused_by_their_place(house):
    at = book(house)
    one, theirs = requested(at), doctor(house, name="second")

    def refused(resource, start):
        body = {"slots": [choice(at, LATER), {"resource": resource, "start": start.isoformat()}]}
        answer = at.act(one, "offer-slots", body, by="hospital")
        assert answer.status_code in {404, 422}, answer.json
        return [error["pointer"].removeprefix("#/") for error in answer.json.get("errors", [])]

    assert refused(theirs["id"], TUESDAY) == ["slots/1/resource"]
    assert refused(at.resource["id"], MONDAY + timedelta(minutes=30)) == ["slots/1/start"]  # its lead time has begun
    assert refused(at.resource["id"], TUESDAY + timedelta(minutes=1)) == ["start"]
    assert claims(house) == []
    assert at.shown(one)["state"] == "requested"


def test_nobody_offers_or_takes_for_others(house):
    at = book(house)
    one = requested(at)
    stranger = house.hospital_token("second")
    path = f"/v1/appointments/{one['id']}"
    assert house.post(f"{path}/offer-slots", slots(at, TUESDAY), token=stranger, key=None, if_match=1).status_code == 404
    assert at.act(one, "offer-slots", slots(at, TUESDAY)).status_code == 403
    assert at.act(one, "accept-slot", choice(at, TUESDAY), by="hospital").status_code == 403
    assert at.act(one, "accept-slot", choice(at, TUESDAY)).status_code == 409


def test_a_patient_is_reminded_a_day_and_six_hours_before_the_offer_ends(house):
    at = book(house)
    offered(at)  # on Monday at 08:00 in Lagos
    for hours, told in ((47, 0), (1, 1), (17, 1), (1, 2)):
        house.clock.pass_(hours=hours)
        house.fire()
        assert len(house.facts("appointment.offer_reminded")) == told
    assert datetime.fromisoformat(at.fact("offer_reminded")["answer_due"]) == MONDAY + timedelta(hours=72)


def test_of_reminders_of_an_offer_that_a_loop_slept_through_only_the_last_comes(house):
    at = book(house)
    offered(at)
    house.clock.pass_(hours=67)
    house.fire()
    assert len(house.facts("appointment.offer_reminded")) == 1


def test_offered_to_expired_after_72_hours_frees_every_slot(house):
    at = book(house)
    one = offered(at)
    house.clock.pass_(hours=72)
    house.fire()
    assert (at.shown(one)["state"], at.fact("expired")["state"], at.shown(one)["offers"]) == ("expired", "offered", None)
    assert claims(house) == []


def test_offered_to_declined_by_the_patient_who_may_ask_again(house):
    at = book(house)
    one = offered(at)
    assert at.act(one, "decline", {"reason": "no_capacity"}).status_code == 422
    assert at.did(one, "decline", NONE_SUITS)["state"] == "declined"
    assert (at.fact("declined")["by"], claims(house)) == ("patient", [])
    assert house.facts("enquiry.unfulfilled") == []
    assert ask(at).status_code == 201


def test_offered_to_declined_by_the_hospital_that_takes_it_back(house):
    at = book(house)
    assert at.did(offered(at), "decline", {"reason": "no_capacity"}, by="hospital")["state"] == "declined"
    assert claims(house) == []


# -- taken --------------------------------------------------------------------


def test_offered_to_confirmed_takes_one_and_frees_the_others(house):
    at = book(house)
    one = at.did(offered(at), "accept-slot", choice(at, LATER))
    assert (one["state"], one["start"], one["local_start"], one["offers"], one["windows"]) == (
        "confirmed", LATER.isoformat(), "2026-12-02T09:00", None, None,
    )  # fmt: skip
    assert at.is_free()
    assert [(str(claim.appointment_id), claim.expires_at) for claim in claims(house)] == [(one["id"], None)]
    assert (at.fact("confirmed")["sequence"], at.fact("confirmed")["start"]) == (0, LATER.isoformat())
    assert ("accept_slot", "patient", "confirmed") in history(house, "act", "actor_kind", "state")


def test_what_was_not_offered_is_not_taken(house):
    at = book(house)
    one = offered(at)
    refused = at.act(one, "accept-slot", choice(at, TUESDAY + timedelta(minutes=30)))
    assert (refused.status_code, refused.json["errors"][0]["reason"]) == (422, "was not offered")
    assert len(claims(house)) == 2


def test_an_older_version_takes_nothing(house):
    at = book(house)
    one = offered(at)
    assert at.act(one, "accept-slot", choice(at, TUESDAY), if_match=one["revision"] - 1).status_code == 412
    assert at.act(one, "accept-slot", choice(at, TUESDAY), if_match=None).status_code == 428


def test_an_offered_time_that_was_taken_is_cancelled_and_changed_as_any_other(house):
    at = book(house)
    one = at.did(offered(at), "accept-slot", choice(at, TUESDAY))
    moved = at.did(one, "propose-change", {"start": LATER.isoformat()})
    assert at.did(moved, "accept-change", by="hospital")["start"] == LATER.isoformat()
    assert at.did(at.shown(one), "cancel", {"reason": "changed_mind"})["state"] == "cancelled"
    assert at.fact("cancelled")["start"] == LATER.isoformat()
