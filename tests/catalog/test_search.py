"""Search finds what was meant: typing errors, accents, letters of Turkish and Arabic written for each other."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.catalog.words import likeness, score_of
from tests.catalog.changes import SEED


def found(client: FlaskClient, q: str, **parameters: object) -> list[str]:
    answer = client.get("/v1/search", query_string={"q": q, **parameters})
    assert answer.status_code == 200, answer.json
    return [item[item["kind"]]["slug"] for item in answer.json["items"]]


@pytest.mark.parametrize(
    "q",
    ["Intrathecal baclofen therapy", "baclofen", "baclofn", "BACLOFEN PUMP", "baklofen pompası", "BAKLOFEN POMPASI", "baklofen pompasi",
     "ıntratekal baklofen", "İntratekal", "intrathecl bacloffen", "intrathecal baclofen ankara", "ITB", "مضخة الباكلوفين", "مضخه الباكلوفين", "مِضَخّة الباكلوفين", "العلاج بالباكلوفين"],
)  # fmt: skip
def test_a_procedure_is_found_however_it_is_typed(client: FlaskClient, q: str):
    assert found(client, q)[0] == SEED


@pytest.mark.parametrize(
    ("q", "hospital"),
    [
        ("mavi fener", "mavi-fener-hospital"),
        ("Mavı Fenr hastane", "mavi-fener-hospital"),
        ("yedikopru", "yedikopru-hospital"),
        ("YEDİKÖPRÜ HASTANESİ", "yedikopru-hospital"),
        ("liv bahcesehir", "liv-hospital-bahcesehir"),
        ("Liv Bahçeşehir", "liv-hospital-bahcesehir"),
        ("istinye universitesi", "istinye-universitesi-hastanesi-liv"),
        ("trabzon", "medical-park-trabzon"),
    ],
)
def test_a_hospital_is_found_however_it_is_typed(client: FlaskClient, q: str, hospital: str):
    assert hospital in found(client, q)[:3]


@pytest.mark.parametrize("q", ["Instabul", "istanbul", "ISTANBUL", "İSTANBUL", "istnabul", "إسطنبول", "اسطنبول"])
def test_a_city_finds_its_hospitals(client: FlaskClient, q: str):
    there = {item["slug"] for item in client.get("/v1/hospitals?city=istanbul&limit=100").json["items"]}
    assert there == set(found(client, q, limit=50))


def test_kinds_are_mixed_and_the_better_comes_first(client: FlaskClient):
    items = client.get("/v1/search", query_string={"q": "knee replacment", "limit": 50}).json["items"]
    assert items[0]["procedure"]["slug"] == "total-knee-replacement"
    assert [item["score"] for item in items] == sorted((item["score"] for item in items), reverse=True)
    assert {item["kind"] for item in client.get("/v1/search?q=sample+hospital+surgery&limit=50").json["items"]} <= {"procedure", "hospital"}


@pytest.mark.parametrize("q", ["xqzzyw", "--", "🦴🦴", "ısparta"])
def test_what_is_like_nothing_finds_nothing(client: FlaskClient, q: str):
    assert found(client, q) == []


def test_a_hit_is_told_in_the_readers_language(client: FlaskClient):
    (hit,) = client.get("/v1/search", query_string={"q": "baclofen", "language": "tr", "limit": 1}).json["items"]
    assert hit["procedure"]["name"] == {"text": "İntratekal baklofen tedavisi", "lang": "tr"}


def test_no_more_are_given_than_asked_for(client: FlaskClient):
    assert len(found(client, "istanbul", limit=2)) == 2


@pytest.mark.parametrize("query", [{}, {"q": "a"}, {"q": "a" * 101}, {"q": "pump", "limit": 51}, {"q": "pump", "page": 2}])
def test_a_search_that_cannot_be_is_refused(client: FlaskClient, query: dict[str, object]):
    assert client.get("/v1/search", query_string=query).status_code == 422


@pytest.mark.parametrize("q", ["'; DROP TABLE procedures; --", "%", "\\", "a OR 1=1", "(((", "\u202e baclofen", "pump " * 19])
def test_signs_are_only_signs(client: FlaskClient, q: str):
    assert client.get("/v1/search", query_string={"q": q + "  "}).status_code == 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IĞDIR", "igdir"),
        ("ışık", "İŞİK"),
        ("Şişli Üniversitesi", "sisli universitesi"),
        ("Málaga", "malaga"),
        ("أنقرة", "انقره"),
        ("مستشفى", "مستشفي"),
        ("مِضَخَّةُ", "مضخه"),
        ("ﻣﺴﺘﺸﻔﻰ", "مستشفى"),
        ("٢٤", "24"),
        ("کلینیک", "كلينيك"),
        ("I.T.B. (pump)", "i t b pump"),
    ],
)
def test_letters_written_for_each_other_are_folded_into_one(session: Session, one: str, other: str):
    assert session.scalars(select(func.fold(one))).one() == session.scalars(select(func.fold(other))).one()


@pytest.mark.parametrize(
    ("words", "there", "score"),
    [
        (["ankara"], ["ankara"], 1.0),
        (["ankra"], ["ankara"], 0.8),
        (["anka"], ["ankara"], 0.95),
        (["hip"], ["hop"], 0.0),  # of three letters none may be wrong
        (["ispanya"], ["isparta"], 0.0),  # of seven one
        (["instabul"], ["istanbul"], 0.75),  # of eight two
        (["liv", "hospital"], ["hospital"], 8 / 11),
    ],
)
def test_the_score_is_the_share_of_letters_found(words: list[str], there: list[str], score: float):
    assert score_of({word: {other: likeness(word, other) for other in there} for word in words}, frozenset(there)) == pytest.approx(score)
