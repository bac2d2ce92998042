"""Accounts: who makes them, what people and systems are called, and how their end is told."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from services.enquiry.partners import accounts
from shared import db

PERSON = {"kind": "hospital", "hospital": "first", "email": "deniz@first.example", "name": "Deniz"}
SYSTEM = {"kind": "hospital", "hospital": "first", "label": "Booking system"}


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


def test_only_operations_make_accounts(house):
    for token in (house.issue("client"), house.hospital_token("first")):
        assert house.post("/v1/accounts", {"kind": "client", "label": "x"}, token=token).status_code == 403
    assert house.post("/v1/accounts", {"kind": "client", "label": "x"}).status_code == 401


def test_an_unknown_hospital_is_named_in_the_refusal(house):
    refused = house.post("/v1/accounts", {"kind": "hospital", "hospital": "nowhere", "label": "x"}, token=house.issue("ops"))
    assert (refused.json["type"], refused.json["errors"][0]["pointer"]) == ("/problems/slug-unknown", "#/hospital")


@pytest.mark.parametrize(
    "change", [{"name": "Olga\r\nBcc: evil@example.org"}, {"name": "\u202eOlga"}, {"name": "\u200b"}, {"email": "olga@[127.0.0.1]"}]
)
def test_names_and_addresses_of_people_are_one_line_that_can_be_read_and_reached(house, change):
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga", **change}
    assert house.post("/v1/accounts", body, token=house.issue("ops")).status_code == 422


def test_of_accounts_with_one_address_that_are_made_at_once_one_is_made_and_the_others_hear_why(house):
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga"}
    token = house.issue("ops")

    def make(number):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"account-{number}"}
        answer = house.app.test_client().post("/v1/accounts", json=body, headers=headers)
        return answer.status_code, answer.json.get("type")

    with ThreadPoolExecutor(6) as threads:
        answers = sorted(threads.map(make, range(6)))
    assert answers == [(201, None), *[(409, "/problems/account-exists")] * 5]


def said_of(house, account):
    """Versions of the account in its topic, and whether each has a value."""
    with db.transaction(house.engine) as session:
        rows = session.execute(
            text("SELECT version, value IS NOT NULL FROM outbox WHERE topic = 'enquiry.accounts' AND key = :key ORDER BY id"),
            {"key": account},
        )
        return [tuple(row) for row in rows]


def ended(house, body):
    account = house.post("/v1/accounts", body, token=house.issue("ops")).json["id"]
    answer = house.post(f"/v1/accounts/{account}/deactivate", {}, token=house.issue("ops"), key=None)
    assert answer.status_code == 200, answer.json
    return account


def test_the_end_of_a_persons_account_is_a_tombstone_above_all_that_was_said(house):
    (first, _), (last, has_value) = said_of(house, ended(house, PERSON))
    assert last > first
    assert not has_value


def test_the_end_of_a_systems_account_is_a_tombstone_though_nothing_was_said_before(house):
    assert said_of(house, ended(house, SYSTEM)) == [(2, False)]


def test_a_rotation_of_keys_does_not_bring_it_back(house):
    account = ended(house, PERSON)
    before = said_of(house, account)
    with db.transaction(house.engine) as session:
        assert accounts.rewrap_keys(session, house.vault) == 1
    assert said_of(house, account) == before
