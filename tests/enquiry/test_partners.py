"""Who may speak to us by name, and what it takes."""

from datetime import datetime

import pyotp
import pytest
from sqlalchemy import text

from services.enquiry import resends
from shared import db


def work_off(house):
    with db.transaction(house.engine) as session:
        while resends.work_off(session, house.settings, now=house.clock()):
            pass


def new_system(house, **body):
    response = house.post("/v1/accounts", {"label": "System", **body}, token=house.issue("ops"))
    assert response.status_code == 201, response.json
    return response.json


def new_key(house, account_id):
    response = house.post("/v1/api-keys", {"label": "first", "account": account_id}, token=house.issue("ops"))
    assert response.status_code == 201, response.json
    return response.json


def sign_in(house, api_key):
    return house.post("/v1/tokens", {"api_key": api_key}, key=None)


@pytest.fixture
def operator(house):
    """A person of operations with a confirmed second factor; returns (e-mail, TOTP)."""
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga", "role": "admin"}
    assert house.post("/v1/accounts", body, token=house.issue("ops")).status_code == 201
    link = house.token_of(house.facts("account.invited")[-1][1]["link"])
    secret = house.post("/v1/second-factors", {"link": link}, key=None).json["secret"]
    totp = pyotp.TOTP(secret)
    code = totp.at(house.clock())
    assert house.post("/v1/second-factors/confirm", {"link": link, "code": code}, key=None).status_code == 204
    house.clock.pass_(minutes=2)
    return body["email"], totp


def sign_in_link(house, email):
    assert house.post("/v1/sign-ins", {"email": email}, key=None).status_code == 202
    work_off(house)
    return house.token_of(house.facts("account.sign_in_requested")[-1][1]["link"])


def test_a_hospitals_system_signs_in_by_its_key_and_sees_its_hospital_only(house):
    account = new_system(house, kind="hospital", hospital="first")
    key = new_key(house, account["id"])
    token = sign_in(house, key["api_key"]).json
    assert token["scope"] == f"hospital:{house.hospitals['first'].id}"
    house.opened("first", "second")
    assert len(house.get("/v1/invitations", token=token["access_token"]).json["items"]) == 1


def test_a_key_is_shown_once_and_stored_hashed(house):
    key = new_key(house, new_system(house, kind="client")["id"])
    assert "api_key" not in house.get("/v1/api-keys", token=house.hospital_token("first")).text
    with db.transaction(house.engine) as session:
        stored = str(session.execute(text("SELECT * FROM api_keys")).all())
    assert key["api_key"] not in stored


def test_a_revoked_key_and_its_tokens_write_nothing_more(house):
    account = new_system(house, kind="client")
    key = new_key(house, account["id"])
    token = sign_in(house, key["api_key"]).json["access_token"]
    assert house.client.delete(f"/v1/api-keys/{key['id']}", headers={"Authorization": f"Bearer {house.issue('ops')}"}).status_code == 200
    refused = sign_in(house, key["api_key"])
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/sign-in-refused")
    assert house.post("/v1/enquiries", house.body(), token=token).status_code == 401


def test_a_wrong_key_says_nothing(house):
    assert sign_in(house, "psg_wrong").json["type"] == "/problems/sign-in-refused"


def test_only_operations_make_accounts(house):
    for token in (house.issue("client"), house.hospital_token("first")):
        assert house.post("/v1/accounts", {"kind": "client", "label": "x"}, token=token).status_code == 403
    assert house.post("/v1/accounts", {"kind": "client", "label": "x"}).status_code == 401


def test_an_unknown_hospital_is_named_in_the_refusal(house):
    refused = house.post("/v1/accounts", {"kind": "hospital", "hospital": "nowhere", "label": "x"}, token=house.issue("ops"))
    assert (refused.json["type"], refused.json["errors"][0]["pointer"]) == ("/problems/slug-unknown", "#/hospital")


def test_a_person_signs_in_by_mailed_link_and_code(house, operator):
    email, totp = operator
    link = sign_in_link(house, email)
    answer = house.post("/v1/tokens", {"sign_in_link": link, "code": totp.at(house.clock())}, key=None)
    assert (answer.status_code, answer.json["scope"]) == (201, "ops")
    reference = house.opened()
    assert house.get(f"/v1/enquiries/{reference}", token=answer.json["access_token"]).status_code == 200
    again = house.post("/v1/tokens", {"sign_in_link": link, "code": totp.at(house.clock())}, key=None)
    assert again.json["type"] == "/problems/link-invalid"


def test_a_code_works_once(house, operator):
    email, totp = operator
    code = totp.at(house.clock())
    assert house.post("/v1/tokens", {"sign_in_link": sign_in_link(house, email), "code": code}, key=None).status_code == 201
    replayed = house.post("/v1/tokens", {"sign_in_link": sign_in_link(house, email), "code": code}, key=None)
    assert replayed.json["type"] == "/problems/sign-in-refused"


def test_codes_cannot_be_guessed(house, operator):
    email, _ = operator
    link = sign_in_link(house, email)
    answers = [house.post("/v1/tokens", {"sign_in_link": link, "code": f"{n:06d}"}, key=None).status_code for n in range(7)]
    assert answers == [403] * 5 + [429] * 2


def test_a_session_is_renewed_by_a_token_that_works_once(house, operator):
    email, totp = operator
    first = house.post("/v1/tokens", {"sign_in_link": sign_in_link(house, email), "code": totp.at(house.clock())}, key=None).json
    second = house.post("/v1/tokens", {"refresh_token": first["refresh_token"]}, key=None)
    assert second.status_code == 201
    assert house.post("/v1/tokens", {"refresh_token": first["refresh_token"]}, key=None).status_code == 403
    house.clock.pass_(hours=13)
    assert house.post("/v1/tokens", {"refresh_token": second.json["refresh_token"]}, key=None).status_code == 403


def test_signing_out_ends_the_session(house):
    key = new_key(house, new_system(house, kind="client")["id"])
    token = sign_in(house, key["api_key"]).json["access_token"]
    assert house.client.delete("/v1/tokens", headers={"Authorization": f"Bearer {token}"}).status_code == 204
    assert house.post("/v1/enquiries", house.body(), token=token).status_code == 401


def test_links_are_sent_again_with_the_same_answer_for_known_and_unknown_addresses(house):
    house.opened()
    known = house.post("/v1/links", {"email": "AMINA@example.org"}, key=None)
    unknown = house.post("/v1/links", {"email": "nobody@example.org"}, key=None)
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data) == (202, b"{}")
    work_off(house)
    assert [name for name, _ in house.facts()][-1] == "enquiry.link_requested"
    link = house.facts("enquiry.link_requested")[0][1]["case_link"]
    token = house.post("/v1/tokens", {"case_link": house.token_of(link)}, key=None)
    assert token.status_code == 201


def test_an_unverified_enquiry_gets_its_proof_link_again(house):
    house.create()
    house.post("/v1/links", {"email": "amina@example.org"}, key=None)
    work_off(house)
    (again,) = [data for _, data in house.facts("enquiry.verification_requested")]
    assert again["why"] == "resend"
    token = house.token_of(again["verify"])
    assert house.post("/v1/verifications", {"token": token}, key=None).json["state"] == "open"


def test_resending_is_limited_per_address_known_or_not(house):
    answers = [house.post("/v1/links", {"email": "nobody@example.org"}, key=None) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_the_public_keys_verify_our_tokens(house):
    jwks = house.get("/.well-known/jwks.json").json
    assert [set(key) & {"d"} for key in jwks["keys"]] == [set()]
    assert jwks["keys"][0]["crv"] == "Ed25519"


def test_a_client_may_call_from_its_own_origin_only(house):
    new_system(house, kind="client", origins=["https://clinic-finder.example"])
    ours = house.client.options(
        "/v1/enquiries", headers={"Origin": "https://clinic-finder.example", "Access-Control-Request-Method": "POST"}
    )
    assert ours.headers["Access-Control-Allow-Origin"] == "https://clinic-finder.example"
    theirs = house.client.options("/v1/enquiries", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert "Access-Control-Allow-Origin" not in theirs.headers


def test_links_of_the_wrong_kind_open_nothing(house):
    house.create()
    verify = house.token_of(house.facts("enquiry.submitted")[0][1]["verify"])
    assert house.post("/v1/tokens", {"case_link": verify}, key=None).json["type"] == "/problems/link-invalid"


def test_a_patients_session_ends_with_its_link(house):
    house.opened()
    link = house.facts("enquiry.opened")[0][1]["case_link"]
    assert datetime.fromisoformat(link["expires_at"]) > house.clock()
    house.clock.pass_(days=31)
    assert house.post("/v1/tokens", {"case_link": house.token_of(link)}, key=None).json["type"] == "/problems/link-invalid"


def test_the_token_of_a_case_link_comes_with_the_reference_of_its_case(house):
    reference = house.opened("first")
    link = house.facts("enquiry.opened")[-1][1]["case_link"]
    assert house.post("/v1/tokens", {"case_link": house.token_of(link)}, key=None).json["reference"] == reference


def test_an_older_link_cannot_replace_a_second_factor_that_is_in_force(house):
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga"}
    house.post("/v1/accounts", body, token=house.issue("ops"))
    house.post("/v1/sign-ins", {"email": body["email"]}, key=None)
    work_off(house)
    first, second = (house.token_of(data["link"]) for _, data in house.facts("account.invited"))
    totp = pyotp.TOTP(house.post("/v1/second-factors", {"link": first}, key=None).json["secret"])
    confirmed = house.post("/v1/second-factors/confirm", {"link": first, "code": totp.at(house.clock())}, key=None)
    assert confirmed.status_code == 204
    for link in (first, second):
        assert house.post("/v1/second-factors", {"link": link}, key=None).json["type"] == "/problems/link-invalid"
    house.clock.pass_(minutes=2)
    signed_in = house.post("/v1/tokens", {"sign_in_link": sign_in_link(house, body["email"]), "code": totp.at(house.clock())}, key=None)
    assert signed_in.status_code == 201


def test_a_key_makes_no_keys_so_a_stolen_one_ends_with_its_account(house):
    key = new_key(house, new_system(house, kind="hospital", hospital="first")["id"])
    token = sign_in(house, key["api_key"]).json["access_token"]
    assert house.post("/v1/api-keys", {"label": "another"}, token=token).status_code == 403


def test_a_person_of_a_hospital_makes_at_most_ten_keys_for_it(house):
    body = {"kind": "hospital", "hospital": "first", "email": "deniz@hospital.example", "name": "Deniz"}
    account = house.post("/v1/accounts", body, token=house.issue("ops")).json
    issuer = house.app.extensions["passage"].extra["issuer"]
    token = issuer.issue(scope=f"hospital:{account['hospital_id']}", subject=account["id"], sid="here")
    answers = [house.post("/v1/api-keys", {"label": f"key {n}"}, token=token).status_code for n in range(11)]
    assert answers == [201] * 10 + [409]


@pytest.mark.parametrize(
    "change", [{"name": "Olga\r\nBcc: evil@example.org"}, {"name": "\u202eOlga"}, {"name": "\u200b"}, {"email": "olga@[127.0.0.1]"}]
)
def test_names_and_addresses_of_people_are_one_line_that_can_be_read_and_reached(house, change):
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga", **change}
    assert house.post("/v1/accounts", body, token=house.issue("ops")).status_code == 422


def test_retry_after_is_what_is_left_of_the_window(house):
    for _ in range(3):
        house.post("/v1/links", {"email": "nobody@example.org"}, key=None)
    waits = [int(house.post("/v1/links", {"email": "nobody@example.org"}, key=None).headers["Retry-After"]) for _ in range(2)]
    assert all(3500 < wait <= 3600 for wait in waits)
