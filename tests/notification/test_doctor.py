"""`python -m services.notification doctor`: what only notification knows how to look at. The rest is tests/enquiry/test_doctor.py."""

from dataclasses import replace

import pytest

from services.notification.doctor import OWN
from services.notification.endpoints import new_secret
from shared.cli.doctor import Mark, oddities, opened
from tests.notification.house import RING


@pytest.fixture
def known(house, receiver):
    """A patient, an account, and a hospital's webhook with its secret."""
    house.patient()
    house.account()
    hospital_id = house.hospital()
    house.endpoint(hospital_id, "webhook", receiver.url(), secret=new_secret())


def keys(house, **changes):
    with house.transaction() as session:
        return opened(OWN.sealed(session, replace(house.settings, **changes)))


def test_one_row_of_each_sealed_kind_opens(house, known):
    finding = keys(house)
    assert finding.mark is Mark.OK
    assert finding.sentence == "opened: a patient's contact, an account's contact, an endpoint's address, an endpoint's secret"


def test_a_ring_without_the_key_of_contacts_is_named_by_its_setting(house, known):
    finding = keys(house, contact_keys=RING.replace("r1:", "r2:"))
    assert finding.mark is Mark.WRONG
    assert finding.sentence.count("CONTACT_KEYS") == 2
    assert "ann" not in finding.sentence.lower().replace("cannot", "")


def test_a_ring_without_the_key_of_endpoints_is_named_by_its_setting(house, known):
    finding = keys(house, notification_keys=RING.replace("r1:", "n2:"))
    assert (finding.mark, finding.sentence.count("NOTIFICATION_KEYS")) == (Mark.WRONG, 2)


def test_a_mail_that_may_have_arrived_is_wrong_until_somebody_decides(house, bad_news):
    def deliveries():
        with house.transaction() as session:
            return OWN.checks["deliveries"](session, house.settings)

    assert deliveries().mark is Mark.OK
    house.execute("UPDATE deliveries SET state = 'uncertain', settled_at = now()")
    assert (deliveries().mark, deliveries().entry) == (Mark.WRONG, "DeliveriesUncertain")
    house.execute("UPDATE deliveries SET decided_at = now()")
    assert deliveries().mark is Mark.OK


def test_settings_for_trying_things_out_are_warnings(house):
    finding = oddities(replace(house.settings, webhook_allow_private=True, retry_pace=0.1))
    assert finding.mark is Mark.WARNING
    assert all(name in finding.sentence for name in ("WEBHOOK_ALLOW_PRIVATE", "RETRY_PACE"))
    assert oddities(replace(house.settings, webhook_allow_private=False)).mark is Mark.OK
