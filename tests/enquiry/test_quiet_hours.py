"""Quiet hours: what can wait for a patient's morning waits for it, what cannot does not."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from services.enquiry.quiet_hours import Night
from services.enquiry.settings import Settings
from shared import config, db
from tests.enquiry.booked import TUESDAY, book
from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings

NIGHT = Night(time(21), time(8))


@pytest.mark.parametrize(
    ("now", "zone", "morning"),
    [
        ("2026-12-01T20:30", "Africa/Lagos", "2026-12-02T07:00"),  # 21:30, until 08:00 of the next day
        ("2026-12-01T06:59", "Africa/Lagos", "2026-12-01T07:00"),  # 07:59
        ("2026-12-01T07:00", "Africa/Lagos", None),
        ("2026-12-01T19:59", "Africa/Lagos", None),  # 20:59
        ("2026-12-01T16:00", "Asia/Kolkata", "2026-12-02T02:30"),
        ("2026-10-25T00:30", "Europe/Berlin", "2026-10-25T07:00"),  # the night of 25 October is an hour longer
        ("2026-03-29T00:30", "Europe/Berlin", "2026-03-29T06:00"),  # that of 29 March an hour shorter
    ],
)
def test_a_night_ends_by_the_clock_on_the_wall(now, zone, morning):
    found = NIGHT.end_after(datetime.fromisoformat(now).replace(tzinfo=UTC), ZoneInfo(zone))
    assert found == (datetime.fromisoformat(morning).replace(tzinfo=UTC) if morning else None)


def test_a_night_within_one_day_is_one_too():
    siesta = Night.parse("13:00-15:00")
    noon = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
    assert siesta.end_after(noon, ZoneInfo("UTC")) is None
    assert siesta.end_after(noon + timedelta(hours=1), ZoneInfo("UTC")) == datetime(2026, 12, 1, 15, tzinfo=UTC)


def test_a_reminder_that_is_due_at_night_comes_in_the_morning_of_the_patient_and_once(house):
    book(house).confirmed()
    house.clock.now = TUESDAY - timedelta(days=7)  # 07:00 in Lagos
    house.fire()
    assert house.facts("appointment.reminded") == []
    house.clock.pass_(minutes=59)
    house.fire()
    assert house.facts("appointment.reminded") == []
    house.clock.pass_(minutes=1)
    house.fire()
    house.fire()
    assert len(house.facts("appointment.reminded")) == 1


def test_what_was_called_off_at_night_is_not_reminded_of_in_the_morning(house):
    at = book(house)
    one = at.confirmed()
    house.clock.now = TUESDAY - timedelta(days=7)
    house.fire()
    at.did(at.shown(one), "cancel", {"reason": "changed_mind"})
    house.clock.pass_(hours=2)
    house.fire()
    assert house.facts("appointment.reminded") == []


def test_a_case_that_nobody_proved_ends_at_night_too(house):
    house.create()
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE timers SET due_at = :at WHERE kind = 'verification_expiry'"), {"at": MONDAY + timedelta(hours=64)})
    house.clock.now = MONDAY + timedelta(hours=64)
    house.fire()
    assert house.facts("enquiry.verification_requested") == [], "links wait for the morning"
    assert len(house.facts("enquiry.rejected")) == 1


def test_a_patient_who_is_gone_holds_nothing_up(house):
    book(house).confirmed()
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE patients SET wrapped_key = NULL, sealed_contact = NULL, sealed_person = NULL, erased_at = now()"))
    house.clock.now = TUESDAY - timedelta(days=7)
    house.fire()
    assert len(house.facts("appointment.reminded")) == 1


def test_without_quiet_hours_a_reminder_comes_when_it_is_due(settings_for, database):
    house = House(settings_for(Settings, database("enquiry"), quiet_hours="", **secret_settings()), MovableClock(MONDAY))
    book(house).confirmed()
    house.clock.now = TUESDAY - timedelta(days=7)
    house.fire()
    assert len(house.facts("appointment.reminded")) == 1
    house.close()


@pytest.mark.parametrize("wrong", ["21:00", "21-8", "08:00-08:00", "21:00-25:00", "21:00+01:00-08:00", "night"])
def test_quiet_hours_that_are_no_span_of_a_day_are_refused(wrong):
    assert config.span_of_day_fault(wrong) == "must be a span of local time, as 21:00-08:00"
