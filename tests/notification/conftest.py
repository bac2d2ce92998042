"""A notification service on a real database, with a real mail server, a hospital's receiver, and facts as they come from Kafka."""

import dataclasses
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from services.notification.__main__ import main
from services.notification.endpoints import new_secret
from services.notification.settings import Settings
from shared import auth, log
from tests.environments import environment_of
from tests.notification import facts
from tests.notification.house import KEY, OPS, OWN_RING, RING, SIGNING_KEYS, House, case, open_door
from tests.notification.mailserver import mail_server
from tests.notification.receiver import http_receiver


@pytest.fixture
def mail():
    with mail_server() as server:
        yield server


@pytest.fixture
def receiver():
    """A hospital's own system."""
    with http_receiver() as server:
        yield server


@pytest.fixture
def secrets_of_settings(mail):
    return {
        "jwks_url": "http://127.0.0.1:1/jwks",
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


@pytest.fixture
def house(database, settings_for, mail, secrets_of_settings):
    settings = settings_for(Settings, database("notification"), **secrets_of_settings)
    engine = create_engine(
        settings.database_url.replace("postgresql://", "postgresql+psycopg://"), connect_args={"options": "-c timezone=UTC"}
    )
    made = House(settings, mail, engine)
    yield made
    made.close()


# -- what it has heard of -----------------------------------------------------


@pytest.fixture
def verification(house):
    """The case of a mail to Ann that may come twice without harm."""
    of = case(house.patient())
    house.hear(facts.submitted(of))
    return of


@pytest.fixture
def bad_news(house):
    """The case of a mail to Ann that must not come twice."""
    of = case(house.patient())
    house.hear(facts.rejected(of))
    return of


@pytest.fixture
def hospital(house):
    return house.hospital()


@pytest.fixture
def hook(house, hospital, receiver):
    """A webhook of the hospital; returns its id."""
    return house.endpoint(hospital, "webhook", receiver.url(), secret=new_secret())


# -- in the terminal ----------------------------------------------------------


@pytest.fixture
def command(house):
    """Run a command in the environment that its settings name; returns what it printed. `code`: how it is to end."""
    environment = environment_of(house.settings)

    def run(*arguments, code=0, stdin=None, **changes):
        done = CliRunner(env={**environment, **changes}).invoke(main, list(arguments), input=stdin)
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    yield run
    log.configure(service="test", level="info", style="json")


# -- over HTTP ----------------------------------------------------------------


@pytest.fixture
def door(house, jwks_url):
    with open_door(dataclasses.replace(house.settings, jwks_url=jwks_url)) as made:
        yield made


@pytest.fixture
def strict_door(house, jwks_url):
    """As it is in production: webhooks go to public https addresses only."""
    with open_door(dataclasses.replace(house.settings, jwks_url=jwks_url, webhook_allow_private=False)) as made:
        yield made


@pytest.fixture
def jwks_url(receiver):
    """The issuer's public keys, served."""
    public = json.dumps(auth.Issuer.from_text(None, SIGNING_KEYS).public()).encode()
    receiver.plans["/jwks"] = [(200, {"Content-Type": "application/json"}, public)] * 50
    return receiver.url("/jwks")


@pytest.fixture
def token(door, hospital):
    """Of the hospital's people."""
    return door.token(f"hospital:{hospital}")


@pytest.fixture
def stranger(door, house):
    """Of another hospital's people."""
    return door.token(f"hospital:{house.hospital()}")


@pytest.fixture
def delivery(house, hospital, hook):
    """What was sent to the hospital, by whatever `hook` a test has."""
    house.hear(facts.sent(hospital))
    (row,) = house.settled()
    return row
