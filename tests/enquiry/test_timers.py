"""What happens when nobody does anything: reminders, promises, ends."""

import threading
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from services.enquiry import timers
from services.enquiry.settings import Settings
from services.enquiry.striking import firings
from shared import db
from shared.clock import system_clock
from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings


def test_the_link_is_sent_again_after_1_and_24_hours_and_the_case_ends_after_72(house):
    house.create()
    house.clock.pass_(minutes=59)
    assert house.fire() == 0
    house.clock.pass_(minutes=1)
    house.fire()
    house.clock.pass_(hours=23)
    house.fire()
    assert [data["why"] for _, data in house.facts("enquiry.verification_requested")] == ["first_reminder", "last_reminder"]
    house.clock.pass_(hours=48)
    house.fire()
    (rejected,) = [data for _, data in house.facts("enquiry.rejected")]
    assert (rejected["reason"], rejected["verified"]) == ("unverified", False)


def test_a_late_click_opens_the_case_that_was_given_up(house):
    house.create()
    house.clock.pass_(days=10)
    house.fire()
    assert house.verify()["state"] == "open"


def test_timers_do_nothing_about_a_case_that_has_moved_on(house):
    house.opened()
    house.clock.pass_(hours=80)
    before = len(house.facts("enquiry.rejected", "enquiry.verification_requested"))
    house.fire()
    assert len(house.facts("enquiry.rejected", "enquiry.verification_requested")) == before == 0


def test_a_silent_hospital_is_reminded_then_reported_then_replaced_then_given_up(house):
    house.opened("first")
    told = [name for name, _ in house.facts()]
    # Monday 10:00 in Istanbul: half a working day, one, two, three business days
    for hours, then in (
        (4, ["invitation.reminded"]),
        (20, ["invitation.overdue"]),
        (24, ["invitation.alternatives_offered"]),
        (24, ["invitation.lapsed", "enquiry.unfulfilled"]),
    ):
        house.clock.pass_(hours=hours)
        house.fire()
        told += then
        assert [name for name, _ in house.facts()] == told


def test_every_time_of_the_clock_is_a_setting(settings_for, database):
    hours = {"verification_reminder": 2, "verification_last_reminder": 3, "verification_time": 4}
    days = {"invitation_reminder": 0.25, "invitation_answer": 2, "invitation_alternatives": 4, "invitation_lapse": 5}
    times = {name: timedelta(hours=span) for name, span in hours.items()} | days
    house = House(settings_for(Settings, database("enquiry"), **secret_settings(), **times), MovableClock(MONDAY))
    house.opened("first")
    with db.transaction(house.engine) as session:
        due = {row.kind: (row.due_at - MONDAY) / timedelta(hours=1) for row in session.query(timers.Timer)}
    assert due == {
        "verification_reminder": 2,
        "verification_last_reminder": 3,
        "verification_expiry": 4,
        "invitation_reminder": 2,  # of 8 hours' work
        "invitation_overdue": 2 * 24,
        "invitation_alternatives": 4 * 24,
        "invitation_lapse": 7 * 24,  # the weekend is none of the five
    }
    house.close()


def test_a_timer_that_somebody_else_is_firing_is_passed_over_not_waited_for(house):
    house.create()
    house.clock.pass_(hours=1)
    with db.transaction(house.engine) as session:
        session.query(timers.Timer).filter_by(kind="verification_reminder").with_for_update().one()
        assert house.fire() == 0
    assert house.fire() == 1


def test_with_a_clock_that_is_off_no_timer_fires(house):
    """A process on a machine that has lost the time: what it would do early cannot be undone."""
    house.create()
    with db.transaction(house.engine) as session:
        session.execute(update(timers.Timer).values(due_at=system_clock() - timedelta(minutes=1)))

    def turn_once(clock):
        stop = threading.Event()
        timers.run(house.engine, firings(replace(house.settings, quiet_hours="")), clock, stop=stop, beat=stop.set)
        return len(house.facts("enquiry.verification_requested", "enquiry.rejected"))

    assert turn_once(lambda: system_clock() + timedelta(seconds=30)) == 0
    assert turn_once(lambda: system_clock() - timedelta(seconds=30)) == 0
    assert turn_once(system_clock) == 3


def test_a_timer_that_fails_is_put_off_and_delays_no_other(house):
    house.create()
    house.clock.pass_(hours=1)
    fired = []

    def fail(*_):
        raise RuntimeError

    with db.transaction(house.engine) as session:
        enquiry_id = session.query(timers.Timer).first().enquiry_id
        due = {"other": house.clock() - timedelta(minutes=1)}
        timers.schedule(session, enquiry_id=enquiry_id, subject_id=enquiry_id, moments=due)
    kinds = {"verification_reminder": fail, "other": lambda *_: bool(fired.append(1)) or True}
    assert timers.fire_due(house.engine, kinds, house.clock) == 2
    assert fired == [1]
    with db.transaction(house.engine) as session:
        waiting = {row.kind: row for row in session.query(timers.Timer)}
    assert waiting["verification_reminder"].failures == 1
    assert waiting["verification_reminder"].due_at == house.clock() + timers.RETRY
    assert "other" not in waiting
