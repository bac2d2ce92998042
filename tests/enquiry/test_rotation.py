"""Keys are changed while everything runs: what was sealed stays readable, the old key can go."""

import base64
from dataclasses import replace

import orjson
import pytest
from sqlalchemy import text

from services.enquiry import patients
from services.enquiry.app import create_app
from services.enquiry.partners import accounts
from services.enquiry.vault import Vault
from shared import crypto, db, metrics
from tests.enquiry.conftest import ring


def rewrap(house, vault):
    with db.transaction(house.engine) as session:
        accounts.rewrap_keys(session, vault)
        last = patients.rewrap_keys(session, vault, after=None, batch=1)
        while last:
            last = patients.rewrap_keys(session, vault, after=last, batch=1)


def test_after_a_rotation_the_old_key_may_go(house):
    for _ in range(3):
        house.opened()
    house.post("/v1/accounts", {"kind": "ops", "email": "olga@passage.example", "name": "Olga"}, token=house.issue("ops"))
    new = ring("k2")
    both = replace(house.settings, case_keys=f"{new},{house.settings.case_keys}")
    rewrap(house, Vault.of(both))
    after = Vault.of(replace(house.settings, case_keys=new))
    with db.transaction(house.engine) as session:
        ids = session.scalars(text("SELECT id FROM patients")).all()
        assert {patients.contact_of(session, after, one).email for one in ids} == {"amina@example.org"}
        (account,) = accounts.people_with(session, after.hash_of("olga@passage.example"))
        assert accounts.key_of(after, account)
        with pytest.raises(crypto.SealBroken):
            patients.contact_of(session, house.vault, ids[0])


def test_a_rotation_is_told_to_the_notification_service(house):
    house.opened()
    new = ring("k2")
    both = Vault.of(replace(house.settings, contact_keys=f"{new},{house.settings.contact_keys}"))
    rewrap(house, both)
    with db.transaction(house.engine) as session:
        versions = session.scalars(text("SELECT version FROM outbox WHERE topic = 'enquiry.patients' ORDER BY id")).all()
    assert versions == [1, 2]


def test_the_topic_holds_the_contact_and_only_for_who_has_its_key(house):

    house.opened()
    with db.transaction(house.engine) as session:
        raw = session.scalar(text("SELECT value FROM outbox WHERE topic = 'enquiry.patients'"))
    state = orjson.loads(bytes(raw))
    bound = f"patient:{state['id']}"
    key = house.vault.contact_ring.open(base64.b64decode(state["wrapped_key"]), bound_to=f"{bound}:key")
    contact = orjson.loads(crypto.unseal(key, base64.b64decode(state["sealed"]), bound_to=f"{bound}:contact"))
    assert contact == {"name": "Amina Bello", "email": "amina@example.org", "language": "en", "timezone": "Africa/Lagos"}
    with pytest.raises(crypto.SealBroken):
        house.vault.case_ring.open(base64.b64decode(state["wrapped_key"]), bound_to=f"{bound}:key")


def test_a_damaged_key_is_an_alarm_and_stops_nobody_elses_rotation(house, caplog):
    for _ in range(3):
        house.opened()
    with db.transaction(house.engine) as session:
        damaged, *others = session.scalars(text("SELECT id FROM patients ORDER BY id")).all()
        session.execute(text("UPDATE patients SET wrapped_key = 'damaged' WHERE id = :id"), {"id": damaged})
    new = ring("k2")
    rewrap(house, Vault.of(replace(house.settings, case_keys=f"{new},{house.settings.case_keys}")))
    after = Vault.of(replace(house.settings, case_keys=new))
    with db.transaction(house.engine) as session:
        assert {patients.contact_of(session, after, one).email for one in others} == {"amina@example.org"}
    assert "a patient's key cannot be opened" in caplog.text
    assert "amina" not in caplog.text


def broken_seals():
    return metrics.seals_broken.labels("request")._value.get()


def test_a_damaged_column_is_an_alarm_at_its_own_case_and_no_other(house, caplog):
    damaged, whole = house.opened(), house.opened()
    before, token = broken_seals(), house.issue("ops")
    with db.transaction(house.engine) as session:
        own = "id = (SELECT patient_id FROM enquiries WHERE reference = :reference)"
        session.execute(text(f"UPDATE patients SET sealed_contact = 'damaged' WHERE {own}"), {"reference": damaged})
    answer = house.get(f"/v1/enquiries/{damaged}", token=token)
    assert (answer.status_code, answer.json["type"]) == (500, "/problems/internal")
    assert house.get(f"/v1/enquiries/{whole}", token=token).status_code == 200
    assert broken_seals() == before + 1
    assert "amina" not in caplog.text


def test_with_a_wrong_key_old_cases_are_an_alarm_and_new_ones_are_taken(house):
    reference, before = house.opened(), broken_seals()
    app = create_app(replace(house.settings, case_keys=ring("k2")), house.clock)
    other = app.test_client()
    bearer = {"Authorization": f"Bearer {house.issue('ops')}"}
    assert other.get(f"/v1/enquiries/{reference}", headers=bearer).status_code == 500
    assert broken_seals() == before + 1
    made = other.post("/v1/enquiries", json=house.body(), headers={"Idempotency-Key": "after"})
    assert made.status_code == 201
    assert other.get(f"/v1/enquiries/{made.json['reference']}", headers=bearer).status_code == 200
    app.extensions["passage"].engine.dispose()
