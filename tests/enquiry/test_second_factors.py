"""Codes work once and are not guessed; a second factor is set up once."""

import pyotp

from tests.enquiry.partners import sign_in_link, work_off


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
