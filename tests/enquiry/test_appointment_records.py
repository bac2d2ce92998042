"""The day itself and after: recorded by the hospital, disputed by the patient, decided by operations, or left unrecorded."""

from datetime import datetime, timedelta

import pytest

from tests.enquiry.booked import TUESDAY, book, claims
from tests.enquiry.test_timeline import history

DONE = {"outcome": "successful"}
BECAUSE = {"because": "both sides were called"}
HOUR = timedelta(hours=1)
NIGHTS_END = timedelta(hours=1)  # it is 07:00 in Lagos, and the patient hears at 08:00


def at_the_start(house, after=timedelta(0), **changes):
    """A confirmed appointment, and the clock `after` its start; what was due until then has fired."""
    at = book(house, **changes)
    one = at.confirmed()
    house.clock.now = TUESDAY + after
    house.fire()
    return at, at.shown(one)


def no_show(house):
    at, one = at_the_start(house, HOUR)
    return at, at.did(one, "record-no-show", by="hospital")


@pytest.mark.parametrize("by", ["hospital", "ops"])
def test_confirmed_to_checked_in_to_completed(house, by):
    at, one = at_the_start(house)
    said = BECAUSE if by == "ops" else {}
    version = None if by == "ops" else True
    there = at.did(one, "check-in", said, by=by, if_match=version)
    assert (there["state"], there["possible"]) == ("checked_in", [] if by == "patient" else there["possible"])
    done = at.did(there, "complete", DONE | said, by=by, if_match=version)
    assert (done["state"], done["outcome"], done["possible"]) == ("completed", "successful", [])
    assert at.told()[-2:] == ["appointment.checked_in", "appointment.completed"]
    assert "outcome" not in at.fact("completed")
    assert claims(house) == []


def test_confirmed_to_completed_without_a_check_in(house):
    at, one = at_the_start(house)
    assert at.act(one, "complete", {}, by="hospital").status_code == 422
    assert at.act(one, "complete", DONE, by="hospital", if_match=None).status_code == 428
    assert at.did(one, "complete", DONE, by="hospital")["state"] == "completed"


def test_nothing_is_recorded_before_it_can_have_happened(house):
    at = book(house)
    one = at.confirmed()
    for act, body in (("check-in", {}), ("complete", DONE), ("record-no-show", None)):
        refused = at.act(one, act, body, by="hospital")
        assert (refused.status_code, refused.json["type"]) == (409, "/problems/outside-window")


@pytest.mark.parametrize(
    ("after", "status"), [(HOUR - timedelta(minutes=1), 409), (HOUR, 200), (timedelta(days=5), 200), (timedelta(days=5, minutes=1), 409)]
)
def test_confirmed_to_no_show_within_its_window_only(house, after, status):
    at, one = at_the_start(house, after)
    answer = at.act(one, "record-no-show", by="hospital")
    assert answer.status_code == status
    assert at.shown(one)["state"] == ("no_show" if status == 200 else "confirmed")


def test_no_show_can_be_disputed_for_seven_days_once_and_then_no_timer_decides(house):
    at, one = no_show(house)
    assert datetime.fromisoformat(one["expires_at"]) == house.clock() + timedelta(days=7)
    assert at.shown(one)["possible"] == ["dispute"]
    disputed = at.did(one, "dispute")
    assert (disputed["state"], disputed["possible"]) == ("no_show", [])
    assert at.act(disputed, "dispute").status_code == 409
    house.clock.pass_(days=8)
    house.fire()
    assert at.shown(one)["state"] == "no_show"
    assert ("dispute", "patient") in history(house, "act", "actor_kind")


@pytest.mark.parametrize("state", ["completed", "cancelled"])
def test_no_show_to_completed_or_cancelled_when_operations_uphold_the_dispute(house, state):
    at, one = no_show(house)
    at.did(one, "dispute")
    assert at.act(one, "resolve", {"state": state}, by="ops", if_match=None).status_code == 422
    done = at.did(one, "resolve", {"state": state, **BECAUSE}, by="ops", if_match=None)
    assert (done["state"], at.fact("no_show_resolved")["found"]) == (state, state)


def test_no_show_to_missed_after_seven_days_without_a_dispute(house):
    at, one = no_show(house)
    house.clock.pass_(days=7)
    house.fire()
    assert at.shown(one)["state"] == "missed"
    assert ("uphold", "system") in history(house, "act", "actor_kind")
    assert at.act(at.shown(one), "dispute").status_code == 409


def test_no_show_to_missed_by_operations(house):
    at, one = no_show(house)
    at.did(one, "dispute")
    assert at.did(one, "uphold", BECAUSE, by="ops", if_match=None)["state"] == "missed"
    assert at.told()[-1] == "appointment.no_show_upheld"


@pytest.mark.parametrize("checked_in", [False, True])
def test_confirmed_or_checked_in_to_unrecorded_after_fourteen_days_the_hospital_asked_twice(house, checked_in):
    at, one = at_the_start(house)
    if checked_in:
        at.did(one, "check-in", {}, by="hospital")
    for days, asked in ((2, 1), (9, 2)):
        house.clock.now = TUESDAY + timedelta(days=days, hours=1)
        house.fire()
        assert len(house.facts("appointment.outcome_asked")) == asked
    house.clock.now = TUESDAY + timedelta(days=14, hours=1)
    house.fire()
    assert at.shown(one)["state"] == "unrecorded"
    assert at.told()[-1] == "appointment.unrecorded"


@pytest.mark.parametrize("made", ["held", "asked", "confirmed"])
def test_any_but_a_terminal_one_to_voided_by_operations(house, made):
    at = book(house)
    one = getattr(at, made)()
    assert at.act(one, "void", {}, by="ops", if_match=None).status_code == 422
    done = at.did(one, "void", BECAUSE, by="ops", if_match=None)
    assert (done["state"], at.fact("voided")["sequence"]) == ("voided", 1 if made == "confirmed" else None)
    assert claims(house) == []
    again = at.act(one, "void", BECAUSE, by="ops", if_match=None)
    assert (again.status_code, again.json["state"]) == (409, "voided")


def test_reminders_come_a_week_three_days_and_a_day_before_and_none_after_a_cancellation(house):
    at = book(house)
    one = at.confirmed()
    for before in (timedelta(days=7), timedelta(hours=72), timedelta(hours=24)):
        house.clock.now = TUESDAY - before + NIGHTS_END
        house.fire()
    assert len(house.facts("appointment.reminded")) == 3
    other = book(house, name="second")
    kept = other.confirmed(TUESDAY + timedelta(days=14))
    house.clock.now = TUESDAY + timedelta(days=7) + NIGHTS_END
    house.fire()
    other.did(kept, "cancel", {"reason": "changed_mind"})
    house.clock.now = TUESDAY + timedelta(days=13, hours=12)
    house.fire()
    assert len(house.facts("appointment.reminded")) == 4
    assert at.shown(one)["state"] == "confirmed"


def test_of_reminders_that_a_loop_slept_through_only_the_last_comes(house):
    at = book(house)
    at.confirmed()
    house.clock.now = TUESDAY - timedelta(hours=20)
    house.fire()
    assert len(house.facts("appointment.reminded")) == 1
    house.clock.now = TUESDAY + timedelta(minutes=1)
    assert len(house.facts("appointment.reminded")) == 1


def test_reminders_follow_an_appointment_to_its_new_time(house):
    at = book(house)
    one = at.did(at.confirmed(), "propose-change", {"start": (TUESDAY + timedelta(days=2)).isoformat()})
    at.did(one, "accept-change", by="hospital")
    house.clock.now = TUESDAY - timedelta(hours=72) + NIGHTS_END
    house.fire()
    house.clock.now = TUESDAY - timedelta(hours=24) + NIGHTS_END
    house.fire()
    assert [fact["start"][:10] for _, fact in house.facts("appointment.reminded")] == ["2026-12-03", "2026-12-03"]
