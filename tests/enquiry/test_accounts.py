"""Accounts: a person has a name, a system has origins that a browser can send."""

import pytest


def refused(house, **body):
    answer = house.post("/v1/accounts", body, token=house.issue("ops"))
    assert answer.status_code == 422, answer.json
    return [error["pointer"] for error in answer.json["errors"]]


def test_a_person_without_a_name_is_no_account(house):
    assert refused(house, kind="ops", email="olga@passage.example") == ["#/name"]


def test_a_person_has_no_origins(house):
    assert refused(house, kind="ops", email="olga@passage.example", name="Olga", origins=["https://a.example"]) == ["#/origins"]


def test_a_system_has_a_label(house):
    assert refused(house, kind="client") == ["#/label"]


@pytest.mark.parametrize(
    "origin", ["https://a.example/path/", "https://a.example/", "https://A.example", "https://u@a.example", "ftp://a.example"]
)
def test_an_origin_is_written_as_a_browser_sends_it(house, origin):
    assert refused(house, kind="client", label="Agency", origins=[origin]) == ["#/origins/0"]


def test_deactivating_is_for_operations_and_happens_once(house):
    made = house.post("/v1/accounts", {"kind": "client", "label": "Agency"}, token=house.issue("ops")).json["id"]
    path = f"/v1/accounts/{made}/deactivate"
    assert house.post(path, token=house.issue("client")).status_code == 403
    ended = house.post(path, token=house.issue("ops"))
    assert (ended.status_code, ended.json["deactivated_at"] is not None) == (200, True)
    assert house.post(path, token=house.issue("ops")).status_code == 404
