"""What texts may show: times in the reader's zone and language, links made from ids, references. Nothing else reaches a letter.

A token is derived here when the mail is made, and kept nowhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_datetime, get_timezone_location
from markupsafe import Markup, escape

from shared import crypto

from . import LETTERS
from .texts import RIGHT_TO_LEFT, phrases

SHOWN = (
    "reference",
    "expires",
    "promised",
    "due",
    "due_short",
    "start",
    "there",
    "times",
    "hospital",
    "name",
)  # set apart from the text around them
IN_UTC = "\u00a0'UTC'"  # the end of a pattern; never alone on a line


@dataclass(frozen=True)
class Reader:
    """Who reads the letter: language, zone, how to address them, and for whom they work."""

    language: str
    timezone: str = "UTC"
    name: str | None = None
    hospital: str | None = None

    @property
    def right_to_left(self) -> bool:
        return self.language in RIGHT_TO_LEFT


@dataclass(frozen=True)
class Links:
    """Makes the addresses of buttons."""

    site_url: str
    key: bytes

    def button(self, letter: str, params: Mapping[str, Any]) -> str | None:
        """Where the button of a letter leads; None where it has none."""
        named = LETTERS[letter].button
        if named is None:
            return None
        if named == "desk":
            return self.desk(params["invitation_id"])
        link = params[named]
        if link is None:
            return None
        token = crypto.link_token(
            self.key, link_id=UUID(link["id"]), purpose=link["purpose"], expires_at=datetime.fromisoformat(link["expires_at"])
        )
        return f"{self.site_url}/l/{link['purpose']}/{token}"

    def desk(self, invitation_id: str) -> str:
        """Leads to sign-in first: it opens nothing by itself."""
        return f"{self.site_url}/desk/invitations/{invitation_id}"


def expiry_of(letter: str, params: Mapping[str, Any]) -> datetime | None:
    """When the link of a letter's button ends; None where it has none that does."""
    link = params.get(LETTERS[letter].button or "")
    return datetime.fromisoformat(link["expires_at"]) if isinstance(link, Mapping) else None


def values_of(letter: str, params: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """The values of one letter as plain text."""
    expires, promised = expiry_of(letter, params), params.get("promised_at")
    due = next((params[name] for name in ("answer_due", "valid_until", "book_until") if name in params), None)
    values = {
        "reference": params.get("reference") or "",
        "name": (reader.name or "") if LETTERS[letter].greets else "",
        "hospital": reader.hospital or "",
        "reason": params.get("reason"),
        "count": len(params.get("hospital_ids", ())),
        "expires": moment(expires, reader) if expires else "",
        "due": moment(datetime.fromisoformat(due), reader) if due else "",
        "due_short": short_moment(datetime.fromisoformat(due), reader) if due else "",
        "start": moment(datetime.fromisoformat(params["start"]), reader) if params.get("start") else "",
        "there": _there(params, reader),
        "times": "; ".join(moment(datetime.fromisoformat(slot["start"]), reader) for slot in params.get("slots", ())),
        "state": params.get("state"),
        "by": params.get("by"),
        "found": params.get("found"),
        "promised": moment(datetime.fromisoformat(promised), reader) if promised else "",
    }
    if letter == "task":
        kind, said = params["kind"], phrases(reader.language)
        values |= {"task": said["tasks"][kind], "explanation": said["explanations"][kind]}
    return values


def _there(params: Mapping[str, Any], reader: Reader) -> str:
    """The wall clock of the hospital, where the reader's is another: `Tuesday, 24 November 2026, 16:00 (Istanbul time)`."""
    if not params.get("start") or params.get("timezone", reader.timezone) == reader.timezone:
        return ""
    zone, place = zone_of(Reader(reader.language, params["timezone"]))
    said, at = phrases(reader.language), datetime.fromisoformat(params["start"])
    local: str = format_datetime(at, said["times"]["long"], tzinfo=zone, locale=reader.language)
    return f"{local} ({said['zone'].replace('{{ place }}', place)})" if place else local + "\u00a0UTC"


def for_text(values: Mapping[str, Any], *, right_to_left: bool) -> dict[str, Any]:
    """In a right-to-left text each value is isolated (Unicode UAX 9), so that times and references are not turned round."""
    return {name: f"\u2068{v}\u2069" if right_to_left and v and name in SHOWN else v for name, v in values.items()}


def for_html(values: Mapping[str, Any], *, right_to_left: bool) -> dict[str, Any]:
    """As `for_text`, by <bdi>."""
    return {
        name: Markup("<bdi>") + escape(v) + Markup("</bdi>") if right_to_left and v and name in SHOWN else v for name, v in values.items()
    }


def moment(at: datetime, reader: Reader) -> str:
    """`Tuesday, 24 November 2026, 16:00 (Istanbul time), 13:00 UTC`: the reader's zone first, then UTC; patterns as the language writes them."""
    return _moment(at.replace(second=0, microsecond=0), Reader(reader.language, reader.timezone))


@lru_cache(maxsize=1024)  # many letters name the same minutes; nothing of a person is kept
def _moment(at: datetime, reader: Reader) -> str:
    zone, place = zone_of(reader)
    said, locale, utc = phrases(reader.language), reader.language, at.astimezone(UTC)
    times = said["times"]
    if place is None:
        return format_datetime(utc, times["long"] + IN_UTC, tzinfo=UTC, locale=locale)
    same_day = at.astimezone(zone).date() == utc.date()
    shown = {
        "local": format_datetime(at, times["long"], tzinfo=zone, locale=locale),
        "zone": said["zone"].replace("{{ place }}", place),
        "utc": format_datetime(utc, ("HH:mm" if same_day else times["day"]) + IN_UTC, tzinfo=UTC, locale=locale),
    }
    return re.sub(r"{{ (\w+) }}", lambda found: shown[found[1]], times["also"])


def short_moment(at: datetime, reader: Reader) -> str:
    """For subjects: `24 Nov, 16:00` in the reader's zone."""
    zone, place = zone_of(reader)
    pattern: str = phrases(reader.language)["times"]["short"]
    return format_datetime(at, pattern if place else pattern + IN_UTC, tzinfo=zone, locale=reader.language)


def zone_of(reader: Reader) -> tuple[ZoneInfo, str | None]:
    """The reader's zone and its city in the reader's language; UTC and None where it is not known."""
    try:
        zone = ZoneInfo(reader.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC"), None
    if reader.timezone in {"UTC", "Etc/UTC"}:
        return zone, None
    return zone, get_timezone_location(zone, locale=reader.language, return_city=True)
