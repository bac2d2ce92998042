"""Calendar entries in mails: the same entry for both sides, moved and taken back by its number, silent about who meets whom and why."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest

from services.notification.mails import LETTERS
from services.notification.mails.calendars import entry_of
from services.notification.mails.compose import Part, compose
from services.notification.mails.texts import LANGUAGES
from services.notification.mails.values import Reader
from shared import crypto
from shared.events.schemas import schema_of
from tests.notification import facts
from tests.notification.house import case
from tests.notification.test_letters import LINKS, SENDER

NOW = datetime(2027, 1, 11, 9, 0, tzinfo=UTC)
ENTRIES = [name for name, letter in LETTERS.items() if letter.calendar]
SITE = "https://passage.test"


READER = Reader("en", "Africa/Lagos", name="Ann Lee")


def entry(letter, fact, reader=READER, to="ann@patients.test"):
    return entry_of(letter, schema_of(type(fact)).dump(fact), reader, sender=SENDER, to=to, site_url=SITE, now=NOW)


def event_of(found):
    calendar = icalendar.Calendar.from_ical(found.text)
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == found.method
    return event


def test_a_confirmation_reaches_both_sides_as_a_request_with_one_uid(house, hospital, receiver):
    of = case(house.patient(timezone="Africa/Lagos"))
    house.endpoint(hospital, "email", "desk@hospital.test")
    fact = facts.slot_confirmed(hospital, of)
    house.hear(fact)
    house.work(lambda: house.mail.to("ann@patients.test") and house.mail.to("desk@hospital.test"), what="both mails")
    found = []
    for address in ("ann@patients.test", "desk@hospital.test"):
        message = house.mail.to(address)[0]
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html", "text/calendar"]
        part = list(message.iter_parts())[-1]
        calendar = icalendar.Calendar.from_ical(part.get_content())
        assert (part.get_param("method"), str(calendar["METHOD"]), part.get_content_charset()) == ("REQUEST", "REQUEST", "utf-8")
        (event,) = calendar.walk("VEVENT")
        assert event["ATTENDEE"] == f"mailto:{address}"
        found.append(event)
    assert len({str(event["UID"]) for event in found}) == 1
    assert {event.decoded("DTSTART") for event in found} == {facts.START}
    assert {event["SEQUENCE"] for event in found} == {0}


def test_a_cancellation_takes_the_same_entry_back_under_the_next_number():
    of, hospital = case(crypto.new_id()), crypto.new_id()
    confirmed = facts.slot_confirmed(hospital, of)
    request = event_of(entry("appointment_confirmed", confirmed))
    taken_back = entry("appointment_cancelled", facts.slot_cancelled(hospital, of, appointment_id=confirmed.appointment_id))
    cancel = event_of(taken_back)
    assert taken_back.method == "CANCEL"
    assert (cancel["UID"], cancel["SEQUENCE"], cancel["STATUS"]) == (request["UID"], 1, "CANCELLED")
    assert (request["SEQUENCE"], request["STATUS"], request["CLASS"]) == (0, "CONFIRMED", "PRIVATE")


def test_a_new_time_replaces_the_entry_under_the_next_number():
    of, hospital = case(crypto.new_id()), crypto.new_id()
    confirmed = facts.slot_confirmed(hospital, of)
    later = facts.START + timedelta(days=1)
    moved = facts.rescheduled(hospital, of, appointment_id=confirmed.appointment_id, start=later, end=later + timedelta(minutes=30))
    before, after = (event_of(entry(f"appointment_{name}", fact)) for name, fact in (("confirmed", confirmed), ("rescheduled", moved)))
    assert after["UID"] == before["UID"]
    assert (after["SEQUENCE"], after.decoded("DTSTART"), after["STATUS"]) == (1, later, "CONFIRMED")


def test_what_was_never_confirmed_has_no_entry_to_be_taken_back():
    fact = facts.slot_cancelled(crypto.new_id(), case(crypto.new_id()), state="awaiting_confirmation", sequence=None)
    assert entry("appointment_cancelled", fact) is None
    assert entry("appointment_declined", facts.slot_declined(crypto.new_id(), case(crypto.new_id()))) is None


@pytest.mark.parametrize("zone", ["Europe/Istanbul", "Asia/Kolkata", "America/Phoenix", "Africa/Lagos", "Africa/Cairo", "Europe/London"])
@pytest.mark.parametrize(
    "day", ["2027-03-27", "2027-03-28", "2027-04-29", "2027-04-30", "2027-10-28", "2027-10-29", "2027-10-30", "2027-10-31"]
)
def test_an_entry_is_right_on_both_sides_of_a_change_of_clocks(zone, day):
    start = datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=ZoneInfo(zone))
    fact = facts.slot_confirmed(crypto.new_id(), case(crypto.new_id()), start=start, end=start + timedelta(minutes=30), timezone=zone)
    event = event_of(entry("appointment_confirmed", fact))
    assert event.decoded("DTSTART") == start.astimezone(UTC)
    assert event.decoded("DTEND") - event.decoded("DTSTART") == timedelta(minutes=30)
    assert event.decoded("DTSTART").astimezone(ZoneInfo(zone)).hour == 9
    assert "09:00" in str(event["DESCRIPTION"])


def test_both_wall_clocks_are_printed_where_they_differ():
    fact = facts.slot_confirmed(crypto.new_id(), case(crypto.new_id()))
    params = schema_of(type(fact)).dump(fact)
    mail = compose([Part("appointment_confirmed", params)], Reader("en", "Africa/Lagos"), LINKS)
    assert "When: Tuesday, 12 January 2027, 10:00 (Lagos time), 09:00\u00a0UTC" in mail.text
    assert "Local time there: Tuesday, 12 January 2027, 12:00 (Istanbul time)" in mail.text
    assert "Local time there" not in compose([Part("appointment_confirmed", params)], Reader("en", "Europe/Istanbul"), LINKS).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", ENTRIES)
def test_an_entry_names_nobody_and_opens_nothing(letter, language):
    of = case(crypto.new_id())
    fact = facts.slot_cancelled(crypto.new_id(), of) if LETTERS[letter].calendar == "CANCEL" else facts.slot_confirmed(crypto.new_id(), of)
    found = entry(letter, fact, Reader(language, "Africa/Lagos", name="Ann Lee", hospital="Liman & Koru Hospital"))
    event = event_of(found)
    said = f"{event['SUMMARY']} {event['DESCRIPTION']}"
    for secret in ("Ann", "Liman", facts.REFERENCE, "/l/", "changed_mind", "assessment"):
        assert secret not in said
    assert SITE in said
    assert all(len(line.encode()) <= 75 for line in found.text.split("\r\n"))


def test_a_mail_without_an_entry_has_two_parts_as_before(house, hospital):
    of = case(house.patient())
    house.hear(facts.slot_submitted(hospital, of))
    house.work(lambda: house.mail.to("ann@patients.test"), what="a mail")
    message = house.mail.to("ann@patients.test")[0]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
