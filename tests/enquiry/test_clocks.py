"""Business days: the table of examples. Local times are written with their zone, answers in UTC."""

from datetime import UTC, date, datetime

import pytest

from services.enquiry.clocks import Calendar, add_business_days, business_start, part_of_business_day
from shared import crypto
from shared.events.catalog import HospitalState, WorkingHours


def calendar(zone="Europe/Istanbul", *, days=range(1, 6), spans=(("09:00", "17:00"),), holidays=()):
    hours = [WorkingHours(weekday=day, opens=opens, closes=closes) for day in days for opens, closes in spans]
    state = HospitalState(
        id=crypto.new_id(),
        version=1,
        slug="a",
        name="A",
        country="TR",
        city="a",
        timezone=zone,
        working_hours=hours,
        holidays=list(holidays),
    )
    return Calendar.of(state)


def utc(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("case", "held", "asked", "start", "half", "one", "two", "three"),
    [
        ("within hours", calendar(), "2026-11-23T10:00+03:00", "2026-11-23T10:00+03:00", "2026-11-23T14:00+03:00", "2026-11-24T10:00+03:00", "2026-11-25T10:00+03:00", "2026-11-26T10:00+03:00"),
        ("late in the day", calendar(), "2026-11-23T15:00+03:00", "2026-11-23T15:00+03:00", "2026-11-24T11:00+03:00", "2026-11-24T15:00+03:00", "2026-11-25T15:00+03:00", "2026-11-26T15:00+03:00"),
        ("Friday evening in Ankara, asked from Lagos", calendar(), "2026-11-27T18:30+01:00", "2026-11-30T09:00+03:00", "2026-11-30T13:00+03:00", "2026-12-01T09:00+03:00", "2026-12-02T09:00+03:00", "2026-12-03T09:00+03:00"),
        ("before opening", calendar(), "2026-11-23T05:00+03:00", "2026-11-23T09:00+03:00", "2026-11-23T13:00+03:00", "2026-11-24T09:00+03:00", "2026-11-25T09:00+03:00", "2026-11-26T09:00+03:00"),
        ("a public holiday between", calendar(holidays=[date(2026, 10, 29)]), "2026-10-28T11:00+03:00", "2026-10-28T11:00+03:00", "2026-10-28T15:00+03:00", "2026-10-30T11:00+03:00", "2026-11-02T11:00+03:00", "2026-11-03T11:00+03:00"),
        ("a Sunday to Thursday week", calendar("Africa/Cairo", days=(7, 1, 2, 3, 4)), "2026-11-26T12:00+02:00", "2026-11-26T12:00+02:00", "2026-11-26T16:00+02:00", "2026-11-29T12:00+02:00", "2026-11-30T12:00+02:00", "2026-12-01T12:00+02:00"),
        ("a break at noon", calendar(spans=(("09:00", "12:00"), ("13:00", "18:00"))), "2026-11-23T12:30+03:00", "2026-11-23T13:00+03:00", "2026-11-23T17:00+03:00", "2026-11-24T13:00+03:00", "2026-11-25T13:00+03:00", "2026-11-26T13:00+03:00"),
        ("the end of daylight saving", calendar("Europe/Madrid"), "2026-10-23T10:00+02:00", "2026-10-23T10:00+02:00", "2026-10-23T14:00+02:00", "2026-10-26T10:00+01:00", "2026-10-27T10:00+01:00", "2026-10-28T10:00+01:00"),
        ("the beginning of daylight saving", calendar("Europe/Madrid"), "2026-03-27T10:00+01:00", "2026-03-27T10:00+01:00", "2026-03-27T14:00+01:00", "2026-03-30T10:00+02:00", "2026-03-31T10:00+02:00", "2026-04-01T10:00+02:00"),
        ("half an hour off the full", calendar("Asia/Kolkata"), "2026-11-23T04:00+00:00", "2026-11-23T09:30+05:30", "2026-11-23T13:30+05:30", "2026-11-24T09:30+05:30", "2026-11-25T09:30+05:30", "2026-11-26T09:30+05:30"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_business_days_are_counted_in_the_hospitals_own_hours(case, held, asked, start, half, one, two, three):  # noqa: PLR0917
    moment = utc(asked)
    assert business_start(held, moment) == utc(start), case
    assert part_of_business_day(held, moment, 0.5) == utc(half), case
    assert [add_business_days(held, moment, days) for days in (1, 2, 3)] == [utc(one), utc(two), utc(three)], case


def test_a_night_shift_in_the_gap_of_spring_is_still_a_moment():
    night = calendar("Europe/Madrid", days=range(1, 8), spans=(("02:15", "04:00"),))
    assert business_start(night, utc("2026-03-29T00:30+01:00")) == utc("2026-03-29T03:15+02:00")


def test_a_calendar_without_a_working_day_is_refused():
    closed = calendar(holidays=[date.fromordinal(date(2026, 11, 23).toordinal() + ahead) for ahead in range(500)])
    with pytest.raises(ValueError, match="no working day"):
        business_start(closed, utc("2026-11-23T10:00+03:00"))


def test_a_hospital_that_has_said_nothing_is_taken_to_work_on_weekdays():
    held = Calendar.of(HospitalState(id=crypto.new_id(), version=1, slug="a", name="A", country="TR", city="a"))
    assert business_start(held, utc("2026-11-28T10:00+00:00")) == utc("2026-11-30T09:00+00:00")
