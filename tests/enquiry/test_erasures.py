"""A person is forgotten: asked for, confirmed by a second step, wiped here at once; what stays is named with its ground."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from services.enquiry.erasures import on_patient_forgotten, running, wiping
from services.enquiry.patients import contact_of
from services.enquiry.vault import Vault
from shared import crypto, db
from shared.events import Case, Envelope
from shared.events.notification import PatientForgotten
from shared.problems import NotFound
from tests.enquiry.conftest import ring

PLAIN = ("amina", "Amina", "Bello", "Zainab", "sleeps", "+2348012345678")


class SilentLog:
    """A topic that cannot be read now."""

    def keys_with_values(self, ids):
        return None

    def beat(self):
        return False


def turn(house):
    return running.advance(house.engine, house.settings, house.vault, SilentLog(), now=house.clock())


def ask(house, reference, *, token=None, body=None):
    return house.post(f"/v1/enquiries/{reference}/erasure", body, token=token or house.patient_token())


def confirm(house):
    link = house.facts("erasure.requested")[-1][1]["link"]
    return house.post("/v1/erasures/confirmations", {"token": house.token_of(link)}, key=None)


def rows(house, table):
    with db.transaction(house.engine) as session:
        return [dict(row) for row in session.execute(text(f"SELECT * FROM {table}")).mappings()]


def everything(house):
    """Every value of every table, bytes as the text they may be."""
    with db.transaction(house.engine) as session:
        tables = session.scalars(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
        )
        held = [value for table in tables for row in session.execute(text(f"SELECT * FROM {table}")) for value in row]
    return [bytes(value) if isinstance(value, memoryview | bytes) else str(value).encode() for value in held]


def test_asking_changes_nothing_but_mails_a_link_and_names_what_must_stay(house):
    reference = house.opened()
    answer = ask(house, reference)
    assert (answer.status_code, answer.json["state"]) == (200, "requested")
    assert any("17(3)(e)" in one["ground"] for one in answer.json["kept"])
    assert all(one["ground"] and one["until"] for one in answer.json["kept"])
    assert not turn(house)
    assert house.get(f"/v1/enquiries/{reference}", token=house.patient_token()).json["state"] == "open"


def test_the_button_behind_the_link_ends_the_enquiry_first_and_pressing_it_twice_is_once(house):
    reference = house.opened("first", "second")
    ask(house, reference)
    assert confirm(house).json["state"] == "verified"
    assert confirm(house).json["state"] == "verified"
    told = [
        name for name, _ in house.facts("enquiry.withdrawn", "invitation.revoked", "erasure.verified", "erasure.started", "patient.erased")
    ]
    assert told == ["enquiry.withdrawn", "invitation.revoked", "invitation.revoked", "erasure.verified"]


def test_once_it_has_started_nothing_of_the_person_can_be_read_here(house):
    reference = house.opened(client_reference="Bello-7")
    house.post("/v1/links", {"email": "amina@example.org"}, key=None)
    (before,) = rows(house, "patients")
    ask(house, reference)
    confirm(house)
    assert turn(house)
    (patient,) = rows(house, "patients")
    assert {patient[name] for name in ("email_hash", "wrapped_key", "sealed_contact", "sealed_person")} == {None}
    (enquiry,) = rows(house, "enquiries")
    assert (enquiry["sealed_request"], enquiry["client_reference"], enquiry["state"]) == (None, None, "withdrawn")
    held = everything(house)
    secrets = [bytes(before[name]) for name in ("email_hash", "wrapped_key", "sealed_contact", "sealed_person")]
    assert [one for one in held for secret in (*secrets, *(word.encode() for word in PLAIN)) if secret in one] == []
    assert rows(house, "idempotency_keys") == rows(house, "resends") == rows(house, "timers") == []
    assert all(one["revoked_at"] for one in rows(house, "sessions"))
    with db.transaction(house.engine) as session, pytest.raises(NotFound):
        contact_of(session, house.vault, patient["id"])


def test_the_tombstone_is_newer_than_everything_published_and_everybody_is_told(house):
    reference = house.opened()
    ask(house, reference)
    confirm(house)
    turn(house)
    with db.transaction(house.engine) as session:
        (tombstone,) = session.execute(text("SELECT version, value, key FROM outbox WHERE topic = 'enquiry.patients'")).all()
    (patient,) = rows(house, "patients")
    ((_, erased),) = house.facts("patient.erased")
    assert (tombstone.version, tombstone.value, tombstone.key) == (2, None, patient["id"])
    assert erased["erased_version"] == patient["version"] == 2
    (noted,) = rows(house, "erasure_journal")
    assert (noted["patient_id"], noted["erased_version"]) == (patient["id"], 2)
    assert not turn(house)
    assert len(house.facts("patient.erased")) == 1


def test_who_does_not_answer_is_told_again_each_day_and_operations_after_a_week(house):
    reference = house.opened()
    ask(house, reference)
    confirm(house)
    turn(house)
    for _ in range(8):
        house.clock.pass_(days=1)
        turn(house)
    assert len(house.facts("patient.erased")) == 9
    ((_, overdue),) = house.facts("erasure.overdue")
    assert (overdue["reference"], overdue["missing"]) == (reference, ["notification"])


def test_a_link_that_is_not_the_erasures_erases_nothing(house):
    reference = house.opened()
    ask(house, reference)
    case_link = house.facts("enquiry.opened")[-1][1]["case_link"]
    assert house.post("/v1/erasures/confirmations", {"token": house.token_of(case_link)}, key=None).status_code == 404
    house.clock.pass_(days=8)
    assert confirm(house).status_code == 404
    assert not turn(house)


def test_operations_need_a_reason_and_a_second_person(house):
    reference = house.opened()
    first, second = house.issue("ops"), house.issue("ops")
    assert ask(house, reference, token=first).status_code == 422
    made = ask(house, reference, token=first, body={"because": "asked for by letter"}).json
    path, body = f"/v1/erasures/{made['id']}/confirm", {"because": "the passport was seen"}
    refused = house.post(path, body, token=first)
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/second-person-needed")
    assert house.post(path, body, token=second).json["state"] == "verified"
    assert turn(house)


def test_nobody_else_may_ask_for_it(house):
    reference, other = house.opened(), house.opened()
    assert ask(house, reference).status_code == 404  # the token is that of the other's patient
    assert ask(house, other, token=house.hospital_token("first")).status_code == 403
    assert house.client.post(f"/v1/enquiries/{other}/erasure", json={}, headers={"Idempotency-Key": "x"}).status_code == 401


def test_an_enquiry_that_has_ended_is_erased_all_the_same(house):
    reference = house.opened()
    token = house.patient_token()
    revision = house.get(f"/v1/enquiries/{reference}", token=token).json["revision"]
    house.post(f"/v1/enquiries/{reference}/withdraw", token=token, if_match=revision)
    ask(house, reference, token=token)
    assert confirm(house).json["state"] == "verified"
    assert turn(house)


def test_a_patient_whose_key_is_broken_is_erased_without_a_receipt(house):
    reference = house.opened()
    ask(house, reference)
    confirm(house)
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE patients SET wrapped_key = 'damaged'"))
    assert turn(house)
    (erasure,) = rows(house, "erasures")
    assert (erasure["state"], erasure["sealed_contact"]) == ("running", None)


def test_the_receipts_address_outlives_a_change_of_keys(house):
    reference = house.opened()
    ask(house, reference)
    confirm(house)
    turn(house)
    new = ring("k2")
    with db.transaction(house.engine) as session:
        assert wiping.rewrap_contacts(session, Vault.of(replace(house.settings, case_keys=f"{new},{house.settings.case_keys}"))) == 1
    (erasure,) = rows(house, "erasures")
    opened = wiping.open_contact(Vault.of(replace(house.settings, case_keys=new)), erasure["id"], bytes(erasure["sealed_contact"]))
    assert opened.email == "amina@example.org"


def test_a_late_answer_about_an_older_version_is_none(house):
    reference = house.opened()
    ask(house, reference)
    confirm(house)
    turn(house)
    (erasure,) = rows(house, "erasures")
    for version, answered in ((erasure["erased_version"] - 1, 0), (erasure["erased_version"], 1)):
        event = PatientForgotten(
            case=Case(id=erasure["patient_id"], version=1), erasure_id=erasure["id"], consumer="notification", erased_version=version
        )
        envelope = Envelope(id=crypto.new_id(), event=event, key="", version=1, sequence=0, occurred_at=house.clock())
        with db.transaction(house.engine) as session:
            on_patient_forgotten(session, event, envelope)
        assert len(rows(house, "erasure_answers")) == answered
