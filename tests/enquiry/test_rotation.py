"""Keys are changed while everything runs: what was sealed stays readable, the old key can go."""

import base64
from dataclasses import replace

import orjson
import pytest
from sqlalchemy import text

from services.enquiry import patients
from services.enquiry.partners import accounts
from services.enquiry.vault import Vault
from shared import crypto, db
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
