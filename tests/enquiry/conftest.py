"""An enquiry service on a real database, with a small catalog it has heard of, and a clock that can be moved."""

import base64
import hashlib
import itertools
import secrets
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import orjson
import pyotp
import pytest
from sqlalchemy import text

from services.enquiry import listings
from services.enquiry.app import create_app
from services.enquiry.settings import Settings
from services.enquiry.striking import firings
from services.enquiry.timers import fire_due
from services.enquiry.vault import Vault
from shared import auth, crypto, db
from shared.events import catalog
from shared.events.notification import EndpointState

PROCEDURE = "intrathecal-baclofen-therapy"
TEXTS = {
    "health_data": "Passage may keep what I say about my health.",
    "share_case_with_hospital": "This hospital may see my case.",
    "release_identity": "This hospital may know who I am.",
}
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # 10:00 in Istanbul


def key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def ring(name="k1"):
    return f"{name}:{key()}"


def secret_settings():
    return {
        "case_keys": ring(),
        "contact_keys": ring(),
        "lookup_key": key(),
        "link_key": key(),
        "signing_keys": auth.new_signing_keys(),
        "enquiries_per_address": "1000/hour",
        "tokens_per_address": "1000/minute",
        "resends_per_address": "1000/minute",
    }


class MovableClock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def pass_(self, **span):
        self.now += timedelta(**span)


def hospital(slug, *, partner=True, authorisation=catalog.Standing.VALID, zone="Europe/Istanbul", holidays=(), languages=("tr", "en")):
    hours = [catalog.WorkingHours(weekday=day, opens="09:00", closes="17:00") for day in range(1, 6)]
    return catalog.HospitalState(
        id=crypto.new_id(), version=1, slug=slug, name=slug.title(), country="TR", city="istanbul", timezone=zone, working_hours=hours,
        holidays=list(holidays), languages=list(languages), authorisation=authorisation, authorised_until=date(2300, 1, 1), partner=partner, sample=True,
    )  # fmt: skip


def procedure(hospitals):
    consents = [
        catalog.ConsentText(purpose=purpose, version=1, language="en", text=words, sha256=hashlib.sha256(words.encode()).hexdigest())
        for purpose, words in TEXTS.items()
    ]
    questions = [
        catalog.IntakeQuestion(
            slug="weight", text={"en": "Weight?"}, kind=catalog.AnswerKind.NUMBER, required=True, minimum=5, maximum=300
        ),
        catalog.IntakeQuestion(slug="medicines", text={"en": "Medicines?"}, kind=catalog.AnswerKind.TEXT, required=False),
    ]
    there = [catalog.Destination(country="TR", hospital_ids=[one.id for one in hospitals])]
    return catalog.ProcedureState(
        id=crypto.new_id(), version=1, slug=PROCEDURE, names={"en": "Intrathecal baclofen therapy"}, specialty="neurosurgery", sample=False,
        device_implanted=True, destinations=there, intake=questions, records=[], consents=consents,
    )  # fmt: skip


class House:
    """The service under test and what it knows."""

    def __init__(self, settings, clock):
        self.settings, self.clock = settings, clock
        self.app = create_app(settings, clock)
        self.client = self.app.test_client()
        self.engine = db.engine(settings.database_url, name="test", pool=3)
        self.vault = Vault.of(settings)
        self.hospitals = {name: hospital(name) for name in ("first", "second", "third")}
        self.hospitals["listed"] = hospital("listed", partner=False)
        self.hospitals["lapsed"] = hospital("lapsed", authorisation=catalog.Standing.LAPSED)
        self.keys = itertools.count(1)
        with db.transaction(self.engine) as session:
            for one in self.hospitals.values():
                listings.on_hospital(session, one)
                listings.on_endpoint(session, EndpointState(id=one.id, version=1, email=True, webhook=False))
            listings.on_procedure(session, procedure(self.hospitals.values()))
            session.execute(text("INSERT INTO consumer_targets VALUES ('enquiry', 'catalog.procedures', 0, -1)"))

    def body(self, *hospitals, **changes):
        slugs = list(hospitals or ("first",))
        hashes = {purpose: hashlib.sha256(words.encode()).hexdigest() for purpose, words in TEXTS.items()}
        one = {"version": 1, "language": "en"}
        return {
            "procedure": PROCEDURE,
            "destination": "TR",
            "wants": ["quote"],
            "hospitals": slugs,
            "requester": {"name": "Amina Bello", "email": "amina@example.org", "language": "en", "country": "NG", "timezone": "Africa/Lagos", "relation": "parent"},
            "patient": {"name": "Zainab Bello", "birth_year": 2014, "sex": "female"},
            "intake": {"weight": 31},
            "message": "She sleeps badly.",
            "consents": [
                {"purpose": "health_data", "sha256": hashes["health_data"], **one},
                *({"purpose": "share_case_with_hospital", "hospital": slug, "sha256": hashes["share_case_with_hospital"], **one} for slug in slugs),
            ],
            **changes,
        }  # fmt: skip

    def post(self, path, body=None, *, token=None, key=True, if_match=None):
        headers = {"Idempotency-Key": f"key-{next(self.keys)}" if key is True else key} if key else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return self.client.post(path, json=body if body is not None else {}, headers=headers)

    def get(self, path, *, token=None):
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})

    def create(self, *hospitals, **changes):
        response = self.post("/v1/enquiries", self.body(*hospitals, **changes))
        assert response.status_code == 201, response.json
        return response.json["reference"]

    def facts(self, *types):
        """What the outbox holds: (type, data) in the order of recording, of these types or of all."""
        with db.transaction(self.engine) as session:
            rows = session.execute(
                text("SELECT type, value, key, version, sequence FROM outbox WHERE topic = 'enquiry.events' ORDER BY id")
            ).all()
        return [
            (row.type.removesuffix(".v1"), orjson.loads(bytes(row.value)))
            for row in rows
            if not types or row.type.removesuffix(".v1") in types
        ]

    def token_of(self, link):
        return crypto.link_token(
            self.vault.link_key, link_id=UUID(link["id"]), purpose=link["purpose"], expires_at=datetime.fromisoformat(link["expires_at"])
        )

    def verify(self):
        link = self.facts("enquiry.submitted")[-1][1]["verify"]
        response = self.post("/v1/verifications", {"token": self.token_of(link)}, key=None)
        assert response.status_code == 200, response.json
        return response.json

    def opened(self, *hospitals, **changes):
        reference = self.create(*hospitals, **changes)
        self.verify()
        return reference

    def patient_token(self):
        link = self.facts("enquiry.opened")[-1][1]["case_link"]
        return self.post("/v1/tokens", {"case_link": self.token_of(link)}, key=None).json["access_token"]

    def issue(self, scope):
        return self.app.extensions["passage"].extra["issuer"].issue(scope=scope, subject=str(crypto.new_id()), sid=str(crypto.new_id()))

    def hospital_token(self, name):
        return self.issue(f"hospital:{self.hospitals[name].id}")

    def invitation(self, name):
        return self.get("/v1/invitations", token=self.hospital_token(name)).json["items"][-1]

    def fire(self):
        return fire_due(self.engine, firings(self.settings), self.clock)

    def close(self):
        self.engine.dispose()
        self.app.extensions["passage"].engine.dispose()


@pytest.fixture
def house(settings_for, database):
    made = House(settings_for(Settings, database("enquiry"), **secret_settings()), MovableClock(MONDAY))
    yield made
    made.close()


@pytest.fixture
def operator(house):
    """A person of operations with a confirmed second factor; returns (e-mail, TOTP)."""
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga", "role": "admin"}
    assert house.post("/v1/accounts", body, token=house.issue("ops")).status_code == 201
    link = house.token_of(house.facts("account.invited")[-1][1]["link"])
    secret = house.post("/v1/second-factors", {"link": link}, key=None).json["secret"]
    totp = pyotp.TOTP(secret)
    code = totp.at(house.clock())
    assert house.post("/v1/second-factors/confirm", {"link": link, "code": code}, key=None).status_code == 204
    house.clock.pass_(minutes=2)
    return body["email"], totp


@pytest.fixture
def deniz(house):
    """A person of the first hospital with a second factor; returns (account id, e-mail, TOTP)."""
    body = {"kind": "hospital", "hospital": "first", "email": "deniz@hospital.example", "name": "Deniz"}
    account = house.post("/v1/accounts", body, token=house.issue("ops")).json["id"]
    link = house.token_of(house.facts("account.invited")[-1][1]["link"])
    totp = pyotp.TOTP(house.post("/v1/second-factors", {"link": link}, key=None).json["secret"])
    assert house.post("/v1/second-factors/confirm", {"link": link, "code": totp.at(house.clock())}, key=None).status_code == 204
    house.clock.pass_(minutes=2)
    return account, body["email"], totp
