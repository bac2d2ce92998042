"""Tokens and the sessions they point to: what a token no longer does once its session is over."""

from tests.enquiry.test_partners import new_key, new_system, sign_in


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


def test_a_system_has_at_most_ten_keys_and_another_after_one_has_ended(house):
    account, token = new_system(house, kind="client")["id"], house.issue("ops")
    body = {"label": "one of many", "account": account}
    answers = [house.post("/v1/api-keys", body, token=token) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [409]
    assert (answers[-1].json["type"], answers[-1].json["limit"]) == ("/problems/limit-reached", 10)
    house.client.delete(f"/v1/api-keys/{answers[0].json['id']}", headers={"Authorization": f"Bearer {token}"})
    assert house.post("/v1/api-keys", body, token=token).status_code == 201
