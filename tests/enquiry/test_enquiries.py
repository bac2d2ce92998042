"""Enquiries: made once, opened by proof, ended with all that hangs below."""

import threading

import pytest
from sqlalchemy import text

from shared import db
from tests.waiting import until


def test_an_enquiry_waits_for_proof_of_its_address_and_no_hospital_hears_of_it(house):
    response = house.post("/v1/enquiries", house.body("first", "second"))
    assert response.status_code == 201
    assert response.json["state"] == "pending_verification"
    assert response.headers["Location"] == f"/v1/enquiries/{response.json['reference']}"
    assert [name for name, _ in house.facts()] == ["enquiry.submitted", "consent.given", "consent.given"]
    assert house.get("/v1/invitations", token=house.hospital_token("first")).json["items"] == []


def test_the_link_opens_the_case_and_asks_each_hospital(house):
    house.opened("first", "second")
    names = [name for name, _ in house.facts()]
    assert names == ["enquiry.submitted", "consent.given", "consent.given", "enquiry.opened", "invitation.sent", "invitation.sent"]
    (opened,) = [data for name, data in house.facts("enquiry.opened")]
    assert opened["hospital_ids"] == [str(house.hospitals[name].id) for name in ("first", "second")]
    assert opened["promised_at"] == "2026-11-24T07:00:00+00:00"


def test_pressing_the_link_twice_is_once(house):
    house.create()
    assert house.verify() == house.verify()
    assert len(house.facts("enquiry.opened")) == 1


def test_a_wrong_link_says_no_more_than_an_expired_one(house):
    house.create()
    link = house.facts("enquiry.submitted")[0][1]["verify"]
    token = house.token_of(link)
    forged = house.post("/v1/verifications", {"token": token[:-2] + ("AA" if token[-2:] != "AA" else "BB")}, key=None)
    assert (forged.status_code, forged.json["type"]) == (404, "/problems/link-invalid")
    house.clock.pass_(days=31)
    expired = house.post("/v1/verifications", {"token": token}, key=None)
    assert expired.json == forged.json
    assert house.post("/v1/verifications", {"token": "no.token"}, key=None).json == forged.json


def test_a_trusted_client_skips_the_proof_of_address_never_consent(house):
    client = house.issue("client")
    made = house.post("/v1/enquiries", house.body("first"), token=client)
    assert made.json["state"] == "open"
    assert [name for name, _ in house.facts()] == ["enquiry.opened", "consent.given", "invitation.sent"]
    refused = house.post("/v1/enquiries", house.body("first", consents=house.body("first")["consents"][:1]), token=client)
    assert (refused.status_code, refused.json["type"]) == (422, "/problems/consent-missing")
    seen = house.get(f"/v1/enquiries/{made.json['reference']}", token=client)
    assert set(seen.json) == {"reference", "client_reference", "state", "revision", "created_at", "ended_at"}


def test_a_repeated_enquiry_returns_the_first_answer(house):
    first = house.post("/v1/enquiries", house.body(), key='"once"')
    again = house.post("/v1/enquiries", dict(reversed(house.body().items())), key="once")
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    other = house.post("/v1/enquiries", house.body("second"), key="once")
    assert (other.status_code, other.json["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(house.facts("enquiry.submitted")) == 1


def test_a_key_is_required(house):
    refused = house.post("/v1/enquiries", house.body(), key=None)
    assert (refused.status_code, refused.json["type"]) == (400, "/problems/idempotency-key-missing")


def test_the_same_post_ten_times_in_parallel_makes_one_enquiry(house):
    answers, body = [], house.body()

    def send():
        response = house.app.test_client().post("/v1/enquiries", json=body, headers={"Idempotency-Key": "same"})
        answers.append((response.status_code, response.json.get("reference")))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(answers) == 10)
    assert {status for status, _ in answers} <= {201, 409}
    assert len({reference for status, reference in answers if status == 201}) == 1
    assert len(house.facts("enquiry.submitted")) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"procedure": "unheard-of"}, "#/procedure"),
        ({"destination": "IN"}, "#/destination"),
        ({"destination": "XX"}, "#/destination"),
        ({"wants": ["miracle"]}, "#/wants/0"),
        ({"wants": []}, "#/wants"),
        ({"intake": {}}, "#/intake/weight"),
        ({"intake": {"weight": "heavy"}}, "#/intake/weight"),
        ({"intake": {"weight": 31, "colour": 1}}, "#/intake/colour"),
        ({"message": "x" * 4001}, "#/message"),
        ({"surprise": 1}, "#/surprise"),
        ({"preferred_times": [{"from": "2027-01-02T10:00:00Z", "until": "2027-01-01T10:00:00Z"}]}, "#/preferred_times/0/until"),
        ({"preferred_times": [{"from": "2027-01-02T10:00:00", "until": "2027-01-03T10:00:00Z"}]}, "#/preferred_times/0/from"),
    ],
)
def test_bad_input_is_refused_with_a_pointer_and_changes_nothing(house, change, pointer):
    response = house.post("/v1/enquiries", house.body(**change))
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert pointer in [error["pointer"] for error in response.json["errors"]], response.json
    assert house.facts() == []


def test_every_wrong_field_is_named_at_once(house):
    body = house.body(requester={"name": "", "email": "no", "language": "xx", "country": "Nowhere"}, patient={"birth_year": "x"})
    pointers = {error["pointer"] for error in house.post("/v1/enquiries", body).json["errors"]}
    assert pointers >= {
        "#/requester/name",
        "#/requester/email",
        "#/requester/language",
        "#/requester/country",
        "#/patient/birth_year",
        "#/patient/sex",
    }


def test_what_was_typed_is_not_repeated_in_a_problem(house):
    body = house.body(requester={"name": "Canary", "email": "canary", "language": "en", "country": "NG"})
    assert "anary" not in house.post("/v1/enquiries", body).text


@pytest.mark.parametrize(
    ("name", "reason"), [("listed", "takes no enquiries"), ("lapsed", "takes no enquiries"), ("nowhere", "does not offer")]
)
def test_only_partners_with_a_valid_authorisation_can_be_asked(house, name, reason):
    response = house.post("/v1/enquiries", house.body(name))
    assert response.json["type"] == "/problems/hospital-not-asked"
    assert reason in response.json["errors"][0]["reason"]


def test_for_a_child_a_parent_or_guardian_consents(house):
    body = house.body()
    body["requester"]["relation"] = "relative"
    assert "#/requester/relation" in [error["pointer"] for error in house.post("/v1/enquiries", body).json["errors"]]


def test_an_outdated_consent_is_refused(house):
    body = house.body()
    body["consents"][1]["sha256"] = "0" * 64
    response = house.post("/v1/enquiries", body)
    assert (response.json["type"], response.json["errors"][0]["pointer"]) == ("/problems/consent-outdated", "#/consents/1")


def test_the_patient_sees_the_whole_case(house):
    reference = house.opened("first", "second")
    shown = house.get(f"/v1/enquiries/{reference}", token=house.patient_token())
    assert shown.status_code == 200, shown.json
    case = shown.json
    assert (case["state"], case["requester"]["email"], case["patient"]["name"]) == ("open", "amina@example.org", "Zainab Bello")
    assert case["request"]["message"] == "She sleeps badly."
    assert [one["hospital"] for one in case["invitations"]] == ["first", "second"]
    assert [row["state"] for row in case["timeline"] if row["kind"] == "transition"] == ["pending_verification", "open", "sent", "sent"]
    assert case["possible"] == ["withdraw"]


def test_nobody_sees_another_case(house):
    reference = house.opened()
    assert house.get(f"/v1/enquiries/{reference}").status_code == 401
    strangers = [house.issue("client"), house.issue("patient:01a207a7-0898-72f9-ae45-da50979d6562")]
    assert [house.get(f"/v1/enquiries/{reference}", token=token).status_code for token in strangers] == [404, 404]
    assert house.get(f"/v1/enquiries/{reference}", token=house.hospital_token("first")).status_code == 403


def test_withdrawing_tells_the_hospitals_and_ends_everything_below(house):
    reference = house.opened("first", "second")
    token = house.patient_token()
    assert house.post(f"/v1/enquiries/{reference}/withdraw", token=token).status_code == 428
    assert house.post(f"/v1/enquiries/{reference}/withdraw", token=token, if_match=1).status_code == 412
    done = house.post(f"/v1/enquiries/{reference}/withdraw", token=token, if_match=2)
    assert (done.status_code, done.json["state"]) == (200, "withdrawn")
    assert [name for name, _ in house.facts()][-3:] == ["enquiry.withdrawn", "invitation.revoked", "invitation.revoked"]
    again = house.post(f"/v1/enquiries/{reference}/withdraw", token=token, if_match=3)
    assert (again.status_code, again.json["state"], again.json["possible"]) == (409, "withdrawn", [])


def test_operations_reject_with_a_reason(house):
    reference = house.opened()
    refused = house.post(f"/v1/enquiries/{reference}/reject", {"reason": "spam"}, token=house.issue("ops"))
    assert refused.status_code == 422
    done = house.post(
        f"/v1/enquiries/{reference}/reject", {"reason": "spam", "because": "same text to forty hospitals"}, token=house.issue("ops")
    )
    assert done.json["state"] == "rejected"
    (rejected,) = [data for _, data in house.facts("enquiry.rejected")]
    assert rejected == {"reference": reference, "reason": "spam", "verified": True}


def test_a_destination_without_partners_takes_enquiries_for_assistance(house):
    reference = house.create(hospitals=[], wants=["assistance"], consents=house.body()["consents"][:1])
    house.verify()
    assert [name for name, _ in house.facts()][-1] == "assistance.asked"
    assert house.get(f"/v1/enquiries/{reference}", token=house.patient_token()).json["assistance"] == "asked"


def test_versions_of_a_case_grow_and_sequences_tell_facts_of_one_transaction_apart(house):
    house.opened("first", "second")
    with db.transaction(house.engine) as session:
        rows = session.execute(text("SELECT version, sequence FROM outbox WHERE topic = 'enquiry.events' ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


def test_nothing_personal_stands_in_clear_in_the_database(house):
    house.opened()
    with db.transaction(house.engine) as session:
        tables = session.scalars(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
        ).all()
        dump = "".join(str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in tables)
    assert "outbox" in tables
    for secret in ("Amina", "Bello", "amina@example.org", "sleeps"):
        assert secret not in dump
        assert secret.encode().hex() not in dump


def test_a_hospital_makes_no_enquiries(house):
    assert house.post("/v1/enquiries", house.body(), token=house.hospital_token("first")).status_code == 403


def test_one_address_makes_only_so_many_enquiries_and_a_client_many_more(settings_for, database):
    from services.enquiry.settings import Settings
    from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings

    few = secret_settings() | {"enquiries_per_address": "2/hour", "enquiries_per_client": "3/hour"}
    house = House(settings_for(Settings, database("enquiry"), **few), MovableClock(MONDAY))
    try:
        assert [house.post("/v1/enquiries", house.body()).status_code for _ in range(3)] == [201, 201, 429]
        client = house.issue("client")
        assert [house.post("/v1/enquiries", house.body(), token=client).status_code for _ in range(4)] == [201, 201, 201, 429]
    finally:
        house.close()


def test_an_address_with_nul_in_it_names_nothing(house):
    assert house.get("/v1/enquiries/%00", token=house.issue("ops")).status_code == 404


def test_a_patient_who_withdraws_is_asked_for_no_reason_and_leaves_no_words_in_clear(house):
    reference = house.opened("first")
    answer = house.post(f"/v1/enquiries/{reference}/withdraw", {"because": "my son is better"}, token=house.patient_token(), if_match=2)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/because")


@pytest.mark.parametrize("name", ["\u200b", "\ufeff\u00ad", "\u2060", "   "])
def test_a_name_that_cannot_be_seen_is_none(house, name):
    body = house.body()
    body["requester"]["name"] = name
    assert "#/requester/name" in [error["pointer"] for error in house.post("/v1/enquiries", body).json["errors"]]


@pytest.mark.parametrize("email", ["a@[127.0.0.1]", '"<script>"@example.org', "x@localhost"])
def test_an_address_that_cannot_be_mailed_is_refused_at_the_door(house, email):
    body = house.body()
    body["requester"]["email"] = email
    assert "#/requester/email" in [error["pointer"] for error in house.post("/v1/enquiries", body).json["errors"]]


def test_the_limit_of_live_enquiries_holds_against_parallel_requests(house):
    answers, client = [], house.issue("client")

    def send(n):
        headers = {"Idempotency-Key": f"parallel-{n}", "Authorization": f"Bearer {client}"}
        answers.append(house.app.test_client().post("/v1/enquiries", json=house.body(), headers=headers).status_code)

    for n in range(house.settings.max_open_enquiries - 2):
        send(n)
    threads = [threading.Thread(target=send, args=(100 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(201) == house.settings.max_open_enquiries
