"""The key of endpoints is changed while everything runs: what was sealed stays readable, the old key can go."""

import base64
import secrets
from dataclasses import replace

import pytest

from services.notification.contacts import endpoints
from services.notification.endpoints import new_secret, rotate_secret
from services.notification.endpoints.routes import shown
from shared import metrics
from shared.crypto import KeyRing, SealBroken
from tests.notification import facts
from tests.notification.house import case

NEW = f"n2:{base64.b64encode(secrets.token_bytes(32)).decode()}"


@pytest.fixture
def ids(house, receiver):
    """A webhook with two secrets that sign, a mail address, and one that was removed."""
    hospital = house.hospital()
    hook = house.endpoint(hospital, "webhook", receiver.url(), secret=new_secret())
    with house.transaction() as session:
        rotate_secret(session, house.settings, endpoint_id=hook, hospital_id=hospital, version=1)
    gone = house.endpoint(hospital, "email", "gone@hospital.test")
    house.execute("UPDATE endpoints SET deleted_at = clock_timestamp(), sealed_address = NULL WHERE id = :id", id=gone)
    return hook, house.endpoint(hospital, "email", "desk@hospital.test")


def held(house, ids, keys):
    """What stands in these endpoints, opened with those keys."""
    ring = KeyRing.parse(keys)
    with house.transaction() as session:
        found = endpoints.endpoints_by_id(session, ids)
        now = endpoints._now(session)
        return [(found[one].address(ring), found[one].secrets(ring, now), found[one].version) for one in ids]


def test_after_a_rotation_the_old_key_may_go(house, ids, command):
    before = held(house, ids, house.settings.notification_keys)
    assert [len(signing) for _, signing, _ in before] == [2, 0]
    with pytest.raises(SealBroken):
        held(house, ids, NEW)
    both = f"{NEW},{house.settings.notification_keys}"
    assert command("rewrap", NOTIFICATION_KEYS=both).strip() == "2 endpoints are sealed anew, 0 had the newest key already"
    assert held(house, ids, NEW) == before
    assert command("rewrap", NOTIFICATION_KEYS=both).strip() == "0 endpoints are sealed anew, 2 had the newest key already"
    assert shown_address(house, ids[1]) == "desk@hospital.test"


def shown_address(house, endpoint_id):
    with house.transaction() as session:
        return shown(endpoints.find_endpoint(session, endpoint_id), replace(house.settings, notification_keys=NEW))["address"]


def test_a_rotation_goes_on_behind_the_batch_before(house, ids):
    ring = KeyRing.parse(f"{NEW},{house.settings.notification_keys}")
    with house.transaction() as session:
        last, count, _ = endpoints.rewrap(session, ring, after=None, batch=1)
        assert (last, count) == (ids[0], 1)
        assert endpoints.rewrap(session, ring, after=last, batch=1) == (ids[1], 1, 0)
        assert endpoints.rewrap(session, ring, after=ids[1], batch=1) == (None, 0, 0)


def test_a_rotation_without_the_old_key_changes_nothing(house, ids, command):
    before = held(house, ids, house.settings.notification_keys)
    assert "a key is missing" in command("rewrap", NOTIFICATION_KEYS=NEW, code=1)
    assert held(house, ids, house.settings.notification_keys) == before


def broken_seals():
    return metrics.seals_broken.labels("delivery_address")._value.get()


def test_a_damaged_contact_is_an_alarm_and_everybody_else_gets_their_mail(house, mail):
    before, patient, other = broken_seals(), house.patient("ann@patients.test"), house.patient("bea@patients.test")
    house.execute("UPDATE patients SET sealed = 'damaged' WHERE id = :id", id=patient)
    house.hear(facts.submitted(case(patient)))
    house.hear(facts.submitted(case(other)))
    house.work(lambda: sorted(house.states()) == ["accepted", "waiting_contact"])
    assert broken_seals() > before


def test_with_a_wrong_key_mails_wait_and_go_when_the_right_one_is_back(house, mail):
    before, right = broken_seals(), house.settings
    house.hear(facts.submitted(case(house.patient("ann@patients.test"))))
    house.settings = replace(right, contact_keys=NEW)
    house.work(lambda: house.states() == ["waiting_contact"])
    assert broken_seals() > before
    house.worker.finish()
    house.settings = right
    house.begin_worker()
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
