"""What a browser says of its origin makes no request fail, and methods that a stranger invents leave no figure each."""

import pytest

from services.enquiry.app import create_app
from services.enquiry.settings import Settings
from shared.web.cors import Origins
from tests.enquiry.conftest import secret_settings
from tests.enquiry.partners import new_system


@pytest.fixture
def away(settings_for):
    """The app where nobody listens at the address of its database."""
    app = create_app(settings_for(Settings, "postgresql://nobody@127.0.0.1:9/away", **secret_settings()))
    yield app.test_client()
    app.extensions["passage"].engine.dispose()


def test_with_the_database_away_an_origin_is_not_allowed_and_the_answer_stands(away):
    for _ in range(2):
        answer = away.get("/health/live", headers={"Origin": "https://www.agency.example"})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_origins_are_read_from_the_database_now_and_then_not_for_each_request():
    reads = []
    origins = Origins(lambda: reads.append(1) or ["https://www.agency.example"])
    assert "https://www.agency.example" in origins
    assert "https://evil.example" not in origins
    assert reads == [1]


def test_a_method_that_was_invented_is_counted_as_other(away):
    assert away.open("/health/live", method="FROBNICATE").status_code == 405
    figures = away.get("/metrics").text
    assert "FROBNICATE" not in figures
    assert 'method="other"' in figures


def test_a_client_may_call_from_its_own_origin_only(house):
    new_system(house, kind="client", origins=["https://clinic-finder.example"])
    ours = house.client.options(
        "/v1/enquiries", headers={"Origin": "https://clinic-finder.example", "Access-Control-Request-Method": "POST"}
    )
    assert ours.headers["Access-Control-Allow-Origin"] == "https://clinic-finder.example"
    theirs = house.client.options("/v1/enquiries", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert "Access-Control-Allow-Origin" not in theirs.headers
