"""Calendar entries as two parsers read them that know nothing of each other: icalendar here, ical.js in Node."""

import json
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest

from devstack import folders
from services.notification.mails import LETTERS
from services.notification.mails.calendars import entry_of
from services.notification.mails.texts import LANGUAGES
from services.notification.mails.values import Reader
from shared import crypto
from shared.events.schemas import schema_of
from tests.notification import facts
from tests.notification.house import case
from tests.notification.test_calendars import ENTRIES, NOW, SITE, entry
from tests.notification.test_letters import SENDER

pytestmark = pytest.mark.xdist_group("node")  # one installation of ical.js in this checkout

READER = Path(__file__).parent / "itip"
ZONES = ("Europe/Istanbul", "Asia/Kolkata", "America/Phoenix", "Africa/Lagos", "Africa/Cairo", "Europe/London", "America/New_York")
DAYS = ("2027-03-14", "2027-03-28", "2027-04-29", "2027-04-30", "2027-10-28", "2027-10-29", "2027-10-31", "2027-11-07")


@pytest.fixture(scope="module")
def second_reader():
    """What ical.js reads of calendars: a list of their values."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"{program} is missing: install Node.js with npm (Debian: nodejs, npm) to have calendar entries read a second time")
    place = folders.CHECKOUT / ".devstack" / "itip"
    shutil.copytree(READER, place, dirs_exist_ok=True)
    subprocess.run(["npm", "ci", "--silent"], cwd=place, check=True, timeout=300)

    def read(texts):
        done = subprocess.run(["node", "read.mjs"], cwd=place, input=json.dumps(texts), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


def first_reader(text):
    calendar = icalendar.Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    attendees = event["ATTENDEE"] if isinstance(event["ATTENDEE"], list) else [event["ATTENDEE"]]
    start, end = event.decoded("DTSTART"), event.decoded("DTEND")
    return {
        "method": str(calendar["METHOD"]),
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "floating": start.tzinfo is None,
        "start": instant(start),
        "end": instant(end),
        "summary": str(event["SUMMARY"]),
        "description": str(event["DESCRIPTION"]),
        "class": str(event["CLASS"]),
        "status": str(event["STATUS"]),
        "organizer": str(event["ORGANIZER"]),
        "attendees": [str(one) for one in attendees],
    }


def instant(moment):
    """As JavaScript prints it."""
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_both_readers_see_the_same_in_every_entry_and_language(second_reader):
    of, hospital = case(crypto.new_id()), crypto.new_id()
    made = []
    for letter in ENTRIES:
        fact = facts.slot_cancelled(hospital, of) if LETTERS[letter].calendar == "CANCEL" else facts.slot_confirmed(hospital, of)
        made += [entry(letter, fact, Reader(language, "Africa/Lagos", name="Ann Lee")).text for language in LANGUAGES]
    assert {first_reader(text)["method"] for text in made} == {"REQUEST", "CANCEL"}
    assert second_reader(made) == [first_reader(text) for text in made]


def test_both_readers_see_the_agreed_moment_on_both_sides_of_every_change_of_clocks(second_reader):
    starts = [datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=ZoneInfo(zone)) for zone in ZONES for day in DAYS]
    texts = []
    for start in starts:
        of, zone = case(crypto.new_id()), start.tzinfo.key
        fact = facts.slot_confirmed(crypto.new_id(), of, start=start, end=start + timedelta(minutes=30), timezone=zone)
        params = schema_of(type(fact)).dump(fact)
        texts.append(
            entry_of("appointment_confirmed", params, Reader("en", zone), sender=SENDER, to="a@b.test", site_url=SITE, now=NOW).text
        )
    for start, one in zip(starts, second_reader(texts), strict=True):
        assert (one["start"], one["end"], one["floating"]) == (instant(start), instant(start + timedelta(minutes=30)), False)
    assert second_reader(texts) == [first_reader(text) for text in texts]


def test_the_second_reader_refuses_what_is_no_calendar(second_reader):
    with pytest.raises(AssertionError, match="ParserError"):
        second_reader(["BEGIN:VCALENDAR\r\nno line of a calendar\r\nEND:VCALENDAR\r\n"])
