"""What a stranger does in somebody's name: it floods no mailbox, locks nobody out, and its answers say nothing about the address."""

import itertools

import pytest
from sqlalchemy import text

from services.enquiry.settings import Settings
from shared import db
from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings
from tests.enquiry.partners import work_off

ADDRESS = "amina@example.org"


def mails(house):
    """Facts that become a mail to the address."""
    told = house.facts("enquiry.submitted", "enquiry.verification_requested", "enquiry.link_requested")
    return [(name, data) for name, data in told if data.get("verify") or data.get("case_link")]


def ask(house, path, email, *, network):
    """As somebody at another network address."""
    return house.client.post(path, json={"email": email}, environ_base={"REMOTE_ADDR": network}).status_code


def later(house, minutes):
    house.clock.pass_(minutes=minutes)
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE links SET issued_at = issued_at - make_interval(mins => :minutes)"), {"minutes": minutes})


# -- enquiries ----------------------------------------------------------------


def test_however_many_enquiries_name_an_address_each_is_taken_and_few_are_mailed(house):
    answers = [house.post("/v1/enquiries", house.body()) for _ in range(house.settings.max_open_enquiries + 2)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({tuple(answer.json) for answer in answers}) == 1
    assert len(mails(house)) == house.settings.proof_mails_at_once


def test_an_hour_later_an_enquiry_is_answered_by_a_mail_again(house):
    for _ in range(house.settings.proof_mails_at_once + 1):
        house.create()
    house.clock.pass_(minutes=61)
    before = len(mails(house))
    house.create()
    assert len(mails(house)) == before + 1


def test_a_person_who_proves_each_is_mailed_each(house):
    for _ in range(house.settings.proof_mails_at_once + 1):
        house.opened()
    assert len(house.facts("enquiry.opened")) == house.settings.proof_mails_at_once + 1


def test_of_what_waits_for_proof_only_the_latest_is_reminded_of(house):
    references = [house.create() for _ in range(5)]
    before = len(mails(house))
    house.clock.pass_(minutes=61)
    house.fire()
    (reminder,) = mails(house)[before:]
    assert reminder[1]["reference"] == references[-1]
    assert house.post("/v1/verifications", {"token": house.token_of(reminder[1]["verify"])}, key=None).json["state"] == "open"


def test_the_limit_of_live_enquiries_is_told_to_whoever_has_proved_the_address(house):
    for _ in range(house.settings.max_open_enquiries):
        house.opened()
    house.create()
    link = house.facts("enquiry.submitted")[-1][1]["verify"]
    refused = house.post("/v1/verifications", {"token": house.token_of(link)}, key=None)
    assert (refused.status_code, refused.json["type"]) == (409, "/problems/limit-reached")


@pytest.mark.parametrize("name", ["You have won, see https://evil.example", "Call www.evil.example", "me@evil.example"])
def test_a_name_is_no_place_for_an_address(house, name):
    for who in ("requester", "patient"):
        body = house.body()
        body[who]["name"] = name
        refused = house.post("/v1/enquiries", body)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, f"#/{who}/name")


@pytest.mark.parametrize("zone", ["localtime", "Factory"])
def test_a_zone_that_is_nowhere_is_refused(house, zone):
    body = house.body()
    body["requester"]["timezone"] = zone
    assert house.post("/v1/enquiries", body).json["errors"][0]["pointer"] == "#/requester/timezone"


def test_strangers_with_the_same_key_get_an_enquiry_each_and_each_his_own_answer_again(house):
    networks = itertools.count(1)

    def ask_as(email):
        body = house.body()
        body["requester"]["email"] = email
        network = f"192.0.2.{next(networks)}"  # a phone that changes networks is still the same person
        return house.client.post("/v1/enquiries", json=body, headers={"Idempotency-Key": "1"}, environ_base={"REMOTE_ADDR": network})

    first, second = ask_as("amina@example.org"), ask_as("bola@example.org")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["reference"] != second.json["reference"]
    assert ask_as("amina@example.org").json == first.json
    assert ask_as("bola@example.org").json == second.json


@pytest.mark.parametrize("requester", [None, [], "amina@example.org", {}, {"email": None}, {"email": ["amina@example.org"]}])
def test_a_request_that_names_no_address_is_refused_as_before(house, requester):
    assert house.post("/v1/enquiries", house.body() | {"requester": requester}).status_code == 422


# -- links sent again ---------------------------------------------------------


def test_links_sent_again_are_few_and_of_the_newest(house):
    for _ in range(5):
        house.opened()
    waiting = [house.create() for _ in range(3)]
    before = len(mails(house))
    assert ask(house, "/v1/links", ADDRESS, network="192.0.2.1") == 202
    work_off(house)
    sent = mails(house)[before:]
    assert [name for name, _ in sent] == ["enquiry.verification_requested", *["enquiry.link_requested"] * 3]
    assert sent[0][1]["reference"] == waiting[-1]


def test_strangers_use_up_nobodys_limit_and_the_mailbox_gets_no_more_links_than_are_of_use(house):
    house.opened()
    for network in range(12):
        assert ask(house, "/v1/links", ADDRESS, network=f"192.0.2.{network}") == 202
    work_off(house)
    assert len(house.facts("enquiry.link_requested")) == house.settings.unused_links - 1  # the mail that opened it had one
    later(house, 61)
    assert ask(house, "/v1/links", ADDRESS, network="198.51.100.7") == 202
    work_off(house)
    assert len(house.facts("enquiry.link_requested")) == house.settings.unused_links


@pytest.fixture
def olga(house):
    """Address of a person who has set up a second factor, and whom strangers have had mailed as many sign-in links as are of use."""
    body = {"kind": "ops", "email": "olga@passage.example", "name": "Olga"}
    assert house.post("/v1/accounts", body, token=house.issue("ops")).status_code == 201
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE accounts SET totp_confirmed_at = created_at"))
    for number in range(8):
        assert ask(house, "/v1/sign-ins", body["email"], network=f"192.0.2.{number // 4}") == 202
    work_off(house)
    assert len(house.facts("account.sign_in_requested")) == house.settings.unused_links
    return body["email"]


def sign_in_links_for(house, email):
    """How many more are sent to whoever asks now."""
    before = len(house.facts("account.sign_in_requested"))
    assert ask(house, "/v1/sign-ins", email, network="198.51.100.7") == 202
    work_off(house)
    return len(house.facts("account.sign_in_requested")) - before


def test_a_person_signs_in_though_strangers_ask_for_links_in_their_name(house, olga):
    assert sign_in_links_for(house, olga) == 0  # those that were sent work
    later(house, 14)
    assert sign_in_links_for(house, olga) == 0
    later(house, 2)
    assert sign_in_links_for(house, olga) == 1  # now they do no more


def test_a_link_that_was_used_stands_in_nobodys_way(house, olga):
    with db.transaction(house.engine) as session:
        session.execute(
            text("UPDATE links SET used_at = issued_at WHERE id = (SELECT min(id::text)::uuid FROM links WHERE purpose = 'sign_in')")
        )
    assert sign_in_links_for(house, olga) == 1


def test_addresses_of_one_ipv6_network_are_counted_as_one(house):
    answers = [ask(house, "/v1/links", ADDRESS, network=f"2001:db8:1:2::{number}") for number in range(4)]
    assert answers == [202, 202, 202, 429]
    assert ask(house, "/v1/links", ADDRESS, network="2001:db8:1:3::1") == 202


def test_who_asks_for_an_answer_again_is_not_counted_again(settings_for, database):
    limited = House(
        settings_for(Settings, database("enquiry"), **secret_settings() | {"enquiries_per_address": "1/hour"}), MovableClock(MONDAY)
    )
    first = limited.post("/v1/enquiries", limited.body(), key="the-first")
    assert limited.post("/v1/enquiries", limited.body(), key="another").status_code == 429
    again = [limited.post("/v1/enquiries", limited.body(), key="the-first") for _ in range(3)]
    assert {(answer.status_code, answer.json["reference"]) for answer in again} == {(201, first.json["reference"])}
    limited.close()
