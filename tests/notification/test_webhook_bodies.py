"""Every webhook says what the document says it says: no type is missing, no field comes that is not promised."""

import json

import jsonschema
import pytest

from docs.generate import written
from services.notification.deliveries.webhooks import WEBHOOKS, schema_of
from services.notification.endpoints import test_endpoint as ask_for_test
from services.notification.told import TOLD
from shared.events import invitation
from shared.events.appointment import Party
from shared.events.notification import Recipient
from tests.notification import facts
from tests.notification.house import case
from tests.notification.quotes import TO_HOSPITALS, happened

HEARD = {
    "invitation_sent": lambda house, hospital, of: house.hear(facts.sent(hospital, of)),
    "invitation_reminded": lambda house, hospital, of: house.hear(facts.reminded(hospital, of)),
    "invitation_lapsed": lambda house, hospital, of: house.hear(facts.lapsed(hospital, of)),
    "invitation_revoked": lambda house, hospital, of: house.hear(facts.about(invitation.InvitationRevoked, hospital, of)),
    "hospital_appointment_requested": lambda house, hospital, of: house.hear(facts.times_requested(hospital, of)),
    "hospital_appointment_declined": lambda house, hospital, of: house.hear(facts.slot_declined(hospital, of, by=Party.PATIENT)),
    "hospital_appointment_submitted": lambda house, hospital, of: house.hear(facts.slot_submitted(hospital, of)),
    "hospital_appointment_confirmed": lambda house, hospital, of: house.hear(facts.slot_confirmed(hospital, of)),
    "hospital_appointment_expired": lambda house, hospital, of: house.hear(facts.slot_expired(hospital, of)),
    "hospital_appointment_cancelled": lambda house, hospital, of: house.hear(facts.slot_cancelled(hospital, of)),
    "hospital_appointment_change_proposed": lambda house, hospital, of: house.hear(facts.change_proposed(hospital, of)),
    "hospital_appointment_rescheduled": lambda house, hospital, of: house.hear(facts.rescheduled(hospital, of)),
    "hospital_appointment_change_declined": lambda house, hospital, of: house.hear(facts.change_declined(hospital, of)),
    **{
        f"hospital_appointment_{name}": lambda house, hospital, of, name=name: house.hear(facts.AFTERWARDS[name](hospital, of))
        for name in ("outcome_asked", *facts.BOTH)
    },
    **{f"hospital_quote_{name}": lambda house, hospital, of, name=name: house.hear(happened(name, hospital, of)) for name in TO_HOSPITALS},
    "endpoint_test": lambda house, hospital, _of: ask(house, hospital),
}


def ask(house, hospital):
    with house.transaction() as session:
        (endpoint_id,) = house.execute("SELECT id FROM endpoints").scalars()
        ask_for_test(session, endpoint_id=endpoint_id, hospital_id=hospital)


def test_every_alert_of_hospitals_has_a_body():
    told = {alert.letter for alerts in TOLD.values() for alert in alerts if alert.recipient == Recipient.HOSPITAL}
    assert set(WEBHOOKS) == told | {"endpoint_test"}


def closed(schema):
    """The same, but it refuses what it does not name: readers pass over such fields, we must not send them."""
    parts = {name: closed(one) if "properties" in one else one for name, one in schema["properties"].items()}
    return {**schema, "properties": parts, "additionalProperties": False}


@pytest.mark.parametrize("letter", list(WEBHOOKS))
def test_a_body_is_what_the_document_promises(house, hospital, hook, receiver, letter):
    HEARD[letter](house, hospital, case(house.patient()))
    house.work(lambda: receiver.taken)
    body = json.loads(receiver.taken[0].body)
    document = json.loads(written("openapi/notification.json"))["webhooks"][WEBHOOKS[letter].type]["post"]
    promised = document["requestBody"]["content"]["application/json"]
    assert promised["schema"] == schema_of(WEBHOOKS[letter])
    checked = jsonschema.Draft202012Validator(closed(promised["schema"]), format_checker=jsonschema.FormatChecker())
    checked.validate(body)
    checked.validate(promised["example"])
    headers = {one["name"]: one["schema"] for one in document["parameters"]}
    for name, form in headers.items():
        jsonschema.validate(receiver.taken[0].headers[name], form)
