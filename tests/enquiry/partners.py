"""What tests ask in the name of partners: accounts, keys, links to sign in, sessions."""

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


def sign_in_link(house, email):
    assert house.post("/v1/sign-ins", {"email": email}, key=None).status_code == 202
    work_off(house)
    return house.token_of(house.facts("account.sign_in_requested")[-1][1]["link"])


def signed_in(house, person):
    _, email, totp = person
    answer = house.post("/v1/tokens", {"sign_in_link": sign_in_link(house, email), "code": totp.at(house.clock())}, key=None)
    assert answer.status_code == 201, answer.json
    return answer.json
