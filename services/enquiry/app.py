"""The sign at the door of enquiry: routes in, facts and states heard, loops, and the one place where they are put together."""

from collections.abc import Mapping

from flask import Flask

from shared import auth, backups, cli, config, db, inbox, outbox, retention, web
from shared.bus import Publisher
from shared.bus.state_logs import StateLog
from shared.cli.loops import Loop
from shared.clock import Clock, system_clock
from shared.crypto import KeyRing
from shared.events import catalog, notification
from shared.events.enquiry import ACCOUNTS, EVENTS, PATIENTS
from shared.inbox import Hearing
from shared.inbox.consume import consume
from shared.outbox.relay import relay
from shared.web.cors import Origins

from . import doctor, erasures, listings, proposals, resends, tellings, timers
from .appointments import attendance, offers
from .appointments import routes as appointment_routes
from .db import MIGRATIONS
from .enquiries import counts
from .enquiries import routes as enquiry_routes
from .erasures import figures, journal, running
from .erasures import routes as erasure_routes
from .examples import WORDS
from .invitations import routes as invitation_routes
from .partners import accounts, api_keys, second_factors, sessions, tokens
from .quotes import decisions, side_by_side
from .quotes import routes as quote_routes
from .restoring import RESTORING
from .retention import RULES
from .settings import Settings
from .slots import resources
from .slots import routes as slot_routes
from .striking import firings
from .vault import Vault

ROUTES = [
    enquiry_routes.bp,
    enquiry_routes.verifications,
    resends.bp,
    erasure_routes.bp,
    proposals.bp,
    invitation_routes.bp,
    accounts.bp,
    api_keys.bp,
    second_factors.bp,
    tokens.bp,
    resources.bp,
    slot_routes.bp,
    appointment_routes.bp,
    offers.bp,
    attendance.bp,
    quote_routes.bp,
    decisions.bp,
    side_by_side.bp,
]

HEARING = Hearing(
    listings.CONSUMER,
    facts={
        notification.OutcomeRecorded: tellings.on_outcome_recorded,
        notification.DeliverySettled: tellings.on_delivery_settled,
        notification.PatientForgotten: erasures.on_patient_forgotten,
    },
    states={
        catalog.PROCEDURES: listings.on_procedure,
        catalog.HOSPITALS: listings.on_hospital,
        notification.ENDPOINTS: listings.on_endpoint,
    },
)

CONNECTIONS = {"serve": 2, "relay": 1, "consume": 2, "timers": 1, "resends": 1, "erasures": 2, "retention": 1}


def create_app(settings: Settings, clock: Clock = system_clock) -> Flask:
    """The HTTP app of one process."""
    issuer, vault = auth.Issuer.from_text(settings, settings.signing_keys), Vault.of(settings)
    engine = db.engine(settings.database_url, name="enquiry-web", pool=CONNECTIONS["serve"])  # 2: a limit is counted beside its transaction
    door = web.Door(
        settings,
        engine,
        verifier=auth.Verifier(settings, keys=issuer.keys),
        migrations=MIGRATIONS,
        stranger=lambda body: counts.address_in(body, vault),
        answers_key=KeyRing.parse(settings.case_keys),
        check_session=lambda session, principal: sessions.is_live(session, principal, now=clock()),
        measures=(outbox.measure, backups.measure, inbox.measure, figures.measuring(settings)),
        owed=journal.owed,
        extra={"clock": clock, "vault": vault, "issuer": issuer},
    )

    def client_origins() -> set[str]:
        with db.transaction(engine) as session:
            return accounts.origins_of_clients(session)

    door.origin_allowed = Origins(client_origins).__contains__
    return web.create_app("Passage enquiry", door, ROUTES, description="Takes enquiries, asks hospitals, keeps the case.", words=WORDS)


def loops(settings: config.Settings) -> Mapping[str, Loop]:
    """What `work` runs: publish, hear, strike, send again, forget."""
    assert isinstance(settings, Settings)  # noqa: S101
    pool = sum(CONNECTIONS.values()) - CONNECTIONS["serve"] - CONNECTIONS["relay"]  # which holds one of its own
    engine = db.engine(settings.database_url, name="enquiry-work", timeouts=db.LOOP, pool=pool)
    logs = {topic.name: StateLog(settings, topic) for topic in (PATIENTS, ACCOUNTS)}
    return {
        "relay": lambda stop, beat: relay(settings.database_url, Publisher(settings, name="enquiry-relay"), stop=stop, beat=beat),
        "consume": lambda stop, beat: consume(engine, settings, HEARING, stop=stop, beat=beat),
        "timers": lambda stop, beat: timers.run(engine, firings(settings), system_clock, stop=stop, beat=beat),
        "resends": lambda stop, beat: resends.run(engine, settings, system_clock, stop=stop, beat=beat),
        "erasures": lambda stop, beat: running.run(engine, settings, logs, system_clock, stop=stop, beat=beat),
        "retention": lambda stop, beat: retention.run(engine, settings, RULES, system_clock, stop=stop, beat=beat),
    }


SERVICE = cli.Service(
    name="enquiry",
    settings=Settings,
    migrations=MIGRATIONS,
    topics=(EVENTS, PATIENTS, ACCOUNTS),
    loops=loops,
    connections=CONNECTIONS,
    hearing=lambda _settings: HEARING,
    restoring=RESTORING,
    own=doctor.OWN,
    owed=journal.owed,
)


def wsgi() -> Flask:
    """For gunicorn: once in each of its processes, after the fork."""
    settings = cli.read_settings(SERVICE)
    assert isinstance(settings, Settings)  # noqa: S101
    return create_app(settings)
