"""What time does to quotes: warned, expired, lapsed; and the appointment that keeps an accepted one."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import db
from tests.enquiry.booked import FORM, TUESDAY
from tests.enquiry.quoted import ask, terms
from tests.enquiry.test_slots import doctor


@pytest.fixture
def case(house):
    return ask(house)


def named(case, *names):
    return [name for name in case.facts() if name in {f"quote.{one}" for one in names} | {"enquiry.reopened", "enquiry.unfulfilled"}]


def appoint(case, kind="admission", start=TUESDAY):
    """Held and asked for by the patient, confirmed by the hospital."""
    house = case.house
    with db.transaction(house.engine) as session:
        found = session.execute(text("SELECT id FROM resources LIMIT 1")).scalar()
    resource = str(found) if found else doctor(house, name="first")["id"]
    held = house.post(
        f"/v1/enquiries/{case.reference}/appointments", {"resource": resource, "start": start.isoformat()}, token=case.patient
    )
    assert held.status_code == 201, held.json
    path = f"/v1/appointments/{held.json['id']}"
    asked = house.post(f"{path}/submit", FORM | {"kind": kind}, token=case.patient, key=None, if_match=held.json["revision"])
    agreed = house.post(f"{path}/confirm", token=house.hospital_token("first"), key=None, if_match=asked.json["revision"])
    assert agreed.status_code == 200, agreed.json
    return agreed.json


def cancel(case, one):
    body = {"reason": "changed_mind"}
    answer = case.house.post(f"/v1/appointments/{one['id']}/cancel", body, token=case.patient, key=None, if_match=one["revision"])
    assert answer.status_code == 200, answer.json


def test_a_quote_is_warned_of_twice_and_expires(house, case):
    case.issued(valid_until=(house.clock() + timedelta(days=10)).isoformat())
    end = house.clock() + timedelta(days=10)
    for left, told in ((timedelta(hours=72), 1), (timedelta(hours=24), 2)):
        house.clock.now = end - left
        house.fire()
        assert case.facts().count("quote.expiring") == told
    house.clock.now = end
    house.fire()
    assert named(case, "expired") == ["quote.expired", "enquiry.reopened", "enquiry.unfulfilled"]


def test_after_a_day_in_which_no_timer_fired_pointless_warnings_are_dropped(house, case):
    case.issued()
    house.clock.pass_(days=40)
    house.fire()
    assert named(case, "expiring", "expired") == ["quote.expired", "enquiry.reopened", "enquiry.unfulfilled"]


def test_a_timer_that_comes_too_late_changes_nothing(house, case):
    case.did(case.issued(), "decline", {"reason": "other"})
    before = case.facts()
    house.clock.pass_(days=31)
    house.fire()
    assert case.facts() == before


def test_an_accepted_quote_without_an_appointment_lapses(house, case):
    accepted = case.accepted(case.issued())
    end = house.clock() + timedelta(days=30)
    for left in (14, 3):
        house.clock.now = end - timedelta(days=left)
        house.fire()
    assert case.facts().count("quote.lapsing") == 2
    house.clock.now = end
    house.fire()
    assert named(case, "lapsed") == ["quote.lapsed", "enquiry.reopened", "enquiry.unfulfilled"]
    case.patient = house.issue("ops")
    assert case.shown(accepted)["state"] == "lapsed"


def test_one_that_was_given_more_time_lapses_later(house, case):
    case.did(case.accepted(case.issued()), "extend", by="first")
    house.clock.pass_(days=30)
    house.fire()
    assert "quote.lapsed" not in case.facts()
    house.clock.pass_(days=30)
    house.fire()
    assert "quote.lapsed" in case.facts()


def test_the_appointment_of_the_first_stage_keeps_it_and_the_clock_starts_again_where_that_is_gone(house, case):
    accepted = case.accepted(case.issued())
    talk = appoint(case, "video_consultation")
    assert case.shown(accepted)["state"] == "accepted"  # no treatment begins with it
    admission = appoint(case, start=TUESDAY + timedelta(hours=1))
    booked = case.shown(accepted)
    assert (booked["state"], booked["book_until"]) == ("booked", None)
    assert case.fact("booked")["appointment_id"] == admission["id"]
    house.clock.pass_(hours=1)
    cancel(case, admission)
    again = case.shown(accepted)
    assert again["state"] == "accepted"
    assert again["book_until"] == (house.clock() + timedelta(days=30)).isoformat()
    cancel(case, talk)
    assert case.facts().count("quote.unbooked") == 1


def test_where_another_appointment_is_agreed_already_it_takes_the_place_of_the_one_that_is_gone(house, case):
    accepted = case.accepted(case.issued())
    first, _ = appoint(case, "assessment"), appoint(case, "admission", TUESDAY + timedelta(hours=1))
    cancel(case, first)
    assert case.shown(accepted)["state"] == "booked"
    assert "quote.unbooked" not in case.facts()


def test_an_appointment_that_was_agreed_before_books_the_quote_with_its_acceptance(house, case):
    issued = case.issued()
    appoint(case)
    assert case.accepted(issued)["state"] == "booked"


def test_long_after_the_last_appointment_a_quote_that_nobody_settled_is_left_so(house, case):
    case.accepted(case.issued())
    one = appoint(case)
    house.clock.now = TUESDAY + timedelta(hours=2)
    done = house.post(f"/v1/appointments/{one['id']}/complete", {"outcome": "successful"}, token=house.hospital_token("first"), key=None, if_match=one["revision"])  # fmt: skip
    assert done.status_code == 200, done.json
    house.clock.pass_(days=58)
    house.fire()
    assert "quote.unsettled" not in case.facts()
    house.clock.pass_(days=3)
    house.fire()
    assert case.facts()[-1] == "quote.unsettled"


def test_a_hospital_learns_who_asks_when_its_quote_is_accepted_and_only_while_that_stands(house):
    case = ask(house, "first", "second")

    def identity(name):
        path = f"/v1/invitations/{case.invitation(name)['id']}/view"
        return house.post(path, token=house.hospital_token(name), key=None).json["identity"]

    issued = case.issued("first", terms())
    assert identity("first") is None
    accepted = case.accepted(issued)
    assert identity("first")["name"] == "Zainab Bello"
    assert identity("first")["email"] == "amina@example.org"
    assert identity("second") is None
    case.did(accepted, "cancel", {"reason": "changed_mind"})
    assert identity("first") is None
