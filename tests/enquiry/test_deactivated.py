"""The end of an account is told to whoever hears of accounts, and nothing is said of it afterwards."""

from sqlalchemy import text

from services.enquiry.partners import accounts
from shared import db

PERSON = {"kind": "hospital", "hospital": "first", "email": "deniz@first.example", "name": "Deniz"}
SYSTEM = {"kind": "hospital", "hospital": "first", "label": "Booking system"}


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
