"""Two hospitals offer a price, the patient takes one: as both sides see it, on real parts, and as their mails and webhooks tell it."""

import json

import pytest
import requests

from devstack import mother
from devstack.client import Client
from tests.journeys import booking
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

AFTERCARE = {"at_home": "A rehabilitation clinic in Lagos", "phone_24h": "+902120000000", "complication_cover_until": "2030-01-31"}
PRICES = {"first": 2_345_600, "second": 2_456_700}


def terms(price, *included):
    stage = {"name": "Implantation of the pump", "min_minor": price, "max_minor": price, "stay_days": 5}
    return {"currency": "USD", "language": "en", "stages": [stage], "included": list(included), "aftercare": AFTERCARE}


def asked(stack):
    """An open case, its patient signed in by the mailed link."""
    body, address = stack.body()
    reference = stack.visitor.post("enquiry", "/v1/enquiries", body)["reference"]
    stack.prove(address)
    patient = Client(stack.place)
    patient.sign_in(case_link=mother.token_in(stack.mail(address, "/l/case/"), "case"))
    return reference, address, patient


def invitation_of(stack, robot, reference):
    """By its id; the hospital's list may be long by now."""
    asked = """SELECT i.id FROM invitations i JOIN enquiries e ON e.id = i.enquiry_id JOIN listed_hospitals h ON h.id = i.hospital_id
               WHERE e.reference = %s AND h.slug = %s"""
    return stack.sql("enquiry", asked, reference, robot.slug)[0][0]


def case_of(stack, robot, reference):
    """The case as this hospital opens it."""
    return robot.client.post("enquiry", f"/v1/invitations/{invitation_of(stack, robot, reference)}/view")


def offered(stack, robot, reference, said):
    body = {"terms": said, "price_reason": "Two days of intensive care are in it"}
    return robot.client.post("enquiry", f"/v1/invitations/{invitation_of(stack, robot, reference)}/quotes", body)


def consent(stack):
    text = next(one for one in stack.form["consents"] if one["purpose"] == "release_identity")
    return {name: text[name] for name in ("version", "language", "sha256")}


def told(stack, robot, kind, quote):
    """The verified webhook of this kind about a quote, as its receiver has it."""

    def found():
        received = requests.get(f"{stack.place.receiver.url.rstrip('/')}/received", timeout=120).json()
        bodies = [one["body"] for one in received if one["verified"] and one["hospital"] == robot.slug]
        return next((json.loads(body) for body in bodies if f'"{kind}"' in body and quote["id"] in body), None)

    return until(found, what=f"the webhook {kind}")


def test_two_quotes_are_compared_one_is_accepted_and_booked_and_each_side_hears_its_part(stack):
    reference, address, patient = asked(stack)
    first, second = stack.hospitals[:2]
    mine = offered(stack, first, reference, terms(PRICES["first"], "surgical-team", "hospital-stay"))
    other = offered(stack, second, reference, terms(PRICES["second"], "surgical-team", "hospital-stay", "hotel"))

    compared = patient.get("enquiry", f"/v1/enquiries/{reference}/comparison")
    assert compared["totals"] == {"comparable": False, "reasons": ["inclusions_differ"], "by_price": []}
    assert [line["item"] for line in compared["lines"] if line["differs"]] == ["hotel"]
    assert case_of(stack, first, reference)["identity"] is None

    seen = next(one for one in compared["items"] if one["id"] == mine["id"])
    acceptance = {"acknowledged": ["price", "risks"], "consent": consent(stack)}
    accepted = patient.post("enquiry", f"/v1/quotes/{mine['id']}/accept", acceptance, if_match=seen["revision"])
    assert accepted["state"] == "accepted"
    assert case_of(stack, first, reference)["identity"]["email"] == address
    assert case_of(stack, second, reference)["identity"] is None

    assert "Bello" not in json.dumps(told(stack, first, "quote.accepted", mine))
    assert told(stack, second, "quote.declined", other)["data"]["reason"] == "another_selected"
    booking.book(stack, first, patient, reference)
    until(lambda: patient.get("enquiry", f"/v1/quotes/{mine['id']}")["state"] == "booked", what="the quote being booked")
    until(lambda: len(letters(stack, address)) >= 6, what="the patient's mails")
    for letter in letters(stack, address):
        assert not any(word in letter for word in ("23,456", "24,567", "USD", "baclofen", "Baclofen", "pump", "Implantation"))


def letters(stack, address):
    """All that was mailed to them: subjects and texts."""
    return [f"{one['subject']}\n{mother.text_of(one)}" for one in stack.place.mailbox.messages_to(address)]


def test_a_quote_that_is_taken_back_and_one_that_is_declined_are_told_in_one_mail(stack):
    reference, address, patient = asked(stack)
    first, second = stack.hospitals[:2]
    mine, other = (offered(stack, robot, reference, terms(2_400_000, "surgical-team")) for robot in (first, second))
    declined = patient.post("enquiry", f"/v1/quotes/{mine['id']}/decline", {"reason": "too_expensive"}, if_match=mine["revision"])
    assert declined["state"] == "declined"
    assert told(stack, first, "quote.declined", mine)["data"]["reason"] == "too_expensive"
    robot_says = second.client.post("enquiry", f"/v1/quotes/{other['id']}/withdraw", {"reason": "mistake"}, if_match=other["revision"])
    assert robot_says["state"] == "withdrawn"
    assert patient.get("enquiry", f"/v1/enquiries/{reference}")["state"] in {"open", "unfulfilled"}
    until(lambda: "A quote has been withdrawn" in letters(stack, address)[-1], what="one mail of all that happened in these seconds")
    (news,) = letters(stack, address)[2:]
    assert [news.count(title) for title in ("* You have a quote", "* A quote has been withdrawn")] == [2, 1]
