"""What the process remembers: given without a query, dropped when the edition changes, never mixed up between readers."""

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from devstack.parts import Parts
from services.catalog.importer import records
from shared.web import cache
from tests.catalog.changes import SEED, with_changed
from tests.catalog.conftest import applied, client_of
from tests.waiting import until

PAGE = f"/v1/procedures/{SEED}/TR"


@pytest.fixture
def asked(client: FlaskClient, queries: list[str]) -> list[str]:
    """Statements beyond the look at the edition."""
    client.get(PAGE)
    queries.clear()
    return queries


def statements(asked: list[str]) -> list[str]:
    return [statement for statement in asked if "editions" not in statement]


def counted(status: int) -> float:
    labels = {"route": "/v1/procedures/<slug>/<country>", "method": "GET", "status": str(status)}
    return REGISTRY.get_sample_value("http_requests_total", labels) or 0.0


def test_a_page_that_was_given_is_given_again_without_a_query(client: FlaskClient, asked: list[str]):
    again = client.get(PAGE)
    assert statements(asked) == []
    fresh = client.get(PAGE, headers={"Authorization": "Basic eDp5"})
    assert statements(asked)
    fresh.headers.remove("Date")
    assert (again.status_code, again.data, again.headers) == (200, fresh.data, fresh.headers)


def test_whoever_has_it_gets_a_304_without_a_query(client: FlaskClient, asked: list[str]):
    tag = client.get(PAGE).headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = client.get(PAGE, headers={"If-None-Match": known})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
        assert "Content-Length" not in answer.headers
    assert client.get(PAGE, headers={"If-None-Match": '"other"'}).status_code == 200
    assert statements(asked) == []


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Basic x"}, {"Authorization": "Basic eDp5"}, {"Origin": "https://elsewhere.example"}]
)
def test_a_caller_that_may_be_somebody_is_never_answered_from_memory(client: FlaskClient, asked: list[str], headers: dict[str, str]):
    client.get(PAGE, headers=headers)
    assert statements(asked)


def test_each_language_and_each_query_has_its_own_answer(client: FlaskClient):
    for _ in range(2):
        assert client.get(PAGE, headers={"Accept-Language": "tr"}).headers["Content-Language"] == "tr"
        assert client.get(PAGE, headers={"Accept-Language": "ar"}).headers["Content-Language"] == "ar"
        assert client.get(f"{PAGE}?language=en", headers={"Accept-Language": "ar"}).headers["Content-Language"] == "en"


def test_a_refusal_is_not_remembered(client: FlaskClient, asked: list[str]):
    for _ in range(2):
        asked.clear()
        assert client.get("/v1/procedures/no-such-thing").status_code == 404
        assert statements(asked)


def test_what_was_given_from_memory_is_counted(client: FlaskClient, asked: list[str]):
    tag, before, before_304 = client.get(PAGE).headers["ETag"], counted(200), counted(304)
    client.get(PAGE)
    client.get(PAGE, headers={"If-None-Match": tag})
    assert statements(asked) == []
    assert (counted(200), counted(304)) == (before + 1, before_304 + 1)


def test_memory_has_a_limit(client: FlaskClient, asked: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 2 * len(client.get(PAGE).data))
    for number in range(4):
        client.get(f"{PAGE}?language=en-x{number}")
    asked.clear()
    client.get(f"{PAGE}?language=en-x3")
    assert statements(asked) == [], "the newest is kept"
    client.get(PAGE)
    assert statements(asked), "the oldest is gone"


def test_a_change_shows_within_a_second_and_an_import_that_changes_nothing_drops_nothing(catalog: str, stated: records.Import):
    with client_of(catalog) as client:
        before = client.get(PAGE)
        applied(catalog, stated)
        changed = with_changed(stated, "procedures", lambda each: each.slug == SEED, summary={"en": "CHANGED"})
        applied(catalog, changed)
        after = until(lambda: (answer := client.get(PAGE)).data != before.data and answer, what="the new page")
        assert "CHANGED" in after.text


def test_pages_are_still_read_while_the_database_is_away(parts: Parts, catalog: str):
    with client_of(catalog) as client:
        before = client.get(PAGE)
        parts.postgres.drop_database(catalog.rpartition("/")[2])
        client.application.extensions["passage"].engine.dispose()
        until(lambda: client.get(f"{PAGE}?language=tr").status_code == 503, what="the database's absence")
        assert client.get(PAGE).data == before.data


def test_a_caller_with_a_cookie_is_never_answered_from_memory(client: FlaskClient, asked: list[str]):
    client.set_cookie("reader", "1")
    client.get(PAGE)
    client.delete_cookie("reader")
    assert statements(asked)
