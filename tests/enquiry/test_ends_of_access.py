"""What ends an account or a key ends what it began, also where both happen in one moment; and a stolen key or token reaches no further."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from sqlalchemy import text

from services.enquiry.partners import accounts, api_keys
from shared import db
from tests.enquiry.test_partners import new_key, new_system, sign_in, sign_in_link
from tests.waiting import until


@pytest.fixture
def deniz(house):
    """A person of the first hospital with a second factor; returns (account id, e-mail, TOTP)."""
    body = {"kind": "hospital", "hospital": "first", "email": "deniz@hospital.example", "name": "Deniz"}
    account = house.post("/v1/accounts", body, token=house.issue("ops")).json["id"]
    link = house.token_of(house.facts("account.invited")[-1][1]["link"])
    totp = pyotp.TOTP(house.post("/v1/second-factors", {"link": link}, key=None).json["secret"])
    assert house.post("/v1/second-factors/confirm", {"link": link, "code": totp.at(house.clock())}, key=None).status_code == 204
    house.clock.pass_(minutes=2)
    return account, body["email"], totp


def signed_in(house, person):
    _, email, totp = person
    answer = house.post("/v1/tokens", {"sign_in_link": sign_in_link(house, email), "code": totp.at(house.clock())}, key=None)
    assert answer.status_code == 201, answer.json
    return answer.json


def renew(house, token):
    return house.post("/v1/tokens", {"refresh_token": token}, key=None)


def answer_while(house, rule, body):
    """The answer to POST /v1/tokens that is asked for while `rule` has done its work, but not yet committed."""
    answers = []

    def ask():
        answers.append(house.app.test_client().post("/v1/tokens", json=body))

    def waits_or_answered():
        with db.transaction(house.engine) as session:
            return answers or session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    thread = threading.Thread(target=ask)
    with db.transaction(house.engine) as session:
        rule(session)
        session.flush()
        thread.start()
        until(waits_or_answered, what="the answer, or its wait for a lock")
    thread.join()
    return answers[0]


def live_sessions(house, account_id):
    with db.transaction(house.engine) as session:
        return session.scalar(text("SELECT count(*) FROM sessions WHERE account_id = :id AND revoked_at IS NULL"), {"id": account_id})


# -- at the same time ---------------------------------------------------------


def test_a_sign_in_that_meets_the_end_of_its_account_is_refused(house, deniz):
    account, email, totp = deniz
    body = {"sign_in_link": sign_in_link(house, email), "code": totp.at(house.clock())}
    answer = answer_while(house, lambda session: accounts.deactivate_account(session, account_id=account, now=house.clock()), body)
    assert (answer.status_code, answer.json["type"]) == (403, "/problems/sign-in-refused")
    assert live_sessions(house, account) == 0


def test_a_renewal_looks_at_the_account_not_only_at_the_session(house, deniz):
    token = signed_in(house, deniz)["refresh_token"]
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE accounts SET deactivated_at = created_at WHERE id = :id"), {"id": deniz[0]})
    assert renew(house, token).json["type"] == "/problems/sign-in-refused"


def test_a_sign_in_that_meets_the_end_of_its_key_is_refused(house):
    account = new_system(house, kind="client")["id"]
    key = new_key(house, account)
    answer = answer_while(
        house,
        lambda session: api_keys.revoke_key(session, key_id=key["id"], hospital_id=None, now=house.clock()),
        {"api_key": key["api_key"]},
    )
    assert (answer.status_code, answer.json["type"]) == (403, "/problems/sign-in-refused")
    assert live_sessions(house, account) == 0


def test_a_sign_in_by_key_that_meets_the_end_of_the_account_is_refused(house):
    account = new_system(house, kind="client")["id"]
    body = {"api_key": new_key(house, account)["api_key"]}
    answer = answer_while(house, lambda session: accounts.deactivate_account(session, account_id=account, now=house.clock()), body)
    assert answer.json["type"] == "/problems/sign-in-refused"
    assert live_sessions(house, account) == 0


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


# -- stolen -------------------------------------------------------------------


def test_a_renewal_by_a_used_up_token_ends_the_session_for_whoever_holds_the_newer_one(house, deniz):
    first = signed_in(house, deniz)["refresh_token"]
    second = renew(house, first).json["refresh_token"]
    house.clock.pass_(minutes=5)
    assert renew(house, first).status_code == 403
    assert renew(house, second).status_code == 403
    assert live_sessions(house, deniz[0]) == 0


def test_two_pages_that_renew_at_once_do_not_sign_anybody_out(house, deniz):
    first = signed_in(house, deniz)["refresh_token"]
    second = renew(house, first).json["refresh_token"]
    assert renew(house, first).status_code == 403
    assert renew(house, second).status_code == 201


def test_a_token_of_no_session_ends_none(house, deniz):
    token = signed_in(house, deniz)["refresh_token"]
    house.clock.pass_(minutes=5)
    assert renew(house, "psr_none.none").status_code == 403
    assert renew(house, token).status_code == 201


def test_a_key_ends_no_other_keys(house, deniz):
    thief, sibling = (new_key(house, new_system(house, kind="hospital", hospital="first")["id"]) for _ in range(2))
    end = f"/v1/api-keys/{sibling['id']}"
    stolen = sign_in(house, thief["api_key"]).json["access_token"]
    assert house.client.delete(end, headers={"Authorization": f"Bearer {stolen}"}).status_code == 403
    assert sign_in(house, sibling["api_key"]).status_code == 201
    person = signed_in(house, deniz)["access_token"]
    assert house.client.delete(end, headers={"Authorization": f"Bearer {person}"}).status_code == 200


def test_the_label_of_a_key_is_one_line(house):
    account = new_system(house, kind="client")["id"]
    refused = house.post("/v1/api-keys", {"label": "a\u202eb\r\n", "account": account}, token=house.issue("ops"))
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "#/label")
