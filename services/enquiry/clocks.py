"""The response clock: counts business days in a hospital's working hours and zone. Pure; knows no table.

One business day is the same local time on the next working day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.events.catalog import HospitalState

Span = tuple[time, time]
_WEEKDAYS: dict[int, list[Span]] = {day: [(time(9), time(17))] for day in range(1, 6)}  # where a hospital has said nothing
_HORIZON = 400  # days looked ahead; a calendar without a working day in it is wrong


@dataclass(frozen=True)
class Calendar:
    """When a hospital, or somebody there, works: spans of local time by ISO weekday, days on which they do not, and days that have spans of their own."""

    zone: ZoneInfo
    hours: dict[int, list[Span]]
    holidays: frozenset[date]
    exceptions: Mapping[date, list[Span]] = field(default_factory=dict)

    @classmethod
    def of(cls, hospital: HospitalState) -> "Calendar":
        hours: dict[int, list[Span]] = {}
        for span in hospital.working_hours:
            hours.setdefault(span.weekday, []).append((time.fromisoformat(span.opens), time.fromisoformat(span.closes)))
        ordered = {day: sorted(spans) for day, spans in hours.items()} or _WEEKDAYS
        return cls(ZoneInfo(hospital.timezone or "UTC"), ordered, frozenset(hospital.holidays))

    def spans_on(self, day: date) -> list[Span]:
        if day in self.exceptions:
            return self.exceptions[day]
        return [] if day in self.holidays else self.hours.get(day.isoweekday(), [])

    def working_days_from(self, day: date) -> Iterator[date]:
        """Working days, this one included if it is one. Raises ValueError where there is none within 400 days."""
        for ahead in range(_HORIZON):
            if self.spans_on(day + timedelta(days=ahead)):
                yield day + timedelta(days=ahead)
        raise ValueError("no working day within 400 days")

    def utc(self, day: date, at: time) -> datetime:
        """Local wall time as UTC. In the gap of spring the time after it is meant, in the fold of autumn the first of the two."""
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)


def business_start(calendar: Calendar, asked_at: datetime) -> datetime:
    """When the clock begins: at once within working hours, else at the next opening. UTC in, UTC out."""
    local = asked_at.astimezone(calendar.zone)
    for day in calendar.working_days_from(local.date()):
        for opens, closes in calendar.spans_on(day):
            if day > local.date() or local.time() < opens:
                return calendar.utc(day, opens)
            if local.time() < closes:
                return asked_at.astimezone(UTC)
    raise AssertionError  # working_days_from never ends without raising


def add_business_days(calendar: Calendar, asked_at: datetime, days: int) -> datetime:
    """`days` whole business days after `asked_at`, UTC."""
    start = business_start(calendar, asked_at).astimezone(calendar.zone)
    working = calendar.working_days_from(start.date() + timedelta(days=1))
    day = start.date()
    for _ in range(days):
        day = next(working)
    return calendar.utc(day, start.time())


def part_of_business_day(calendar: Calendar, asked_at: datetime, part: float) -> datetime:
    """The moment by which `part` (0 to 1) of the working time of the first business day has passed, UTC."""
    start, end = business_start(calendar, asked_at), add_business_days(calendar, asked_at, 1)
    worked = list(_worked_between(calendar, start, end))
    left = sum((until - since for since, until in worked), timedelta()) * part
    for since, until in worked:
        if left <= until - since:
            return since + left
        left -= until - since
    return end


def _worked_between(calendar: Calendar, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Spans of work between two moments, UTC."""
    day = start.astimezone(calendar.zone).date()
    while day <= end.astimezone(calendar.zone).date():
        for opens, closes in calendar.spans_on(day):
            since, until = max(start, calendar.utc(day, opens)), min(end, calendar.utc(day, closes))
            if since < until:
                yield since, until
        day += timedelta(days=1)
