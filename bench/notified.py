"""A notification service to be measured: its settings, hospitals with endpoints and patients it has heard of, and its loops in a process of their own."""

import base64
import multiprocessing
import os
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import orjson

from bench import place
from devstack.parts import Parts
from services.notification.contacts import endpoints, hospitals, people
from services.notification.deliveries.sending import deliver
from services.notification.endpoints import new_secret
from services.notification.settings import Settings
from shared import crypto, db, log
from shared.crypto import KeyRing
from shared.events.catalog import HospitalState
from shared.events.enquiry import PatientState


def environment(url: str, parts: Parts, *, smtp_port: int = 1, shared: Mapping[str, str] | None = None) -> dict[str, str]:
    """Its settings. `shared`: those of an enquiry service whose keys it holds, too."""
    keys = shared or place.enquiry_environment(url, parts.kafka)
    return {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": parts.kafka,
        "JWKS_URL": "http://127.0.0.1:1/jwks",
        "SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "SMTP_FROM": "Passage <no-reply@passage.example>",
        "OPS_ADDRESS": "operations@passage.example",
        "SITE_URL": "https://passage.example",
        "LINK_KEY": keys["LINK_KEY"],
        "CONTACT_KEYS": keys["CONTACT_KEYS"],
        "LOOKUP_KEY": keys["LOOKUP_KEY"],
        "NOTIFICATION_KEYS": f"bench:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "WEBHOOK_ALLOW_PRIVATE": "true",
    }


def settings_of(environ: Mapping[str, str]) -> Settings:
    """The same for code that takes Settings."""
    texts = {name.lower(): value for name, value in environ.items() if name != "WEBHOOK_ALLOW_PRIVATE"}
    return Settings(**texts, webhook_allow_private=True)  # type: ignore[arg-type]  # all of them are texts


def stock_hospitals(settings: Settings, count: int, webhook: str) -> list[UUID]:
    """Hospitals the catalog has told of, each with an address and a webhook, both proved. `webhook`: a URL, `{number}` in it is the hospital's."""
    ring, ids = KeyRing.parse(settings.notification_keys), []
    engine = db.engine(settings.database_url, name="bench", timeouts={})
    with db.transaction(engine) as session:
        for number in range(count):
            made = crypto.new_id()
            ids.append(made)
            state = HospitalState(
                id=made, version=1, slug=f"h{number}", name=f"Hospital {number}", country="TR", city="izmir", timezone="Europe/Istanbul", languages=["tr", "en"]
            )  # fmt: skip
            hospitals.apply_hospital(session, state)
            add = partial(endpoints.add_endpoint, session, ring, hospital_id=made, address_hash=None, proved=True)
            with endpoints.changing(session, made):
                add(kind="email", address=f"desk@h{number}.example", secret=None)
                add(kind="webhook", address=webhook.format(number=number), secret=new_secret())
    engine.dispose()
    return ids


def stock_patients(settings: Settings, ids: list[UUID]) -> None:
    """Patients enquiry has told of, each with an address of its own."""
    ring = KeyRing.parse(settings.contact_keys)
    engine = db.engine(settings.database_url, name="bench", timeouts={})
    with db.transaction(engine) as session:
        for number, patient_id in enumerate(ids):
            key = crypto.new_key()
            contact = orjson.dumps({"name": "Amina Bello", "email": f"p{number}@example.org", "language": "en", "timezone": "Africa/Lagos"})
            wrapped, sealed = (
                ring.seal(key, bound_to=f"patient:{patient_id}:key"),
                crypto.seal(key, contact, bound_to=f"patient:{patient_id}:contact"),
            )
            told = PatientState(
                id=patient_id, version=1, wrapped_key=base64.b64encode(wrapped).decode(), sealed=base64.b64encode(sealed).decode()
            )
            people.apply_patient(session, told)
    engine.dispose()


def settings_in_this_process(environ: Mapping[str, str]) -> Settings:
    """As in production: read from the environment, a log line as JSON for each attempt; but nobody reads them."""
    os.environ.update(environ)
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
    log.configure(service="bench", level="info", style="json")
    return Settings.from_env()


@contextmanager
def delivering(environ: Mapping[str, str]) -> Iterator[None]:
    """The delivery loop in a process of its own, as in production."""
    process = multiprocessing.get_context("spawn").Process(target=_deliver, args=(dict(environ),))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _deliver(environ: dict[str, str]) -> None:
    settings = settings_in_this_process(environ)
    engine = db.engine(settings.database_url, name="bench-deliver", timeouts=db.LOOP, pool=1)
    deliver(engine, settings, stop=threading.Event(), beat=lambda: None)
