"""One consent for Passage and one for each hospital, each once."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared import db


def given(house, *more):
    return house.body("first")["consents"] + list(more)


def test_the_same_consent_twice_is_refused_and_nothing_is_written(house):
    consents = given(house)
    answer = house.post("/v1/enquiries", house.body("first", consents=[*consents, consents[1]]))
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/invalid")
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/consents/2"]
    assert house.facts() == []


def test_a_consent_for_a_hospital_that_is_not_asked_is_named_by_its_place(house):
    stray = {**given(house)[1], "hospital": "second"}
    answer = house.post("/v1/enquiries", house.body("first", consents=[stray, *given(house)]))
    assert (answer.json["type"], answer.json["errors"][0]["pointer"]) == ("/problems/invalid", "#/consents/0")


def test_the_ledger_itself_holds_no_consent_twice_until_one_is_withdrawn(house):
    house.create("first")
    again = text(
        "INSERT INTO consents SELECT gen_random_uuid(), enquiry_id, patient_id, hospital_id, purpose, text_version, sha256, language, given_at FROM consents"
    )
    with pytest.raises(IntegrityError), db.transaction(house.engine) as session:
        session.execute(again)
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE consents SET withdrawn_at = given_at"))
        session.execute(again)


def test_faults_in_hospitals_answers_and_consents_are_named_at_once(house):
    body = house.body("first", "nowhere", intake={"colour": "red"})
    body["consents"] = body["consents"][1:]
    answer = house.post("/v1/enquiries", body)
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/invalid")
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert pointers == {"#/hospitals/1", "#/intake/colour", "#/intake/weight", "#/consents"}


def test_a_birth_year_is_measured_by_the_clock_of_the_house(house):
    house.clock.pass_(days=-3650)
    body = house.body("first", patient={"name": "Zainab Bello", "birth_year": 2020, "sex": "female"})
    assert house.post("/v1/enquiries", body).json["errors"] == [{"pointer": "#/patient/birth_year", "reason": "lies in the future"}]
