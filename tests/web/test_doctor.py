"""`python -m services.web doctor`: the site stands on three others."""

import base64
import secrets

import pytest
from click.testing import CliRunner

from services.web.__main__ import main
from shared import log

SERVICES = ("ENQUIRY_URL", "CATALOG_URL", "NOTIFICATION_URL")


@pytest.fixture
def doctor():
    def run(**addresses):
        ring = f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        done = CliRunner(env={"COOKIE_KEYS": ring, **addresses}).invoke(main, ["doctor"])
        return done.exit_code, [
            line for line in done.stdout.splitlines() if line.startswith(("ok", "warning", "wrong"))
        ]  # the test's server logs

    yield run
    log.configure(service="test", level="info", style="json")


def test_the_site_is_well_where_every_service_is_ready(doctor, httpserver):
    httpserver.expect_request("/health/ready").respond_with_json({"status": "ready"})
    code, lines = doctor(**dict.fromkeys(SERVICES, httpserver.url_for("").rstrip("/")))
    assert (code, [line.split()[:2] for line in lines]) == (0, [["ok", "configuration"], ["ok", "services"]])


def test_a_service_that_is_not_ready_and_one_that_is_away_are_named(doctor, httpserver):
    httpserver.expect_request("/health/ready").respond_with_json({}, status=503)
    code, lines = doctor(**dict.fromkeys(SERVICES, "http://127.0.0.1:1") | {"CATALOG_URL": httpserver.url_for("").rstrip("/")})
    assert (code, lines[1].split()[:2]) == (1, ["wrong", "services"])
    assert all(f"{name} is not ready" in lines[1] for name in ("enquiry", "catalog", "notification"))
