"""Enquiry's hot paths: requests, the relay's statements, the loops, over a year of cases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bench import place, posts
from bench.past import HOSPITAL_WITH_A_PAST, Past
from bench.plans import booking_walk
from bench.plans.seen import Path, seeing, walked
from devstack.parts import Parts
from services.catalog import app as catalog
from services.catalog.settings import Settings as CatalogSettings
from services.enquiry import app as enquiry
from services.enquiry import resends, retention, tellings, timers
from services.enquiry.cases import Enquiry
from services.enquiry.enquiries import view
from services.enquiry.erasures import running
from services.enquiry.invitations import routes as invitations
from services.enquiry.lifecycles import Who
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import crypto, outbox
from shared.bus.state_logs import StateLog
from shared.events.enquiry import EVENTS, PATIENTS
from shared.outbox import relay
from shared.retention import sweep

_BUSY = (
    "UPDATE enquiries SET state = 'open', ended_at = NULL WHERE created_at > now() - interval '4 days'",
    "UPDATE invitations SET state = 'sent', ended_at = NULL WHERE sent_at > now() - interval '4 days'",
    """
    INSERT INTO timers (id, enquiry_id, subject_id, kind, due_at, failures)
    SELECT gen_random_uuid(), id, id, 'kind ' || kind, now() + random() * interval '2 days', 0 FROM enquiries, generate_series(1, 20) AS kind WHERE state = 'open'
    """,
    """
    INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value)
    SELECT gen_random_uuid(), 'enquiry.events', gen_random_uuid(), 'invitation.viewed.v1', 1, 0, '{}', ''::bytea FROM generate_series(1, 5000)
    """,
    "INSERT INTO outbox_awaiting (event_id, type) SELECT gen_random_uuid(), 'enquiry.submitted.v1' FROM generate_series(1, 5000)",
    """
    INSERT INTO erasures (id, patient_id, enquiry_id, revision, state, requested_by, requested_at)
    SELECT gen_random_uuid(), patient_id, id, 1, 'verified', 'patient', now() FROM enquiries ORDER BY id LIMIT 1
    """,
    """
    INSERT INTO sessions (id, scope, subject, enquiry_id, created_at, expires_at)
    SELECT gen_random_uuid(), 'patient', id::text, id, created_at, created_at + interval '400 days' FROM enquiries
    """,
    "INSERT INTO listed_hospitals SELECT gen_random_uuid(), 1, 'other-' || number, '{}', false FROM generate_series(1, 5000) AS number",
    "INSERT INTO listed_procedures SELECT gen_random_uuid(), 1, 'other-' || number, '{}', false FROM generate_series(1, 5000) AS number",
    "INSERT INTO rate_limits SELECT 'other-' || number, 1, now() + interval '1 hour' FROM generate_series(1, 5000) AS number",
    """
    INSERT INTO inbox (consumer, event_id, type, outcome, topic, partition, "offset")
    SELECT 'enquiry', gen_random_uuid(), 'delivery.settled.v1', 'handled', 'notification.events', 0, number FROM generate_series(1, 20000) AS number
    """,
    "VACUUM ANALYZE",
)


def walk(parts: Parts, past: Past) -> Iterator[Path]:
    stocked = place.stocked_catalog(parts)
    url = place.informed_enquiry(parts, stocked, past)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _BUSY:
            connection.execute(statement)
    environ = place.enquiry_environment(url, parts.kafka)
    settings = Settings(**{name.lower(): value for name, value in environ.items()})  # type: ignore[arg-type]  # all of them are texts
    app = enquiry.create_app(settings)
    engine = app.extensions["passage"].engine
    hospital = place.hospital_of(url)
    body = posts.enquiry_of(_form(stocked), hospital, "somebody@example.org")
    path = Path("enquiry: POST /v1/enquiries, then the same under the same Idempotency-Key")
    with seeing(engine, path), app.test_client() as client:
        for _ in range(2):
            answer = client.post("/v1/enquiries", json=body, headers={"Idempotency-Key": "one-of-them"})
            assert answer.status_code == 201, answer.json  # noqa: S101
    yield path
    reference = str((answer.json or {})["reference"])
    booking = booking_walk.acts(settings, hospital=hospital, reference=reference, now=datetime.now(UTC))
    for name, act in (_requests(settings) | booking | _outbox() | _loops(engine, settings)).items():
        yield walked(engine, f"enquiry: {name}", act)
    engine.dispose()


def _form(url: str) -> Any:
    app = catalog.create_app(CatalogSettings(database_url=url))
    with app.test_client() as client:
        form: Any = client.get(f"/v1/enquiry-form?procedure={place.PROCEDURE}&country={place.COUNTRY}").json
    app.extensions["passage"].engine.dispose()
    return form


def _requests(settings: Settings) -> dict[str, Callable[[Session], object]]:
    return {
        "a case as its patient sees it": lambda session: view.case_document(session, Vault.of(settings), _newest(session), who=Who.PATIENT),
        "who was told of a case": lambda session: tellings.timeline_of(session, _newest(session).id),
        "a hospital's work list": lambda session: _work_list(session, None),
        "a hospital's work list, of one state": lambda session: _work_list(session, "sent"),
    }


def _newest(session: Session) -> Enquiry:
    return session.scalars(select(Enquiry).order_by(Enquiry.id.desc()).limit(1)).one()


def _work_list(session: Session, state: str | None) -> object:
    return invitations.invitations_page(session, HOSPITAL_WITH_A_PAST, state=state, limit=50, after=None)


def _outbox() -> dict[str, Callable[[Session], object]]:
    return {
        "relay: what is to be published": lambda session: session.connection().exec_driver_sql(relay._READ, (500,)),  # noqa: SLF001
        "relay: what was acknowledged": lambda session: session.connection().exec_driver_sql(
            relay._ARCHIVE,  # noqa: SLF001
            ([1, 2], [0, 0], [0, 1], [EVENTS.name]),
        ),
        "the outbox's figures": outbox.measure,
        "facts that were answered": lambda session: outbox.account_for(session, [crypto.new_id()]),
    }


def _loops(engine: Engine, settings: Settings) -> dict[str, Callable[[Session], object]]:
    now, vault = datetime.now(UTC), Vault.of(settings)
    somebody = vault.hash_of("somebody@example.org")

    def send_again(session: Session) -> None:
        resends.ask(session, purpose="case", email_hash=somebody, now=now)
        resends.work_off(session, settings, now=now)

    return {
        "a timer fires": lambda _: timers.fire_due(
            engine, {f"kind {kind}": lambda *_: True for kind in range(1, 21)}, lambda: now + timedelta(minutes=2)
        ),
        "links are sent again": send_again,
        "a person is forgotten": lambda _: [
            running.advance(engine, settings, vault, StateLog(settings, PATIENTS), now=now) for _ in range(2)
        ],
        "retention": lambda _: sweep(engine, settings, retention.RULES, now=now),
    }
