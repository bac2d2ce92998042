"""Documents as readers get them: in their language, from a cache where they have one, at the price of one query."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from services.catalog.comparisons import ComparisonSchema
from services.catalog.countries import CountryListSchema
from services.catalog.doctors import DoctorListSchema
from services.catalog.enquiry_forms import EnquiryFormSchema
from services.catalog.hospitals import HospitalListSchema, HospitalSchema
from services.catalog.importer import records
from services.catalog.prices import PricesSchema
from services.catalog.procedures import ProcedureListSchema, ProcedurePageSchema, ProcedureSchema
from services.catalog.search import SearchSchema
from services.catalog.specialties import SpecialtyListSchema
from shared.web import Schema
from tests.catalog.changes import SEED

PAGE = f"/v1/procedures/{SEED}/TR"
FORM = f"/v1/enquiry-form?procedure={SEED}&country=TR"
HOSPITAL = "mavi-fener-hospital"
NOT_FROM_CACHE = {"Authorization": "Basic eDp5"}
DOCUMENTS = [
    (PAGE, ProcedurePageSchema()),
    (f"/v1/procedures/{SEED}", ProcedureSchema()),
    (f"/v1/procedures/{SEED}/prices", PricesSchema()),
    (f"/v1/hospitals/{HOSPITAL}", HospitalSchema()),
    (FORM, EnquiryFormSchema()),
]
ANSWERS = [
    *DOCUMENTS,
    ("/v1/procedures", ProcedureListSchema()),
    ("/v1/hospitals", HospitalListSchema()),
    (f"/v1/hospitals/{HOSPITAL}/doctors", DoctorListSchema()),
    ("/v1/doctors", DoctorListSchema()),
    ("/v1/specialties", SpecialtyListSchema()),
    ("/v1/countries", CountryListSchema()),
    ("/v1/search?q=baclofen", SearchSchema()),
    (f"/v1/comparisons?hospitals={HOSPITAL},liv-hospital-ankara&procedure={SEED}", ComparisonSchema()),
]


def languages_in(value: Any) -> set[str]:
    """Of all texts in a document."""
    if isinstance(value, list):
        return set().union(*map(languages_in, value))
    if not isinstance(value, dict):
        return set()
    return ({value["lang"]} if "lang" in value else set()).union(*map(languages_in, value.values()))


@pytest.mark.parametrize(("path", "schema"), ANSWERS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("language", ["en", "tr", "ar"])
def test_an_answer_is_what_its_schema_says(client: FlaskClient, path: str, schema: Schema, language: str):
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert schema.validate(answer.json) == {}


@pytest.mark.parametrize(("path", "_"), ANSWERS, ids=lambda value: value if isinstance(value, str) else "")
def test_an_answer_may_be_kept_a_minute_and_is_not_sent_twice(client: FlaskClient, path: str, _: Schema):
    first = client.get(path)
    assert first.headers["Cache-Control"].startswith("public, max-age=60")
    assert "Accept-Language" in first.headers["Vary"]
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(("path", "_"), DOCUMENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_document_costs_one_query(client: FlaskClient, queries: list[str], path: str, _: Schema):
    client.get(path, headers=NOT_FROM_CACHE)
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("header", "parameter", "given"),
    [
        ("tr", "", "tr"),
        ("tr-TR,tr;q=0.9,en;q=0.5", "", "tr"),
        ("de, ar;q=0.5", "", "ar"),
        ("de", "", "en"),
        ("", "", "en"),
        ("tr", "ar", "ar"),
        ("tr", "AR-eg", "ar"),
        ("tr", "de", "en"),
    ],
)
def test_the_language_is_the_parameter_or_the_best_of_the_header_or_english(client: FlaskClient, header: str, parameter: str, given: str):
    answer = client.get(PAGE, headers={"Accept-Language": header}, query_string={"language": parameter} if parameter else {})
    assert answer.headers["Content-Language"] == given
    assert (answer.json["language"], answer.json["dir"]) == (given, "rtl" if given == "ar" else "ltr")
    assert answer.json["summary"]["lang"] == given


def test_a_text_that_is_not_there_in_the_language_says_which_it_is_in(client: FlaskClient, stated: records.Import):
    page = client.get(PAGE, query_string={"language": "ar"}).json
    assert page["other_languages"] == sorted(languages_in(page) - {"ar"})
    english_only = next(each for each in stated.hospitals if each.country == "TR" and "ar" not in each.name and not each.sample)
    assert next(each["name"] for each in page["hospitals"] if each["slug"] == english_only.slug)["lang"] != "ar"


def test_a_procedure_without_texts_in_the_language_is_given_in_english(client: FlaskClient):
    answer = client.get("/v1/procedures/cataract-surgery", query_string={"language": "tr"})
    assert answer.headers["Content-Language"] == "en"
    assert answer.json["procedure"]["name"]["lang"] == "en"


def test_the_page_says_what_nobody_vouches_for(client: FlaskClient):
    page = client.get(PAGE).json
    assert {"review", "prices", "hospital_authorisation", "hospital_evidence", "stay_and_recovery"} == set(page["unconfirmed"])
    assert not page["sample"]
    turkey = next(cost for cost in page["costs"] if cost["country"]["code"] == "TR")
    derived = next(price for price in turkey["prices"] if price["hospital"] is None)
    assert (derived["min_minor"], derived["max_minor"], derived["currency"]) == (6_966_300, 14_752_100, "USD")
    assert (derived["standing"], derived["source"]) == ("unconfirmed", None)


def test_a_listed_hospital_is_shown_but_neither_partner_nor_to_be_asked(client: FlaskClient):
    page, form = client.get(PAGE).json, client.get(FORM).json
    listed = [each for each in page["hospitals"] if not each["sample"]]
    assert len(listed) == 7
    assert not any(each["partner"] or each["can_be_asked"] for each in listed)
    assert {each["authorisation"]["standing"] for each in listed} == {"unknown"}
    assert all(each["rating"]["average_tenths"] is None for each in listed)
    asked = [each["slug"] for each in form["hospitals"]]
    assert asked == [each["slug"] for each in page["hospitals"] if each["can_be_asked"]]
    assert len(asked) >= 4


def test_hospitals_stand_in_the_order_of_the_written_rule(client: FlaskClient, stated: records.Import):
    page = client.get(PAGE).json
    (rule,) = stated.ranking_rules
    assert page["hospital_order"] == {"slug": rule.slug, "text": {"text": rule.text["en"], "lang": "en"}}
    partners = [each["partner"] for each in page["hospitals"]]
    assert partners == sorted(partners, reverse=True)


def test_a_destination_without_a_hospital_has_a_page_and_a_form_that_asks_nobody(client: FlaskClient, stated: records.Import):
    offered = {
        (each.procedure, hospital.country) for each in stated.offerings for hospital in stated.hospitals if hospital.slug == each.hospital
    }
    alone = next(facts for facts in stated.destination_facts if (facts.procedure, facts.country) not in offered)
    assert client.get(f"/v1/procedures/{alone.procedure}/{alone.country}").json["hospitals"] == []
    assert client.get(f"/v1/enquiry-form?procedure={alone.procedure}&country={alone.country}").json["hospitals"] == []


def test_every_sample_is_marked_wherever_it_is_shown(client: FlaskClient, stated: records.Import):
    samples = {each.slug for each in (*stated.hospitals, *stated.doctors, *stated.stories) if each.sample}
    page = client.get(PAGE).json
    shown = [*page["hospitals"], *page["doctors"], *page["stories"]]
    assert {each["slug"] for each in shown if each["sample"]} == samples & {each["slug"] for each in shown}


@pytest.mark.parametrize("language", ["en", "tr", "ar"])
def test_a_consent_text_is_given_with_the_hash_that_was_imported(client: FlaskClient, stated: records.Import, language: str):
    known = {(each.purpose.value, each.version, each.language): (each.text, each.sha256) for each in stated.consent_texts}
    consents = client.get(f"{FORM}&language={language}").json["consents"]
    assert {each["asked_for"] for each in consents} == {"enquiry", "each_hospital", "quote_acceptance"}
    for each in consents:
        assert each["language"] == language
        assert known[each["purpose"], each["version"], language] == (each["text"], each["sha256"])


@pytest.mark.parametrize(
    "path",
    ["/v1/procedures/nothing", f"/v1/procedures/{SEED}/KW", "/v1/procedures/nothing/prices", "/v1/hospitals/nothing", "/v1/hospitals/nothing/doctors",
     "/v1/hospitals/a%00b", "/v1/procedures/a%00b/TR", "/v1/hospitals/a%00b/doctors", "/v1/hospitals/%ff%fe", "/v1/procedures/" + "x" * 5000],
)  # fmt: skip
def test_what_is_called_by_no_such_name_is_not_found(client: FlaskClient, path: str):
    answer = client.get(path)
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("path", "slug", "parameter"),
    [
        (f"{PAGE}?colour=red", "invalid", "colour"),
        (f"{PAGE}?language=not+a+tag", "invalid", "language"),
        ("/v1/enquiry-form?procedure=nothing&country=TR", "slug-unknown", "procedure"),
        (f"/v1/enquiry-form?procedure={SEED}&country=KW", "procedure-not-listed", "country"),
        (f"/v1/enquiry-form?procedure={SEED}", "invalid", "country"),
        (f"/v1/enquiry-form?procedure={SEED}&country=tr", "invalid", "country"),
        ("/v1/comparisons?hospitals=liv-hospital-ankara", "invalid", "hospitals"),
        ("/v1/comparisons?hospitals=a,a", "invalid", "hospitals"),
        ("/v1/comparisons?hospitals=a,b,c,d,e", "invalid", "hospitals"),
        ("/v1/comparisons?hospitals=liv-hospital-ankara,nothing", "slug-unknown", "hospitals"),
        (f"/v1/comparisons?hospitals=liv-hospital-ankara,{HOSPITAL}&procedure=nothing", "slug-unknown", "procedure"),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, path: str, slug: str, parameter: str):
    answer = client.get(path)
    assert (answer.status_code, answer.json["type"]) == (422, f"/problems/{slug}")
    assert parameter in [error["parameter"] for error in answer.json["errors"]]


def test_a_comparison_has_the_same_lines_for_all_and_null_for_what_is_unknown(client: FlaskClient):
    compared = client.get(f"/v1/comparisons?hospitals=liv-hospital-ankara,{HOSPITAL}&procedure={SEED}").json
    listed, partner = compared["hospitals"]
    assert [listed["slug"], partner["slug"]] == ["liv-hospital-ankara", HOSPITAL]
    assert listed.keys() == partner.keys()
    assert listed["offer"].keys() == partner["offer"].keys()
    assert (listed["authorisation"]["valid_until"], listed["offer"]["evidence"], listed["rating"]["average_tenths"]) == (None, None, None)
    assert partner["offer"]["evidence"] is not None


def test_a_hospital_that_does_not_offer_it_is_compared_with_no_offer(client: FlaskClient, stated: records.Import):
    offering = {each.hospital for each in stated.offerings if each.procedure == SEED}
    other = next(each.slug for each in stated.hospitals if each.slug not in offering)
    compared = client.get(f"/v1/comparisons?hospitals={other},{HOSPITAL}&procedure={SEED}").json
    assert [each["offer"] is None for each in compared["hospitals"]] == [True, False]
