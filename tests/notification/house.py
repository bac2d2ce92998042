"""The notification service at hand, and what a test does to it: hears facts, looks at rows, turns the loop, speaks HTTP."""

import base64
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import select, text

from services.notification.app import create_app, hearing, loops
from services.notification.contacts import endpoints
from services.notification.deliveries import Attempt, Delivery
from services.notification.deliveries.sending import _Loop
from services.notification.settings import Settings
from shared import auth, crypto, db
from shared.bus import Batch, Incoming
from shared.crypto import KeyRing
from shared.events import Case, Envelope, Tombstone, catalog, decode, encode, enquiry
from shared.events.notification import DeliverySettled
from shared.inbox.receive import receive
from tests.waiting import running

RING = f"r1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
OWN_RING = f"n1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
KEY = base64.b64encode(secrets.token_bytes(32)).decode()
SIGNING_KEYS = auth.new_signing_keys()
OPS = "operations@passage.test"


@dataclass
class House:
    """The service at hand, and what a test does to it."""

    settings: Settings
    mail: object
    engine: object
    offset: int = 0
    versions: dict = field(default_factory=dict)
    worker: object = None

    def transaction(self):
        return db.transaction(self.engine)

    # -- hearing --------------------------------------------------------------

    def hear(self, event, *, at=None, event_id=None, parks=False):
        """As if it had come from Kafka; returns its id. `parks`: its key is expected to be parked."""
        record = self.incoming(event, at=at, event_id=event_id)
        self.receive([record], parks=parks)
        return UUID(record.headers["ce_id"].decode())

    def incoming(self, event, *, at=None, event_id=None):
        """A record as Kafka would give it."""
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
        return Incoming(event.topic.name, 0, self.offset, envelope.key.encode(), {k: v.encode() for k, v in headers.items()}, value)

    def receive(self, records, *, parks=False):
        """One batch."""
        with self.transaction() as session:
            receive(session, hearing(self.settings), Batch(records[0].topic, 0, records))
            parked = session.scalars(text("SELECT reason FROM parked_keys")).all()
        assert bool(parked) is parks, parked

    def patient(self, email="ann@patients.test", *, patient_id=None, version=1, language="en", name="Ann Lee", timezone="Europe/Istanbul"):
        """A patient who is known here; returns the id."""
        patient_id = patient_id or crypto.new_id()
        contact = {"name": name, "email": email, "language": language, "timezone": timezone}
        self.hear(enquiry.PatientState(id=patient_id, version=version, **sealed("patient", patient_id, contact)))
        return patient_id

    def account(self, email="desk@hospital.test", *, hospital_id=None, account_id=None):
        account_id = account_id or crypto.new_id()
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
                session, ring, hospital_id=hospital_id, kind=kind, address=address, address_hash=None, secret=secret, proved=True
            )
            return added.id

    @contextmanager
    def broken(self):
        """A rule that is broken while the block runs: a table is missing."""
        self.execute("ALTER TABLE deliveries RENAME TO away")
        yield
        self.execute("ALTER TABLE away RENAME TO deliveries")

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

    def attempts(self, delivery_id=None):
        query = select(Attempt).order_by(Attempt.delivery_id, Attempt.number)
        with self.transaction() as session:
            return list(session.scalars(query.where(Attempt.delivery_id == delivery_id) if delivery_id else query))

    def only(self, **filters):
        """The one delivery there is."""
        rows = self.deliveries(**filters)
        assert len(rows) == 1, rows
        return rows[0]

    def waits(self, row):
        """Seconds between the end of its last attempt and the next one."""
        return (row.due_at - self.attempts(row.id)[-1].finished_at).total_seconds()

    def endings(self):
        return [(one.delivery_id, one.ending) for one in self.said(DeliverySettled)]

    def due_now(self):
        """As if the time until the next attempt had passed."""
        self.execute("UPDATE deliveries SET due_at = clock_timestamp() WHERE state IN ('retrying', 'held', 'waiting_contact')")

    # -- running --------------------------------------------------------------

    def delivering(self):
        """The delivery loop, while the block runs."""
        return running(loops(self.settings)["deliver"])

    def work(self, condition, *, seconds=60.0, what="the condition", sweep=False):
        """Turn the delivery loop here, in this thread, until the condition is true; returns its value."""
        loop, deadline = self.worker or self.begin_worker(), time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s: {self.states()}"
            if sweep:
                loop._swept_at = -100.0
            turn(loop)
        return value

    def settled(self, count=1):
        """Work until so many deliveries have ended, or wait for another attempt; returns all."""
        rest = ("accepted", "failed", "uncertain", "suppressed", "disabled", "expired", "folded", "retrying", "waiting_contact")
        self.work(lambda: sum(state in rest for state in self.states()) >= count, what=f"{count} settled")
        return self.deliveries()

    def begin_worker(self):
        self.worker = _Loop(self.engine, self.settings)
        return self.worker

    def close(self):
        if self.worker:
            self.worker.finish()
        self.engine.dispose()


def turn(loop):
    """One turn of the delivery loop, with a short pause, as if it had been told that something is due."""
    loop.wake()
    loop._sweep()
    loop._exchange()
    loop._wait(0.02)


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


# -- over HTTP ----------------------------------------------------------------


@dataclass
class Door:
    """The service's HTTP, its tokens proved against keys that a real server publishes."""

    client: object
    issuer: auth.Issuer
    keys: int = 0

    def token(self, scope):
        return self.issuer.issue(scope=scope, subject=str(crypto.new_id()), sid=str(crypto.new_id()))

    def send(self, method, path, body=None, *, token=None, if_match=None, key=True):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        if method == "POST" and key:
            self.keys += 1
            headers["Idempotency-Key"] = key if isinstance(key, str) else f"key-{self.keys}"
        return self.client.open(path, method=method, headers=headers, json=body)


@contextmanager
def open_door(settings):
    app = create_app(settings)
    issuer = auth.Issuer.from_text(settings, SIGNING_KEYS)
    try:
        yield Door(app.test_client(), issuer)
    finally:
        app.extensions["passage"].engine.dispose()
