"""A canary flies through the whole of Passage: it is seen nowhere but in its own mails; and when it is erased, not even what was sealed is left."""

import json
from contextlib import contextmanager

import psycopg
import pytest
import requests

from devstack import mother
from devstack.client import Client, Refused
from tests.journeys import booking, conftest, searching
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

ADDRESS = "kanarya-7f3a9@example.org"
NEEDLES = {
    "requester": "Kanarya-Quistė",
    "patient": "كناري الزهراء",
    "words": "Канарейка не спит",
    "address": "kanarya-7f3a9",
    "phone": "905321234567",
}
FORMS = {name: searching.forms_of(text) for name, text in NEEDLES.items()}


def canary(stack):
    body, _ = stack.body()
    body["requester"] |= {"name": f"Zoë {NEEDLES['requester']}", "email": ADDRESS, "phone": f"+{NEEDLES['phone']}", "language": "ar"}
    body["patient"]["name"] = NEEDLES["patient"]
    body["message"] = f"She says: {NEEDLES['words']}."
    return body


def refusals(stack, body):
    """What is answered to requests that are wrong, each with the canary in it."""
    url, ask = stack.place.http("enquiry"), {"timeout": 10, "headers": {"Idempotency-Key": "canary-refused"}}
    wrong = [
        {**body, "requester": {**body["requester"], "email": f"{NEEDLES['address']} at example"}},
        {**body, "requester": {**body["requester"], "country": NEEDLES["requester"]}},
        {**body, "patient": {**body["patient"], "birth_year": NEEDLES["patient"]}},
        {**body, "procedure": NEEDLES["words"]},
        {**body, "wants": [NEEDLES["words"]]},
    ]
    for one in wrong:
        answer = requests.post(f"{url}/v1/enquiries", json=one, **ask)
        assert answer.status_code == 422, answer.text
        yield "a refusal", answer.content + str(answer.headers).encode()
    yield "a refusal", requests.post(f"{url}/v1/enquiries", data=f'{{"message": "{NEEDLES["words"]}'.encode(), **ask).content
    yield "a refusal", requests.get(f"{url}/v1/enquiries/{NEEDLES['address']}", timeout=120).content


@contextmanager
def no_enquiry_can_be_written(stack):
    """Each is refused by the database, which names the row that it refuses."""
    with psycopg.connect(stack.place.parts.postgres.url("enquiry"), autocommit=True) as connection:
        connection.execute("ALTER TABLE enquiries ADD CONSTRAINT nobody CHECK (false) NOT VALID")
        try:
            yield
        finally:
            connection.execute("ALTER TABLE enquiries DROP CONSTRAINT nobody")


def a_fault_of_ours(stack, body):
    """What is answered where a request fails inside; the traceback is in the log."""
    headers = {"Idempotency-Key": "canary-failed"}
    with no_enquiry_can_be_written(stack):
        answer = requests.post(f"{stack.place.http('enquiry')}/v1/enquiries", json=body, timeout=10, headers=headers)
    assert answer.status_code == 500, answer.text
    (said,) = [
        line
        for line in conftest.LOG.read_text(encoding="utf-8").splitlines()
        if answer.json()["trace_id"] in line and "request failed" in line
    ]
    assert "CheckViolation 23514" in said
    assert "psycopg/cursor.py" in said  # the frames of where it was
    yield "a fault", answer.content + str(answer.headers).encode()


def everywhere(stack):
    place = stack.place
    yield from searching.tables(place)
    yield from searching.topics(place)
    yield from searching.logs(place, conftest.LOG)
    yield from searching.figures(place)
    yield from searching.told_to_others(place, ADDRESS)


def sealed_of(stack, case_id):
    """What lies sealed about the canary before its erasure, wherever it does."""
    rows = stack.sql(
        "enquiry",
        "SELECT p.id, p.email_hash, p.wrapped_key, p.sealed_contact, p.sealed_person, e.sealed_request FROM patients p JOIN enquiries e ON e.patient_id = p.id WHERE e.id = %s",
        case_id,
    )
    patient_id, *own = rows[0]
    names = ("email_hash", "wrapped_key", "sealed_contact", "sealed_person", "sealed_request")
    ((wrapped, sealed),) = stack.sql("notification", "SELECT wrapped_key, sealed FROM patients WHERE id = %s", patient_id)
    assert bytes(sealed) == bytes(own[2])  # the topic carries what the column holds
    held = dict(zip(names, own, strict=True)) | {"wrapped for notification": wrapped}
    return {name: searching.forms_of_bytes(bytes(value)) for name, value in held.items()}


@pytest.mark.parametrize("name", NEEDLES)
def test_the_search_finds_each_needle_in_each_form(name):
    for coding in ("utf-8", "utf-16-le", "utf-16-be"):
        raw = NEEDLES[name].encode(coding)
        for hidden in (raw, raw.hex().encode(), *(searching.base64.b64encode(b"x" * n + raw + b"y" * 5) for n in range(5))):
            assert searching.sightings([("here", b"before" + hidden + b"after")], FORMS) == [("here", name)]
    assert searching.sightings([("here", searching.json.dumps({"a": NEEDLES[name]}).encode())], FORMS) == [("here", name)]
    assert searching.sightings([("here", b"nothing of the kind")], FORMS) == []


def test_the_canary_is_seen_nowhere_and_after_its_erasure_nothing_sealed_is_left(stack):
    body = canary(stack)
    assert searching.sightings([*refusals(stack, body), *a_fault_of_ours(stack, body)], FORMS) == []
    reference = stack.visitor.post("enquiry", "/v1/enquiries", body)["reference"]
    assert stack.prove(ADDRESS)["state"] == "open"
    stack.visitor.post("enquiry", "/v1/links", {"email": ADDRESS})
    seen_by_hospitals = list(look_as_hospitals(stack, reference))
    assert len(seen_by_hospitals) == 2
    assert searching.sightings(seen_by_hospitals, FORMS) == []
    until(lambda: stack.webhooks(reference) == set(stack.slugs), what="a webhook at each hospital")
    own = stack.mail(ADDRESS, "/l/case/")
    assert searching.sightings([("own mail", own.get_body(("plain",)).get_content().encode())], FORMS) == [("own mail", "requester")]
    patient = Client(stack.place)
    patient.sign_in(case_link=mother.token_in(own, "case"))
    appointment = meet(stack, patient, reference)
    ((case_id,),) = stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = %s", reference)
    sealed = sealed_of(stack, case_id)
    assert searching.sightings(everywhere(stack), FORMS) == []
    assert {name for _, name in searching.sightings(everywhere(stack), sealed)} == set(sealed)  # so the search does see them

    erase(stack, reference, patient)
    assert "CANCELLED" in booking.entry_for(stack, stack.hospitals[0].address, "CANCEL")
    booking.webhook_about(stack, stack.hospitals[0], "appointment.cancelled", appointment)
    assert searching.sightings(everywhere(stack), FORMS | sealed) == []


def look_as_hospitals(stack, reference):
    for robot in stack.hospitals:
        (invitation,) = [
            one for one in robot.client.get("enquiry", "/v1/invitations", limit="100")["items"] if one["reference"] == reference
        ]
        robot.client.post("enquiry", f"/v1/invitations/{invitation['id']}/view")
        yield robot.slug, str(robot.client.get("enquiry", f"/v1/invitations/{invitation['id']}")).encode()


def meet(stack, patient, reference):
    """An appointment with the first hospital: both sides have its entry, which others may read, and the hospital its webhooks."""
    robot = stack.hospitals[0]
    appointment = booking.book(stack, robot, patient, reference)
    for kind in ("appointment.submitted", "appointment.confirmed"):
        booking.webhook_about(stack, robot, kind, appointment)
    theirs, own = (booking.entry_for(stack, address, "REQUEST").encode() for address in (robot.address, ADDRESS))
    assert b"BEGIN:VEVENT" in theirs
    assert searching.sightings([("theirs", theirs), ("own", own)], FORMS) == [("own", "address")]  # it says whose calendar it is for
    shown = patient.get("enquiry", f"/v1/appointments/{appointment['id']}")
    assert searching.sightings([("as shown", json.dumps(shown, ensure_ascii=False).encode())], FORMS) == []
    return appointment


def erase(stack, reference, patient):
    """As the patient does it, to the very end: the receipt is there, and its address gone."""
    patient.post("enquiry", f"/v1/enquiries/{reference}/erasure")
    token = mother.token_in(stack.mail(ADDRESS, "/l/erase/"), "erase")
    assert patient.post("enquiry", "/v1/erasures/confirmations", {"token": token})["state"] == "verified"

    def gone():
        erasure = stack.operations.get("enquiry", f"/v1/enquiries/{reference}/erasure")
        return erasure["contact_erased_at"] and erasure["state"] == "done"

    until(gone, seconds=300, what="the end of the erasure")
    with pytest.raises(Refused):
        patient.get("enquiry", f"/v1/enquiries/{reference}")
    subjects = [str(one["Subject"]) for one in stack.place.mailbox.messages_to(ADDRESS)]
    assert sum("إيصال" in subject for subject in subjects) == 1
