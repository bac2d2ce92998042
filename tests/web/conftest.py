"""The site against a real enquiry service: its app behind a real HTTP server, on its real database. Nothing is imitated."""

import base64
import logging
import secrets
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from werkzeug.serving import make_server

from services.enquiry import resends
from services.enquiry.settings import Settings as EnquirySettings
from services.web.app import create_app
from services.web.settings import Settings
from shared import db
from tests.catalog.conftest import client_of, shared_catalog, stated, stocked  # noqa: F401  # fixtures
from tests.enquiry.conftest import MONDAY, House, secret_settings

NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once


@contextmanager
def served(app, port=0):
    """The app at a port of this machine (a free one), in a thread."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", port, app, threaded=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class Visitor:
    """A browser of its own in front of the site."""

    def __init__(self, app):
        self.client = app.test_client()

    def get(self, path, **given):
        return self.client.get(path, **given)

    def post(self, path, data=None, **given):
        return self.client.post(path, data=data or {}, **given)


class Street:
    """The site, the enquiry service behind it, and links as mails would carry them."""

    def __init__(self, house, address, catalog=NOBODY):
        self.house = house
        self.settings = site_settings(address, catalog)
        self.app = create_app(self.settings)

    def visitor(self):
        return Visitor(self.app)

    def submitted(self, *hospitals, **changes):
        """A new enquiry: its reference and the token that proves its address."""
        reference = self.house.create(*hospitals, **changes)
        return reference, self.house.token_of(self.house.facts("enquiry.submitted")[-1][1]["verify"])

    def opened(self, *hospitals, **changes):
        """An open one: its reference and the token of the link to its case."""
        reference = self.house.opened(*hospitals, **changes)
        return reference, self.case_token()

    def case_token(self):
        return self.house.token_of(self.house.facts("enquiry.opened")[-1][1]["case_link"])

    def in_case(self, *hospitals, **changes):
        """Somebody who has opened their case: the visitor and the reference."""
        reference, token = self.opened(*hospitals, **changes)
        visitor = self.visitor()
        assert visitor.post(f"/l/case/{token}").status_code == 303
        return visitor, reference

    def invited(self, **person):
        """A person with a new account: the token of the link that sets it up."""
        body = {"kind": "hospital", "hospital": "first", "email": "deniz@first.example", "name": "Deniz", "role": "member", **person}
        body = {name: value for name, value in body.items() if value is not None}
        assert self.house.post("/v1/accounts", body, token=self.house.issue("ops")).status_code == 201
        return self.house.token_of(self.house.facts("account.invited")[-1][1]["link"])

    def with_second_factor(self, **person):
        """The same person with a confirmed app: returns the TOTP."""
        link = self.invited(**person)
        totp = pyotp.TOTP(self.house.post("/v1/second-factors", {"link": link}, key=None).json["secret"])
        body = {"link": link, "code": totp.at(self.house.clock())}
        assert self.house.post("/v1/second-factors/confirm", body, key=None).status_code == 204
        self.house.clock.pass_(minutes=2)
        return totp

    def work_off_resends(self):
        with db.transaction(self.house.engine) as session:
            while resends.work_off(session, self.house.settings, now=self.house.clock()):
                pass

    def sign_in_token(self):
        self.work_off_resends()
        return self.house.token_of(self.house.facts("account.sign_in_requested")[-1][1]["link"])

    def at_desk(self, **person):
        """Somebody who has signed in: the visitor."""
        email = person.get("email", "deniz@first.example")
        totp = self.with_second_factor(**person)
        visitor = self.visitor()
        assert visitor.post("/sign-in", {"email": email}).status_code == 200
        answer = visitor.post(f"/l/sign_in/{self.sign_in_token()}", {"code": totp.at(self.house.clock())})
        assert answer.status_code == 303, answer.text
        return visitor


def site_settings(enquiry, catalog=NOBODY, notification=NOBODY):
    keys = f"test:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return Settings(
        enquiry_url=enquiry,
        catalog_url=catalog,
        notification_url=notification,
        cookie_keys=keys,
        api_pages=["enquiry=http://api.example/docs"],
    )


class Present:
    """The clock of everybody in this program, moved at once for all."""

    def __init__(self, traveller):
        self.traveller = traveller

    def __call__(self):
        return datetime.now(UTC)

    def pass_(self, **span):
        self.traveller.shift(timedelta(**span))


@pytest.fixture
def house(settings_for, database):
    """Enquiry whose limits are out of the way, as in its own tests, on a Monday morning."""
    with time_machine.travel(MONDAY, tick=True) as traveller:
        made = House(settings_for(EnquirySettings, database("enquiry"), **secret_settings()), Present(traveller))
        yield made
        made.close()


@pytest.fixture
def street(house):
    with served(house.app) as server:
        yield Street(house, f"http://127.0.0.1:{server.server_port}")


@pytest.fixture
def street_with_catalog(house, shared_catalog):  # noqa: F811
    """The same with a real catalog beside it, which holds what our files say."""
    with client_of(shared_catalog) as reader, served(reader.application) as books, served(house.app) as server:
        yield Street(house, f"http://127.0.0.1:{server.server_port}", f"http://127.0.0.1:{books.server_port}")


@pytest.fixture
def lonely():
    """A site whose other services are away."""
    return create_app(site_settings(NOBODY))
