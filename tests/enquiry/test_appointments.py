"""The rows of the appointment's table: what is held, asked for, confirmed and given back, by whom, and the fact that tells it."""

from datetime import UTC, datetime, timedelta

from tests.enquiry.booked import FORM, TUESDAY, book, claims
from tests.enquiry.test_timeline import history

NO = {"reason": "no_capacity"}
BECAUSE = {"because": "asked for by telephone"}


def test_to_held_a_patient_keeps_a_slot_for_ten_minutes(house):
    at = book(house)
    one = at.held()
    assert (one["state"], one["local_start"], one["timezone"], one["possible"]) == (
        "held",
        "2026-12-01T09:00",
        "Europe/Istanbul",
        ["submit", "cancel"],
    )
    assert datetime.fromisoformat(one["expires_at"]) == house.clock() + timedelta(minutes=10)
    assert at.told() == ["appointment.held"]
    assert not at.is_free()
    assert ("hold", "patient", "held") in history(house, "act", "actor_kind", "state")


def test_to_held_operations_keep_one_for_a_patient_with_a_reason(house):
    at = book(house)
    body = {"resource": at.resource["id"], "start": TUESDAY.isoformat()}
    path = f"/v1/enquiries/{at.reference}/appointments"
    assert house.post(path, body, token=house.issue("ops")).status_code == 422
    assert house.post(path, body | BECAUSE, token=house.issue("ops")).status_code == 201
    assert house.post(path, body | BECAUSE, token=at.patient).status_code == 422
    assert ("hold", "ops", "patient", BECAUSE["because"]) in history(house, "act", "actor_kind", "on_behalf_of", "because")


def test_one_live_hold_at_a_hospital_that_touching_does_not_prolong(house):
    at = book(house)
    one = at.held()
    house.clock.pass_(minutes=5)
    again = at.hold(TUESDAY + timedelta(minutes=30))
    assert (again.status_code, again.json["type"], again.json["appointment"]) == (409, "/problems/already-held", one["id"])
    assert at.shown(one)["expires_at"] == one["expires_at"]


def test_a_hold_repeated_under_its_key_is_the_first_one(house):
    at = book(house)
    body = {"resource": at.resource["id"], "start": TUESDAY.isoformat()}
    first, second = (house.post(f"/v1/enquiries/{at.reference}/appointments", body, token=at.patient, key="mine") for _ in range(2))
    assert first.json == second.json
    assert at.told() == ["appointment.held"]


def test_a_slot_that_somebody_has_is_refused_with_the_next_free_ones(house):
    at = book(house)
    at.held()
    other = book(house, name="second")
    other.resource = at.resource
    refused = other.hold()
    assert (refused.status_code, refused.json["type"]) == (422, "/problems/hospital-not-asked")
    third = house.opened("first")
    refused = house.post(
        f"/v1/enquiries/{third}/appointments", {"resource": at.resource["id"], "start": TUESDAY.isoformat()}, token=house.patient_token()
    )
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/slot-taken")
    assert [one["start"][11:16] for one in refused.json["next"]] == ["06:30", "07:00", "07:30"]


def test_nobody_holds_a_slot_for_a_case_that_waits_for_proof_or_has_ended(house):
    at = book(house)
    pending = house.create("first")
    body = {"resource": at.resource["id"], "start": TUESDAY.isoformat(), **BECAUSE}
    refused = house.post(f"/v1/enquiries/{pending}/appointments", body, token=house.issue("ops"))
    assert (refused.status_code, refused.json["state"]) == (409, "pending_verification")
    house.post(f"/v1/enquiries/{at.reference}/withdraw", token=at.patient, if_match=2)
    assert at.hold().json["state"] == "withdrawn"


def test_held_to_awaiting_confirmation_a_patient_completes_the_form(house):
    at = book(house)
    one = at.held()
    assert at.act(one, "submit", {}).status_code == 422
    assert at.act(one, "submit", FORM, if_match=None).status_code == 428
    assert at.act(one, "submit", FORM, if_match=7).status_code == 412
    asked = at.did(one, "submit", FORM)
    assert (asked["state"], asked["kind"], asked["companions"]) == ("awaiting_confirmation", "assessment", 1)
    due = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)  # one business day of Monday, 10:00 in Istanbul
    assert datetime.fromisoformat(asked["expires_at"]) == due
    assert [row.expires_at for row in claims(house)] == [due]
    assert at.told() == ["appointment.held", "appointment.submitted"]


def test_the_hospital_is_asked_no_longer_than_its_lead_time_before_the_start(house):
    house.clock.now = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
    at = book(house)
    assert datetime.fromisoformat(at.asked()["expires_at"]) == TUESDAY - timedelta(hours=1)


def test_a_second_appointment_of_a_kind_at_a_hospital_is_refused(house):
    at = book(house)
    first = at.asked()
    second = at.held(TUESDAY + timedelta(minutes=30))
    refused = at.act(second, "submit", FORM)
    assert (refused.status_code, refused.json["appointment"]) == (409, first["id"])
    assert at.did(second, "submit", FORM | {"kind": "follow_up"})["state"] == "awaiting_confirmation"


def test_a_late_submit_claims_the_slot_anew_while_no_timer_has_recorded_the_end(house):
    at = book(house)
    one = at.held()
    house.clock.pass_(minutes=11)
    assert at.did(one, "submit", FORM)["state"] == "awaiting_confirmation"
    assert house.fire() >= 1
    assert at.shown(one)["state"] == "awaiting_confirmation"
    assert not at.is_free()


def test_a_late_submit_of_a_slot_that_somebody_took_meanwhile_is_refused(house):
    at = book(house)
    one = at.held()
    house.clock.pass_(minutes=11)
    other = house.opened("first")
    body = {"resource": at.resource["id"], "start": TUESDAY.isoformat()}
    assert house.post(f"/v1/enquiries/{other}/appointments", body, token=house.patient_token()).status_code == 201
    refused = at.act(one, "submit", FORM)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/slot-taken")
    assert at.shown(one)["state"] == "held"


def test_held_to_expired_after_ten_minutes_and_a_submit_is_told_so(house):
    at = book(house)
    one = at.held()
    house.clock.pass_(minutes=10)
    house.fire()
    refused = at.act(one, "submit", FORM)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/hold-expired")
    assert at.told() == ["appointment.held", "appointment.expired"]
    assert (at.fact("expired")["state"], at.fact("expired")["case_link"]) == ("held", None)
    assert at.is_free()
    assert claims(house) == []


def test_held_to_confirmed_at_once_where_the_hospital_allows_it(house):
    at = book(house, instant=True)
    assert at.asked()["state"] == "confirmed"
    assert at.told() == ["appointment.held", "appointment.confirmed", "invitation.answered"]
    assert ("confirm_instantly", "system", "patient") in history(house, "act", "actor_kind", "on_behalf_of")
    assert [row.expires_at for row in claims(house)] == [None]


def test_awaiting_confirmation_to_confirmed_by_the_hospital(house):
    at = book(house)
    asked = at.asked()
    assert at.act(asked, "confirm", by="hospital", if_match=None).status_code == 428
    assert at.act(asked, "confirm", by="hospital", if_match=1).status_code == 412
    confirmed = at.did(asked, "confirm", by="hospital")
    assert (confirmed["state"], confirmed["expires_at"]) == ("confirmed", None)
    assert confirmed["possible"] == ["propose_change", "cancel", "check_in", "complete", "record_no_show"]
    assert at.shown(confirmed)["possible"] == ["propose_change", "cancel"]
    assert at.told()[2:] == ["appointment.confirmed", "invitation.answered"]
    fact = at.fact("confirmed")
    assert (fact["start"], fact["timezone"], fact["sequence"]) == ("2026-12-01T06:00:00+00:00", "Europe/Istanbul", 0)
    assert house.invitation("first")["state"] == "answered"
    house.clock.pass_(days=6)
    house.fire()
    assert at.shown(confirmed)["state"] == "confirmed"
    assert house.get(f"/v1/enquiries/{at.reference}", token=house.issue("ops")).json["state"] == "open"


def test_a_hospital_that_has_answered_still_sees_the_case(house):
    at = book(house)
    at.confirmed()
    one = house.invitation("first")
    assert house.post(f"/v1/invitations/{one['id']}/view", token=at.hospital, key=None).status_code == 200


def test_a_late_confirmation_claims_the_slot_anew_while_no_timer_has_recorded_the_end(house):
    at = book(house)
    asked = at.asked()
    house.clock.pass_(days=2)
    assert at.did(asked, "confirm", by="hospital")["state"] == "confirmed"
    assert [row.expires_at for row in claims(house)] == [None]


def test_awaiting_confirmation_to_declined_by_the_hospital(house):
    at = book(house)
    asked = at.asked()
    declined = at.did(asked, "decline", NO, by="hospital")
    assert (declined["state"], declined["reason"], declined["possible"]) == ("declined", "no_capacity", [])
    assert (at.fact("declined")["by"], at.fact("declined")["reason"]) == ("hospital", "no_capacity")
    assert at.is_free()
    refused = at.act(declined, "confirm", by="hospital")
    assert (refused.status_code, refused.json["state"], refused.json["possible"]) == (409, "declined", [])


def test_awaiting_confirmation_to_expired_after_a_business_day(house):
    at = book(house)
    asked = at.asked()
    house.clock.pass_(days=1)
    house.fire()
    assert at.shown(asked)["state"] == "expired"
    assert at.fact("expired")["state"] == "awaiting_confirmation"
    assert at.fact("expired")["case_link"]["purpose"] == "case"
    assert at.is_free()


def test_a_search_goes_on_while_an_appointment_is_asked_for_and_ends_when_it_is_declined(house):
    at = book(house)
    asked = at.asked()
    invitation = house.invitation("first")
    house.post(f"/v1/invitations/{invitation['id']}/decline", NO, token=at.hospital, key=None, if_match=invitation["revision"])
    assert house.facts("enquiry.unfulfilled") == []
    at.did(asked, "decline", NO, by="hospital")
    assert len(house.facts("enquiry.unfulfilled")) == 1


def test_nobody_sees_or_moves_an_appointment_of_others(house):
    at = book(house)
    held = at.held()
    stranger = book(house, name="second")
    for by in (stranger.patient, stranger.hospital, at.hospital):
        assert house.get(f"/v1/appointments/{held['id']}", token=by).status_code == 404
    asked = at.did(held, "submit", FORM)
    assert house.get(f"/v1/appointments/{asked['id']}", token=at.hospital).status_code == 200
    path = f"/v1/appointments/{asked['id']}/confirm"
    assert house.post(path, token=stranger.hospital, key=None, if_match=2).status_code == 404
    assert house.post(path, token=at.patient, key=None, if_match=2).status_code == 403


def test_each_side_lists_its_appointments_by_the_time_they_begin(house):
    at = book(house)
    later, sooner = (at.asked(TUESDAY + timedelta(hours=1)), at.did(at.held(TUESDAY), "submit", FORM | {"kind": "follow_up"}))
    at.held(TUESDAY + timedelta(hours=2))
    first = house.get("/v1/appointments?limit=1", token=at.hospital).json
    second = house.get(f"/v1/appointments?after={first['next']}", token=at.hospital).json
    assert [one["id"] for one in first["items"] + second["items"]] == [sooner["id"], later["id"]]
    mine = house.get(f"/v1/enquiries/{at.reference}/appointments", token=at.patient).json["items"]
    assert [one["state"] for one in mine] == ["awaiting_confirmation", "awaiting_confirmation", "held"]


def test_the_timeline_names_the_hospital_of_an_appointment(house):
    at = book(house)
    at.asked()
    rows = house.get(f"/v1/enquiries/{at.reference}", token=at.patient).json["timeline"]
    assert [(row["state"], row["hospital"]) for row in rows if row.get("subject") == "appointment"] == [
        ("held", "first"),
        ("awaiting_confirmation", "first"),
    ]
