"""An endpoint is for a hospital that the catalog has named; until the catalog was read once nobody can say."""

import pytest

from shared import crypto

OPS = "/v1/ops/hospitals/{}/endpoints"
ADDRESS = {"kind": "email", "address": "desk@hospital.example"}
TRUSTED = {**ADDRESS, "because": "told by telephone"}


@pytest.fixture
def catalog_read(house):
    """As the consumer writes it down when it has passed the ends of what it hears."""
    house.execute("INSERT INTO consumer_targets VALUES ('notification', 'catalog.hospitals', 0, -1)")


def ways(door, hospital):
    """Both in which an endpoint is registered over HTTP."""
    return (
        door.send("POST", OPS.format(hospital), TRUSTED, token=door.token("ops")),
        door.send("POST", "/v1/endpoints", ADDRESS, token=door.token(f"hospital:{hospital}")),
    )


@pytest.mark.usefixtures("catalog_read")
def test_a_hospital_that_the_catalog_has_not_named_has_no_endpoints(house, door):
    for answer in ways(door, crypto.new_id()):
        assert (answer.status_code, answer.json["type"]) == (404, "/problems/not-found")
    assert house.scalar("SELECT count(*) FROM endpoints") + house.scalar("SELECT count(*) FROM audit") == 0


def test_until_the_catalog_was_read_once_a_hospital_that_is_not_known_may_be_on_its_way(house, door):
    for answer in ways(door, crypto.new_id()):
        assert (answer.status_code, answer.json["type"], answer.headers["Retry-After"]) == (503, "/problems/catalog-not-loaded", "5")


def test_a_hospital_that_is_known_need_not_wait_for_the_rest_of_the_catalog(house, door):
    assert [answer.status_code for answer in ways(door, house.hospital())] == [201, 201]


@pytest.mark.usefixtures("catalog_read")
def test_a_key_that_was_used_for_an_unknown_hospital_can_be_used_again_when_it_is_known(house, door):
    hospital, token = crypto.new_id(), door.token("ops")
    assert door.send("POST", OPS.format(hospital), TRUSTED, token=token, key="once").status_code == 404
    house.hospital(hospital_id=hospital)
    assert door.send("POST", OPS.format(hospital), TRUSTED, token=token, key="once").status_code == 201
