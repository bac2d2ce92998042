"""What ends an account or a key ends the sessions it began, also where both happen in one moment; a stolen refresh token reaches no further."""

import threading

from sqlalchemy import text

from services.enquiry.partners import accounts, api_keys
from shared import db
from tests.enquiry.partners import new_key, new_system, sign_in_link, signed_in
from tests.waiting import until


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
