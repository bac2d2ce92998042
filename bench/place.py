"""Where it is measured: a durable PostgreSQL and a real broker of this run, a catalog with the delivered data, an enquiry service that has heard of it."""

import base64
import secrets
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from bench.past import Past
from devstack.parts import Parts
from services.catalog import db as catalog_db
from services.catalog.importer import reading
from services.catalog.importing.apply import apply_import
from services.enquiry import db as enquiry_db
from services.enquiry import listings
from services.notification import db as notification_db
from shared import auth, db
from shared.events import Envelope, decode
from shared.events.catalog import HospitalState, ProcedureState
from shared.events.notification import EndpointState

DATA = sorted((Path(catalog_db.__file__).parent / "data").glob("*.yaml"))
_GROWN: dict[tuple[str, Past], str] = {}
"""Filling one takes minutes: several rooms add to the same."""
PROCEDURE, COUNTRY = "intrathecal-baclofen-therapy", "TR"


def fresh(parts: Parts, service: str, past: Past | None = None) -> str:
    """Url of a new, migrated database of a service; with a past, once filled, of the one that has it."""
    if past and (service, past) in _GROWN:
        return _GROWN[service, past]
    modules = {"catalog": catalog_db, "enquiry": enquiry_db, "notification": notification_db}
    url = parts.postgres.create_database(f"bench_{service}_{secrets.token_hex(4)}")
    db.migrate(url, modules[service].MIGRATIONS)
    if past:
        past.fill(service, url)
        _GROWN[service, past] = url
    return url


def stocked_catalog(parts: Parts) -> str:
    """A catalog that holds what is delivered with it."""
    url = fresh(parts, "catalog")
    engine = db.engine(url, name="bench", timeouts={})
    with db.transaction(engine) as session:
        apply_import(session, reading.read(DATA), today=datetime.now(UTC).date())
    engine.dispose()
    return url


def informed_enquiry(parts: Parts, catalog_url: str, past: Past | None = None) -> str:
    """An enquiry service's database that has heard of everything in the catalog, every hospital reachable."""
    url = fresh(parts, "enquiry", past)
    engine = db.engine(url, name="bench", timeouts={})
    with db.transaction(engine) as session:
        told = session.execute(text("SELECT FROM consumer_targets")).all()  # another room's: a catalog gives ids of its own
        for envelope in [] if told else _told(catalog_url):
            event = envelope.event
            if isinstance(event, ProcedureState):
                listings.on_procedure(session, event)
            elif isinstance(event, HospitalState):
                listings.on_hospital(session, event)
                listings.on_endpoint(session, EndpointState(id=event.id, version=1, email=True, webhook=True))
        session.execute(text("INSERT INTO consumer_targets VALUES ('enquiry', 'catalog.procedures', 0, -1) ON CONFLICT DO NOTHING"))
    engine.dispose()
    return url


def _told(catalog_url: str) -> list[Envelope]:
    """What the catalog's outbox holds."""
    engine = db.engine(catalog_url, name="bench")
    with db.transaction(engine) as session:
        rows = session.execute(text("SELECT topic, headers, value FROM outbox ORDER BY id")).all()
    engine.dispose()
    return [decode(row.topic, {name: value.encode() for name, value in row.headers.items()}, row.value) for row in rows]


def hospital_of(enquiry_url: str) -> str:
    """Slug of a partner that offers PROCEDURE in COUNTRY and can be asked today."""
    engine = db.engine(enquiry_url, name="bench")
    try:
        with db.transaction(engine) as session:
            there = listings.find_destination(listings.find_procedure(session, PROCEDURE), COUNTRY)
            ids: list[UUID] = list(there.hospital_ids)
            asked = listings.hospitals_by_id(session, ids).values()
            return next(one.slug for one in asked if listings.can_be_asked(one, datetime.now(UTC).date()))
    finally:
        engine.dispose()


def enquiry_environment(url: str, kafka: str) -> dict[str, str]:
    """Settings of an enquiry service whose limits do not stop a benchmark."""
    return {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "CASE_KEYS": f"bench:{_key()}",
        "CONTACT_KEYS": f"bench:{_key()}",
        "LOOKUP_KEY": _key(),
        "LINK_KEY": _key(),
        "SIGNING_KEYS": auth.new_signing_keys(),
        "ENQUIRIES_PER_ADDRESS": "100000000/hour",
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
