"""Lists: every filter against what the files say, pages that neither repeat nor leave out."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.catalog.importer import records
from tests.catalog.changes import SEED

HOSPITAL = "mavi-fener-hospital"


def all_of(client: FlaskClient, path: str, *, limit: int = 100, **filters: str) -> list[dict[str, Any]]:
    """Every item, page by page."""
    items, after = list[dict[str, Any]](), None
    while True:
        answer = client.get(path, query_string=filters | {"limit": limit} | ({"after": after} if after else {}))
        assert answer.status_code == 200, answer.json
        assert len(answer.json["items"]) <= limit
        items, after = items + answer.json["items"], answer.json["next"]
        if after is None:
            return items


def slugs(items: list[dict[str, Any]]) -> list[str]:
    return [item["slug"] for item in items]


def offers(stated: records.Import, hospital: str, procedure: str) -> bool:
    return any((each.hospital, each.procedure) == (hospital, procedure) for each in stated.offerings)


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, lambda *_: True),
        ({"country": "TH"}, lambda _, each: each.country == "TH"),
        ({"city": "istanbul"}, lambda _, each: each.city == "istanbul"),
        ({"procedure": SEED}, lambda stated, each: offers(stated, each.slug, SEED)),
        ({"language": "ar"}, lambda _, each: "ar" in each.languages),
        ({"accreditation": "jci"}, lambda _, each: "jci" in [one.slug for one in each.accreditations]),
        ({"country": "TR", "language": "ar", "accreditation": "jci"}, lambda _, each: each.country == "TR" and "ar" in each.languages and "jci" in [one.slug for one in each.accreditations]),
    ],
)  # fmt: skip
def test_hospitals_by_each_filter(client: FlaskClient, stated: records.Import, filters: dict[str, str], fits: Callable[..., bool]):
    expected = sorted(each.slug for each in stated.hospitals if fits(stated, each))
    assert expected
    assert slugs(all_of(client, "/v1/hospitals", **filters)) == expected


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, lambda _: True),
        ({"hospital": HOSPITAL}, lambda each: each.hospital == HOSPITAL),
        ({"procedure": SEED}, lambda each: SEED in each.procedures),
        ({"specialty": "neurosurgery"}, lambda each: each.specialty == "neurosurgery"),
        ({"language": "ar", "procedure": SEED}, lambda each: "ar" in each.languages and SEED in each.procedures),
    ],
)
def test_doctors_by_each_filter(client: FlaskClient, stated: records.Import, filters: dict[str, str], fits: Callable[..., bool]):
    expected = sorted(each.slug for each in stated.doctors if fits(each))
    assert expected
    assert slugs(all_of(client, "/v1/doctors", **filters)) == expected


def test_doctors_of_a_hospital_are_those_that_the_list_of_doctors_has_for_it(client: FlaskClient):
    assert all_of(client, f"/v1/hospitals/{HOSPITAL}/doctors") == all_of(client, "/v1/doctors", hospital=HOSPITAL)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"specialty": "ophthalmology"}, lambda stated: [each.slug for each in stated.procedures if each.specialty == "ophthalmology"]),
        ({"country": "ES"}, lambda stated: [facts.procedure for facts in stated.destination_facts if facts.country == "ES"]),
        ({"q": "baklofen"}, lambda _: [SEED]),
        ({"q": "baclofn thrapy"}, lambda _: [SEED]),
        ({"q": "مضخه"}, lambda _: [SEED]),
        ({"q": "zzzqqq"}, lambda _: []),
        ({"q": "baclofen", "specialty": "ophthalmology"}, lambda _: []),
    ],
)
def test_procedures_by_each_filter(
    client: FlaskClient, stated: records.Import, filters: dict[str, str], expected: Callable[[records.Import], list[str]]
):
    assert slugs(all_of(client, "/v1/procedures", **filters)) == sorted(expected(stated))


@pytest.mark.parametrize("path", ["/v1/procedures", "/v1/hospitals", "/v1/doctors", "/v1/specialties"])
@pytest.mark.parametrize("limit", [1, 7])
def test_pages_together_are_the_whole_list(client: FlaskClient, path: str, limit: int):
    assert all_of(client, path, limit=limit) == all_of(client, path)


def test_a_last_page_that_is_full_has_no_next(client: FlaskClient, stated: records.Import):
    answer = client.get("/v1/hospitals", query_string={"limit": len(stated.hospitals)}).json
    assert (len(answer["items"]), answer["next"]) == (len(stated.hospitals), None)


def test_countries_are_those_with_a_page_or_a_hospital_in_the_readers_language(client: FlaskClient, stated: records.Import):
    found = {item["code"]: item for item in all_of(client, "/v1/countries", language="tr")}
    assert found.keys() == {each.country for each in (*stated.destination_facts, *stated.hospitals)}
    assert found["ES"]["name"] == "İspanya"
    assert found["TR"]["hospitals"] == sum(each.country == "TR" for each in stated.hospitals)
    assert found["TR"]["procedures"] == sum(each.country == "TR" for each in stated.destination_facts)


def test_specialties_count_their_procedures(client: FlaskClient, stated: records.Import):
    found = {item["slug"]: item["procedures"] for item in all_of(client, "/v1/specialties")}
    assert found == {each.slug: sum(one.specialty == each.slug for one in stated.procedures) for each in stated.specialties}


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/v1/hospitals?limit=0", "invalid"),
        ("/v1/hospitals?limit=101", "invalid"),
        ("/v1/hospitals?limit=many", "invalid"),
        ("/v1/hospitals?after=%25%25", "page-invalid"),
        ("/v1/hospitals?after=AAAA", "page-invalid"),
        ("/v1/hospitals?country=Turkey", "invalid"),
        ("/v1/hospitals?country=QQ", "slug-unknown"),
        ("/v1/hospitals?city=nowhere", "slug-unknown"),
        ("/v1/hospitals?procedure=nothing", "slug-unknown"),
        ("/v1/hospitals?procedure=No+Slug", "invalid"),
        ("/v1/hospitals?colour=red", "invalid"),
        ("/v1/doctors?hospital=nothing", "slug-unknown"),
        ("/v1/doctors?specialty=nothing", "slug-unknown"),
        ("/v1/procedures?specialty=nothing", "slug-unknown"),
        ("/v1/procedures?q=a", "invalid"),
        ("/v1/procedures?q=" + "a" * 101, "invalid"),
        ("/v1/specialties?after=%25", "page-invalid"),
        ("/v1/countries?limit=-1", "invalid"),
    ],
)
def test_a_wrong_or_unknown_parameter_is_refused(client: FlaskClient, path: str, slug: str):
    answer = client.get(path)
    assert (answer.status_code, answer.json["type"]) == (422, f"/problems/{slug}")


@pytest.mark.parametrize("path", ["/v1/procedures?q=a%00b", "/v1/search?q=a%00b", "/v1/hospitals?city=%ff"])
def test_what_is_no_text_is_refused(client: FlaskClient, path: str):
    assert client.get(path).status_code in {400, 422}
