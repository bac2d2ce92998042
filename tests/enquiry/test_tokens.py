"""Tokens: what they are given for, and what one no longer does once its session is over."""

from datetime import datetime

from tests.enquiry.partners import new_key, new_system, sign_in, sign_in_link


def delete(house, token):
    return house.client.delete("/v1/tokens", headers={"Authorization": f"Bearer {token}"} if token else {})


def test_signing_out_needs_a_token(house):
    assert delete(house, None).status_code == 401


def test_a_token_of_another_issuer_has_no_session_here_to_end(house):
    issuer = house.app.extensions["passage"].extra["issuer"]
    assert delete(house, issuer.issue(scope="ops", subject="olga", sid="of-another-provider")).status_code == 204


def test_a_token_writes_nothing_after_the_end_of_its_session(house):
    token = sign_in(house, new_key(house, new_system(house, kind="client")["id"])["api_key"]).json["access_token"]
    house.clock.pass_(hours=11)
    assert house.post("/v1/enquiries", house.body(), token=token).status_code == 201
    house.clock.pass_(hours=2)
    assert house.post("/v1/enquiries", house.body(), token=token).status_code == 401


def test_a_system_gets_no_refresh_token_its_key_is_enough(house):
    answer = sign_in(house, new_key(house, new_system(house, kind="client")["id"])["api_key"])
    assert "refresh_token" not in answer.json


def test_a_hospitals_system_signs_in_by_its_key_and_sees_its_hospital_only(house):
    account = new_system(house, kind="hospital", hospital="first")
    key = new_key(house, account["id"])
    token = sign_in(house, key["api_key"]).json
    assert token["scope"] == f"hospital:{house.hospitals['first'].id}"
    house.opened("first", "second")
    assert len(house.get("/v1/invitations", token=token["access_token"]).json["items"]) == 1


def test_a_wrong_key_says_nothing(house):
    assert sign_in(house, "psg_wrong").json["type"] == "/problems/sign-in-refused"


def test_a_person_signs_in_by_mailed_link_and_code(house, operator):
    email, totp = operator
    link = sign_in_link(house, email)
    answer = house.post("/v1/tokens", {"sign_in_link": link, "code": totp.at(house.clock())}, key=None)
    assert (answer.status_code, answer.json["scope"]) == (201, "ops")
    reference = house.opened()
    assert house.get(f"/v1/enquiries/{reference}", token=answer.json["access_token"]).status_code == 200
    again = house.post("/v1/tokens", {"sign_in_link": link, "code": totp.at(house.clock())}, key=None)
    assert again.json["type"] == "/problems/link-invalid"


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


def test_the_public_keys_verify_our_tokens(house):
    jwks = house.get("/.well-known/jwks.json").json
    assert [set(key) & {"d"} for key in jwks["keys"]] == [set()]
    assert jwks["keys"][0]["crv"] == "Ed25519"


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
