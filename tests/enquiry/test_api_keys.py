"""API keys: shown once, few, and what a stolen one cannot do."""

from sqlalchemy import text

from shared import db
from tests.enquiry.partners import new_key, new_system, sign_in, signed_in


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


def test_a_system_has_at_most_ten_keys_and_another_after_one_has_ended(house):
    account, token = new_system(house, kind="client")["id"], house.issue("ops")
    body = {"label": "one of many", "account": account}
    answers = [house.post("/v1/api-keys", body, token=token) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [409]
    assert (answers[-1].json["type"], answers[-1].json["limit"]) == ("/problems/limit-reached", 10)
    house.client.delete(f"/v1/api-keys/{answers[0].json['id']}", headers={"Authorization": f"Bearer {token}"})
    assert house.post("/v1/api-keys", body, token=token).status_code == 201


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
