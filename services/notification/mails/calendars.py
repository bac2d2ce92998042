"""Calendar entries (RFC 5545) as iTIP messages (RFC 5546): REQUEST and CANCEL, one UID for the life of an appointment, SEQUENCE as the fact says.

Others may read a calendar: an entry names neither a person, a hospital nor a reason, and holds no link that opens a case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from icalendar import Calendar, Event, vCalAddress, vText

from . import LETTERS
from .messages import Sender
from .texts import phrases, plain
from .values import Reader, values_of


@dataclass(frozen=True)
class Entry:
    """One iTIP message. `method` stands in it and in the header of its part."""

    method: str
    text: str


def entry_of(
    letter: str, params: Mapping[str, Any], reader: Reader, *, sender: Sender, to: str, site_url: str, now: datetime
) -> Entry | None:
    """What goes into the calendar of `to`; None where the letter brings no entry, or its appointment never had one.

    Times are in UTC, which no change of zone rules moves; both wall clocks stand in the description.
    """
    method = LETTERS[letter].calendar
    if method is None or params.get("sequence") is None:
        return None
    said = phrases(reader.language)["calendar"]
    values = {**values_of(letter, params, reader), "site": site_url}
    event = Event()
    event.add("uid", f"{params['appointment_id']}@{sender.domain}")
    event.add("sequence", params["sequence"])
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", _utc(params["start"]))
    event.add("dtend", _utc(params["end"]))
    event.add("summary", plain.from_string(said["summary"]).render(values))
    event.add("description", plain.from_string(said["description"]).render(values))
    event.add("class", "PRIVATE")
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("organizer", _address(sender.address, CN=sender.name))
    event.add("attendee", _address(to, ROLE="REQ-PARTICIPANT", PARTSTAT="ACCEPTED", RSVP="FALSE"))
    calendar = Calendar()
    calendar.add("prodid", "-//Passage//Passage//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return Entry(method, calendar.to_ical().decode())


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _address(address: str, **parameters: str) -> vCalAddress:
    made = vCalAddress(f"mailto:{address}")
    for name, value in parameters.items():
        made.params[name] = vText(value)
    return made
