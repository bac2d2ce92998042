"""An erasure waited out on a real log: not done before the log is clean and everybody has answered; the receipt's address goes last."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.enquiry import tellings
from services.enquiry.app import SERVICE
from services.enquiry.erasures import on_patient_forgotten
from services.enquiry.erasures import running as waiting_out
from shared import crypto, db
from shared.bus import Publisher
from shared.bus.state_logs import StateLog
from shared.bus.topics import ensure_topics
from shared.clock import system_clock
from shared.events import Case, Envelope
from shared.events.enquiry import ACCOUNTS, PATIENTS
from shared.events.notification import Channel, DeliverySettled, Ending, PatientForgotten, Recipient
from shared.outbox.relay import relay
from tests.enquiry.test_erasures import ask, rows
from tests.waiting import running, until


@pytest.fixture
def settings(house):
    made = replace(house.settings, kafka_personal_lag=timedelta(seconds=1), erasure_search_pause=timedelta(seconds=1))
    ensure_topics(made, SERVICE.topics)
    return made


def hear(house, handler, event):
    envelope = Envelope(id=crypto.new_id(), event=event, key="", version=1, sequence=0, occurred_at=house.clock())
    with db.transaction(house.engine) as session:
        handler(session, event, envelope)


def answer(house, erasure):
    case = Case(id=erasure["patient_id"], version=1)
    event = PatientForgotten(case=case, erasure_id=erasure["id"], consumer="notification", erased_version=erasure["erased_version"])
    hear(house, on_patient_forgotten, event)


def receipt_accepted(house, erasure):
    case = Case(id=erasure["enquiry_id"], version=1)
    event = DeliverySettled(
        case=case, delivery_id=crypto.new_id(), event_id=crypto.new_id(), recipient=Recipient.PATIENT, channel=Channel.EMAIL,
        template="erasure_done", ending=Ending.ACCEPTED, at=house.clock(),
    )  # fmt: skip
    hear(house, tellings.on_delivery_settled, event)


def test_it_is_done_when_the_log_is_clean_and_the_receipts_address_goes_last(house, settings):
    reference = house.opened()
    log = StateLog(settings, PATIENTS)
    logs = {topic.name: StateLog(settings, topic) for topic in (PATIENTS, ACCOUNTS)}

    def publishing(stop, beat):
        relay(settings.database_url, Publisher(settings, name="test-relay"), stop=stop, beat=beat)

    def forgetting(stop, beat):
        waiting_out.run(house.engine, settings, logs, system_clock, stop=stop, beat=beat)

    def erasure():
        return rows(house, "erasures")[0]

    def published():
        return rows(house, "outbox") == []

    with running(publishing):
        (patient,) = rows(house, "patients")
        until(lambda: log.keys_with_values([patient["id"]]), what="the contact in the log")
        ask(house, reference, token=house.issue("ops"), body={"because": "asked for by letter"})
        with db.transaction(house.engine) as session:
            archived = session.scalar(text("SELECT id FROM erasures"))
        house.post(f"/v1/erasures/{archived}/confirm", {"because": "the passport was seen"}, token=house.issue("ops"))
        with running(forgetting):
            until(lambda: erasure()["state"] == "running" and published(), what="the tombstone in the log")
            until(lambda: log.keys_with_values([patient["id"]]) == set(), seconds=300, what="a clean log")
            assert erasure()["state"] == "running"  # nobody has answered yet
            answer(house, erasure())
            until(lambda: erasure()["state"] == "done", seconds=300, what="the erasure to be done")
            until(lambda: log.keys_with_values([erasure()["id"]]), what="the receipt's address in the log")
            assert erasure()["sealed_contact"] is not None
            receipt_accepted(house, erasure())
            until(lambda: erasure()["contact_erased_at"], seconds=300, what="the address to be gone")
            assert erasure()["sealed_contact"] is None
            until(lambda: log.keys_with_values([erasure()["id"], patient["id"]]) == set(), what="a log that can be read, and is clean")
