"""A token outlives its account by up to five minutes; what was heard of the account's end counts at once."""

import pytest

from shared import crypto
from shared.events import Tombstone, enquiry

HOOK = {"kind": "webhook", "url": "https://hospital.example/passage"}


def token_of(door, account, scope):
    return door.issuer.issue(scope=scope, subject=str(account), sid=str(crypto.new_id()))


def end(house, account, version=2):
    house.hear(Tombstone(topic=enquiry.ACCOUNTS, id=account, version=version))


def write(door, token, key=True):
    return door.send("POST", "/v1/endpoints", HOOK, token=token, key=key).status_code


def test_the_token_of_a_person_whose_account_has_ended_writes_nothing(house, door, hospital):
    account = house.account(hospital_id=hospital)
    token = token_of(door, account, f"hospital:{hospital}")
    assert write(door, token) == 201
    end(house, account)
    endpoint = house.scalar("SELECT id FROM endpoints")
    refused = [
        door.send("POST", "/v1/endpoints", HOOK, token=token),
        door.send("PATCH", f"/v1/endpoints/{endpoint}", {"paused": True}, token=token, if_match=1),
        door.send("POST", f"/v1/endpoints/{endpoint}/test", token=token),
        door.send("DELETE", f"/v1/endpoints/{endpoint}", token=token, if_match=1),
    ]
    assert [(one.status_code, one.json["type"]) for one in refused] == [(401, "/problems/sign-in-required")] * 4
    assert house.execute("SELECT paused, deleted_at FROM endpoints").all() == [(False, None)]
    assert house.deliveries() == []


def test_what_it_had_asked_before_is_not_answered_again(house, door, hospital):
    account = house.account(hospital_id=hospital)
    token = token_of(door, account, f"hospital:{hospital}")
    assert write(door, token, key="once") == 201
    end(house, account)
    assert write(door, token, key="once") == 401, "the stored answer holds a secret"


def test_a_system_of_which_only_its_end_was_heard_writes_nothing(house, door, hospital):
    account = crypto.new_id()
    token = token_of(door, account, f"hospital:{hospital}")
    assert write(door, token) == 201, "a system is not told of while it lives"
    end(house, account)
    assert write(door, token) == 401


def test_operations_whose_account_has_ended_change_nothing(house, door):
    account = house.account()
    end(house, account)
    hold = {"kind": "channel", "value": "email", "because": "out of spite"}
    assert door.send("POST", "/v1/ops/holds", hold, token=token_of(door, account, "ops")).status_code == 401
    assert house.scalar("SELECT count(*) FROM holds") == 0


@pytest.mark.parametrize("subject", ["olga", "00000000-0000-0000-0000-00000000000g"])
def test_a_caller_of_another_issuer_is_not_ours_to_judge(house, door, hospital, subject):
    assert write(door, token_of(door, subject, f"hospital:{hospital}")) == 201
