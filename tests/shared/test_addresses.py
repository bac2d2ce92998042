"""Addresses that name nothing, or too many slashes, and pages that stand in every service."""

import pytest

from shared import db, web
from shared.config import Settings


@pytest.fixture
def client():
    url = "postgresql://nowhere/none"  # nothing here asks it
    return web.create_app(
        "Nothing", web.Door(Settings(database_url=url), db.engine(url, name="test")), [], description="For tests."
    ).test_client()


@pytest.mark.parametrize("path", ["/health//live", "/health/live//", "/problems//invalid"])
def test_slashes_too_many_name_nothing_and_the_host_that_was_sent_is_not_repeated(client, path):
    """A redirect would have repeated it in its Location."""
    assert client.get(path.replace("//", "/")).status_code == 200
    answer = client.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)


def test_problem_types_are_pages(client):
    assert "JSON pointer" in client.get("/problems/invalid").text
    assert client.get("/problems/<script>").status_code == 404


def test_what_is_not_there_and_what_is_not_allowed_are_problems_too(client):
    missing = client.get("/v1/nothing")
    assert (missing.status_code, missing.json["type"]) == (404, "/problems/not-found")
    wrong = client.delete("/problems/invalid")
    assert (wrong.status_code, wrong.json["type"]) == (405, "/problems/method-not-allowed")
    assert set(wrong.headers["Allow"].split(", ")) >= {"GET"}
