"""A notification service on a real database, with a real mail server and facts as they come from Kafka."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import create_engine, select, text

from services.notification.app import HEARING, loops
from services.notification.contacts import endpoints
from services.notification.deliveries import Delivery
from services.notification.settings import Settings
from shared import crypto, db
from shared.bus import Batch, Incoming
from shared.crypto import KeyRing
from shared.events import Case, Envelope, Tombstone, catalog, decode, encode, enquiry
from shared.inbox.receive import receive
from tests.notification.mailserver import mail_server
from tests.waiting import running

RING = f"r1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
OWN_RING = f"n1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
KEY = base64.b64encode(secrets.token_bytes(32)).decode()
OPS = "operations@passage.test"


@pytest.fixture
def mail():
    with mail_server() as server:
        yield server


@pytest.fixture
def secrets_of_settings(mail):
    return {
        "smtp_url": mail.url,
        "smtp_from": "Passage <no-reply@passage.test>",
        "ops_address": OPS,
        "site_url": "https://passage.test",
        "link_key": KEY,
        "contact_keys": RING,
        "notification_keys": OWN_RING,
        "lookup_key": KEY,
        "webhook_allow_private": True,
    }


@dataclass
class House:
    """The service at hand, and what a test does to it."""

    settings: Settings
    mail: object
    engine: object
    offset: int = 0
    versions: dict = field(default_factory=dict)

    def transaction(self):
        return db.transaction(self.engine)

    # -- hearing --------------------------------------------------------------

    def hear(self, event, *, at=None, event_id=None):
        """As if it had come from Kafka; returns its id."""
        subject = event.case if isinstance(event, enquiry.Fact) else event
        envelope = Envelope(
            id=event_id or crypto.new_id(),
            event=event,
            key=str(subject.id),
            version=subject.version,
            sequence=0,
            occurred_at=at or datetime.now(UTC),
            traceparent=None,
        )
        headers, value = encode(envelope, source="/test")
        self.offset += 1
        record = Incoming(event.topic.name, 0, self.offset, envelope.key.encode(), {k: v.encode() for k, v in headers.items()}, value)
        with self.transaction() as session:
            receive(session, HEARING, Batch(record.topic, 0, [record]))
            parked = session.scalars(text("SELECT reason FROM parked_keys")).all()
        assert not parked, parked
        return envelope.id

    def patient(self, email="ann@patients.test", *, patient_id=None, version=1, language="en", name="Ann Lee", timezone="Europe/Istanbul"):
        """A patient who is known here; returns the id."""
        patient_id = patient_id or crypto.new_id()
        contact = {"name": name, "email": email, "language": language, "timezone": timezone}
        self.hear(enquiry.PatientState(id=patient_id, version=version, **sealed("patient", patient_id, contact)))
        return patient_id

    def account(self, email="desk@hospital.test", *, hospital_id=None):
        account_id = crypto.new_id()
        contact = {"name": "Deniz", "email": email, "language": "tr"}
        self.hear(enquiry.AccountState(id=account_id, version=1, hospital_id=hospital_id, **sealed("account", account_id, contact)))
        return account_id

    def erase(self, patient_id, version):
        self.hear(Tombstone(topic=enquiry.PATIENTS, id=patient_id, version=version))

    def hospital(self, *, languages=("tr", "en"), timezone="Europe/Istanbul", name="Liman Hospital", hospital_id=None):
        """A hospital the catalog has told of; returns the id."""
        hospital_id = hospital_id or crypto.new_id()
        self.hear(
            catalog.HospitalState(
                id=hospital_id,
                version=1,
                slug="liman",
                name=name,
                country="TR",
                city="istanbul",
                timezone=timezone,
                languages=list(languages),
            )
        )
        return hospital_id

    def endpoint(self, hospital_id, kind, address, *, secret=None):
        """An endpoint of it; returns the id."""
        ring = KeyRing.parse(self.settings.notification_keys)
        with self.transaction() as session, endpoints.changing(session, hospital_id):
            added = endpoints.add_endpoint(
                session, ring, hospital_id=hospital_id, kind=kind, address=address, address_hash=None, secret=secret
            )
            return added.id

    # -- looking --------------------------------------------------------------

    def deliveries(self, **filters):
        with self.transaction() as session:
            return list(session.scalars(select(Delivery).filter_by(**filters).order_by(Delivery.id)))

    def states(self, **filters):
        return [row.state for row in self.deliveries(**filters)]

    def said(self, kind=None):
        """Facts and states in the outbox, oldest first, decoded."""
        with self.transaction() as session:
            rows = session.execute(text("SELECT topic, headers, value FROM outbox ORDER BY id")).all()
        found = [decode(row.topic, {k: v.encode() for k, v in row.headers.items()}, row.value).event for row in rows]
        return [event for event in found if kind is None or isinstance(event, kind)]

    def execute(self, statement, **values):
        with self.transaction() as session:
            return session.execute(text(statement), values)

    def scalar(self, statement, **values):
        with self.transaction() as session:
            return session.scalars(text(statement), values).first()

    # -- running --------------------------------------------------------------

    def delivering(self):
        """The delivery loop, while the block runs."""
        return running(loops(self.settings)["deliver"])


def sealed(kind, subject_id, contact):
    key = crypto.new_key()
    return {
        "wrapped_key": base64.b64encode(KeyRing.parse(RING).seal(key, bound_to=f"{kind}:{subject_id}:key")).decode(),
        "sealed": base64.b64encode(crypto.seal(key, orjson.dumps(contact), bound_to=f"{kind}:{subject_id}:contact")).decode(),
    }


def link(purpose="case", **span):
    return enquiry.Link(id=crypto.new_id(), purpose=purpose, expires_at=datetime.now(UTC) + timedelta(**(span or {"days": 3})))


def case(patient_id=None, *, case_id=None, version=1):
    return Case(id=case_id or crypto.new_id(), version=version, patient_id=patient_id)


@pytest.fixture
def house(database, settings_for, mail, secrets_of_settings):
    settings = settings_for(Settings, database("notification"), **secrets_of_settings)
    engine = create_engine(
        settings.database_url.replace("postgresql://", "postgresql+psycopg://"), connect_args={"options": "-c timezone=UTC"}
    )
    yield House(settings, mail, engine)
    engine.dispose()
