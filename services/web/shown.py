"""How values stand on a page: moments in the reader's zone and in UTC, references, countries, names of things. Each keeps its own direction.

Filters for templates; knows no page.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime, format_timedelta, get_timezone_location
from flask import Flask
from markupsafe import Markup, escape

from .languages import RIGHT_TO_LEFT, gettext, language, locale, mark

IN_ZONE = mark("%(place)s time")
COMMAS = {"ar": "، "}
LONG = {"tr": "d MMMM y EEEE, HH:mm"}  # Turkish names the weekday last; patterns of Unicode CLDR (UTS 35)


def add_to(app: Flask) -> None:
    filters = (moment, day_and_time, until, left, day, apart, spoken, country, words)
    app.jinja_env.filters.update({one.__name__: one for one in filters})


def moment(at: str | datetime, zone: str = "UTC") -> Markup:
    """`Tuesday, 24 November 2026, 16:00 (Istanbul time), 13:00 UTC`: the reader's zone first where it is known, then UTC."""
    then = _read(at)
    utc, (there, place) = then.astimezone(UTC), _zone(zone)
    long = LONG.get(language(), "EEEE, d MMMM y, HH:mm")
    if place is None:
        return _time(then, format_datetime(utc, f"{long} 'UTC'", tzinfo=UTC, locale=locale()))
    local = format_datetime(then, long, tzinfo=there, locale=locale())
    same_day = then.astimezone(there).date() == utc.date()
    other = format_datetime(utc, "HH:mm 'UTC'" if same_day else "d MMMM, HH:mm 'UTC'", tzinfo=UTC, locale=locale())
    return _time(then, f"{local} ({_in_zone(place)}), {other}")


def day_and_time(at: str | datetime, zone: str = "UTC", *, named: bool = False) -> Markup:
    """`24 Nov 2026, 16:00`, in the reader's zone, `named` with ` (Istanbul time)`; with `UTC` behind it where that is not known."""
    then, (there, place) = _read(at), _zone(zone)
    text = format_datetime(then, "d MMM y, HH:mm" if place else "d MMM y, HH:mm 'UTC'", tzinfo=there, locale=locale())
    return _time(then, f"{text} ({_in_zone(place)})" if named and place else text)


def until(since: str | datetime, end: str | datetime, zone: str = "UTC", *, named: bool = False) -> Markup:
    """`1 Dec 2026, 10:00 – 15:00`: a span, whose day is said once where it is the same. The rest as in day_and_time."""
    there, place = _zone(zone)
    first, last = _read(since).astimezone(there), _read(end).astimezone(there)
    if first.date() != last.date():
        return day_and_time(first, zone) + Markup(" – ") + day_and_time(last, zone, named=named)
    clock = format_datetime(last, "HH:mm" if place else "HH:mm 'UTC'", tzinfo=there, locale=locale())
    day = format_datetime(first, "d MMM y, HH:mm", tzinfo=there, locale=locale())
    return _time(first, f"{day} – {clock}" + (f" ({_in_zone(place)})" if named and place else ""))


def left(at: str | datetime) -> Markup:
    """`in 5 hours`, `2 days ago`."""
    then = _read(at)
    return apart(format_timedelta(then - datetime.now(UTC), add_direction=True, locale=locale()))


def day(text: str) -> Markup:
    """A calendar date as 2026-01-31, in words; anything else as it is."""
    try:
        return apart(format_date(date.fromisoformat(text), "long", locale=locale()))
    except ValueError:
        return apart(text)


def apart(text: object) -> Markup:
    """Isolated from the direction of the text around it."""
    return Markup("<bdi>{}</bdi>").format(text)


def spoken(text: Mapping[str, str]) -> Markup:
    """A text of the catalog, {text, lang}: where it is not in the reader's language it keeps its own, and its direction."""
    lang = text["lang"]
    if lang == language():
        return escape(text["text"])
    return Markup('<span lang="{}" dir="{}">{}</span>').format(lang, "rtl" if lang in RIGHT_TO_LEFT else "ltr", text["text"])


def country(code: str) -> str:
    """Its name in the reader's language; the code where there is none."""
    return str(locale().territories.get(code, code))


def words(slug: str) -> str:
    """A slug as words, where nothing better is known."""
    return slug.replace("-", " ").replace("_", " ").capitalize()


def _read(at: str | datetime) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _time(at: datetime, text: str) -> Markup:
    text = text.replace(", ", COMMAS.get(language(), ", "))
    return Markup('<time datetime="{}"><bdi>{}</bdi></time>').format(at.astimezone(UTC).isoformat(), text)


def _in_zone(place: str) -> str:
    return gettext(IN_ZONE) % {"place": place}


def _zone(name: str) -> tuple[ZoneInfo, str | None]:
    """The zone and its city in the reader's language; UTC and None where it is not known."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC"), None
    return zone, None if name in {"UTC", "Etc/UTC"} else get_timezone_location(zone, locale=language(), return_city=True)
