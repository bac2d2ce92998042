"""Which slots a resource has: weekly hours, exceptions, lead time, in the hospital's zone. Pure; knows no table of claims."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.enquiry.clocks import Calendar

MOST_DAYS = 62  # in one answer


class Bookable(Protocol):
    """What of a resource counts here; all in minutes."""

    id: UUID
    slot_minutes: int
    lead_minutes: int


@dataclass(frozen=True, order=True)
class Slot:
    """From `start` to `end`, UTC."""

    start: datetime
    end: datetime
    resource_id: UUID


def slots_between(calendar: Calendar, resource: Bookable, since: datetime, until: datetime, *, now: datetime) -> Iterator[Slot]:
    """Slots that begin in [since, until), none before `now` and the lead time. In UTC: an hour that a change of clocks takes away has none, one that it repeats has them twice."""
    length, earliest = timedelta(minutes=resource.slot_minutes), max(since, now + timedelta(minutes=resource.lead_minutes))
    day, last = since.astimezone(calendar.zone).date(), until.astimezone(calendar.zone).date()
    while day <= last:
        for opens, closes in calendar.spans_on(day):
            start, closing = calendar.utc(day, opens), calendar.utc(day, closes)
            while start + length <= closing:
                if earliest <= start < until:
                    yield Slot(start, start + length, resource.id)
                start += length
        day += timedelta(days=1)


def slot_at(calendar: Calendar, resource: Bookable, start: datetime, *, now: datetime) -> Slot | None:
    """The slot that begins then, if there is one to be asked for."""
    start = start.astimezone(UTC)
    return next(slots_between(calendar, resource, start, start + timedelta(microseconds=1), now=now), None)
