"""Other services that are away, slow or broken, and ourselves: a page in kind words, never a trace, never an endless wait."""

import socket
import time

import pytest
from flask import Flask

from services.web.app import create_app
from services.web.clients import Client, answers
from services.web.settings import Settings
from shared.problems import Conflict, Problem, Unavailable
from tests.web.conftest import served, site_settings

CHANGING = ["/l/verify/x", "/l/case/x", "/l/account/x"]


@pytest.mark.parametrize("path", CHANGING)
def test_a_service_that_is_away_is_said_to_be_away(lonely, path):
    page = lonely.test_client().post(path)
    assert page.status_code == 503
    assert "We cannot reach a part of Passage right now" in page.text
    assert page.headers["Retry-After"]


def test_what_was_typed_is_not_lost_where_the_service_is_away(lonely):
    """The page asks to try again; going back shows the form as the browser kept it. Nothing is claimed to have been sent."""
    page = lonely.test_client().post("/links", data={"email": "amina@example.org"})
    assert page.status_code == 503
    assert "mail" not in page.text.split("<main")[1].split("</main>")[0].lower()


def test_a_case_is_shown_while_the_catalog_is_away(street):
    visitor, reference = street.in_case("first")
    assert visitor.get(f"/case/{reference}").status_code == 200


def test_a_case_whose_service_goes_away_says_so_and_opens_again_afterwards(house):
    from tests.web.conftest import Street

    with served(house.app) as server:
        port = server.server_port
        street = Street(house, f"http://127.0.0.1:{port}")
        visitor, reference = street.in_case("first")
    assert visitor.get(f"/case/{reference}").status_code == 503
    with served(house.app, port=port):
        assert visitor.get(f"/case/{reference}").status_code == 200


def test_a_service_that_never_answers_is_waited_for_no_longer_than_the_settings_say():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            client.ask("POST", "/v1/verifications", body={})
        assert time.monotonic() - begun < 2


def broken(status, body, **headers):
    """A server that answers everything in one way."""
    app = Flask("broken")
    app.add_url_rule("/<path:path>", "all", lambda **_: (body, status, headers), methods=["GET", "POST"])
    return app


@pytest.mark.parametrize(
    ("status", "body", "slug"),
    [
        (409, b'{"type": "/problems/invalid-transition", "state": "withdrawn", "possible": []}', "invalid-transition"),
        (409, b'{"type": "/problems/of-the-future"}', "internal"),
        (400, b"<html>", "internal"),
        (404, b"[]", "internal"),
        (500, b"", "internal"),
        (502, b"<html>", "unavailable"),
    ],
)
def test_a_refusal_is_raised_again_as_the_problem_it_is(status, body, slug):
    with served(broken(status, body)) as server:
        with pytest.raises(Problem) as raised:
            Client(f"http://127.0.0.1:{server.server_port}", seconds=2).ask("GET", "/v1/x")
        assert raised.value.slug == slug
        assert isinstance(raised.value, Conflict) == (status == 409)


@pytest.mark.parametrize("status", [400, 404, 500, 503])
@pytest.mark.parametrize("path", CHANGING)
def test_no_page_shows_anything_technical(status, path):
    with served(broken(status, b"Traceback (most recent call last): secret")) as server:
        page = create_app(site_settings(f"http://127.0.0.1:{server.server_port}")).test_client().post(path)
    assert page.status_code >= 400
    for technical in ("Traceback", "secret", "127.0.0.1", "problem"):
        assert technical not in page.text


def test_an_answer_that_is_no_json_is_a_page_in_kind_words():
    with served(broken(200, b"<html>hello")) as server:
        page = create_app(site_settings(f"http://127.0.0.1:{server.server_port}")).test_client().post("/l/verify/x")
    assert page.status_code == 503
    assert "hello" not in page.text


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/"), ("POST", "/"), ("PUT", "/links")])
def test_a_method_that_is_none_is_a_page_too(lonely, method, path):
    page = lonely.test_client().open(path, method=method)
    assert page.status_code == 405
    assert page.headers["Allow"]
    assert "<h1>" in page.text


def test_a_body_that_is_too_large_is_a_page_too(lonely):
    assert lonely.test_client().post("/links", data={"email": "x" * 300_000}).status_code == 413


def test_the_site_is_ready_by_itself_and_counts_its_answers(lonely):
    client = lonely.test_client()
    assert client.get("/health/live").json == {"status": "live"}
    assert client.get("/health/ready").json == {"status": "ready"}
    client.get("/l/verify/some-token")
    assert 'route="/l/verify/<token>"' in client.get("/metrics").text


def test_health_from_the_command_line_asks_the_server(lonely):
    with served(lonely) as server:
        address = f"127.0.0.1:{server.server_port}"
        assert answers(address)
    assert not answers(address)


def test_every_missing_or_wrong_setting_is_named_at_once(monkeypatch):
    from shared.config import BadConfiguration

    monkeypatch.setenv("ENQUIRY_URL", "somewhere")
    monkeypatch.setenv("COOKIE_KEYS", "short")
    monkeypatch.delenv("CATALOG_URL", raising=False)
    with pytest.raises(BadConfiguration) as raised:
        Settings.from_env()
    assert [name for name in ("ENQUIRY_URL", "COOKIE_KEYS", "CATALOG_URL") if name in str(raised.value)] == [
        "ENQUIRY_URL",
        "COOKIE_KEYS",
        "CATALOG_URL",
    ]
