"""Addresses with slashes too many: no redirect, because its Location would repeat whatever Host was sent."""

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
    assert client.get(path.replace("//", "/")).status_code == 200
    answer = client.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
