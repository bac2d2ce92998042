"""Applying an import: the database becomes what the files say, and everybody is told of what changed, once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from sqlalchemy.orm import Session

from services.catalog.consent_texts import newest
from services.catalog.importer import records
from services.catalog.importer.records.prices import PriceStanding
from services.catalog.importing.apply import TooSweeping, apply_import
from services.catalog.publications import StateTooLarge
from tests.catalog.changes import SEED, with_changed, without, without_hospital
from tests.catalog.conftest import TODAY, applied, client_of
from tests.waiting import until

HOSPITAL = "mavi-fener-hospital"


def outbox_of(url: str) -> list[tuple[str, str, int, bool]]:
    """(topic, slug, version, is a tombstone) of what waits, in the order of ids."""
    query = """
        SELECT outbox.topic, publications.slug, outbox.version, outbox.value IS NULL
        FROM outbox JOIN publications ON publications.id = outbox.key ORDER BY outbox.id
    """
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def relayed(url: str) -> None:
    """As if the relay had published everything."""
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM outbox")


def told_after(url: str, found: records.Import) -> list[tuple[str, str, int, bool]]:
    relayed(url)
    applied(url, found)
    return outbox_of(url)


def snapshot(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row with the transaction that wrote it."""
    tables = ("procedures", "hospitals", "prices", "doctors", "documents", "publications", "outbox", "consent_texts", "words")
    with psycopg.connect(url) as connection:
        return {table: connection.execute(f"SELECT xmin::text, t.* FROM {table} AS t ORDER BY 2, 3").fetchall() for table in tables}


def test_a_first_import_tells_every_procedure_and_hospital_once(catalog: str, stated: records.Import):
    told = outbox_of(catalog)
    assert sorted(slug for _, slug, _, _ in told) == sorted(each.slug for each in (*stated.procedures, *stated.hospitals))
    assert {version for _, _, version, _ in told} == {1}


def test_the_same_import_again_is_an_empty_plan_and_writes_nothing(catalog: str, stated: records.Import):
    before = snapshot(catalog)
    outcome = applied(catalog, stated)
    assert outcome.plan.is_empty
    assert (outcome.published, outcome.composed) == (0, 0)
    assert snapshot(catalog) == before


def test_the_plan_names_what_is_added_changed_and_withdrawn(catalog: str, stated: records.Import):
    hospital = next(each for each in stated.hospitals if each.slug == HOSPITAL)
    changed = with_changed(stated, "hospitals", lambda each: each.slug == HOSPITAL, doctor_count=7, languages=("tr",))
    changed = without(changed, "stories", lambda story: story.procedure == SEED)
    changed = replace(changed, hospitals=(*changed.hospitals, replace(hospital, slug="new-hospital", partner=False)))
    assert list(applied(catalog, changed).plan.lines()) == [
        "+ hospitals new-hospital",
        f"~ hospitals {HOSPITAL}: languages, doctor_count",
        *(f"- stories {story.slug}" for story in stated.stories if story.procedure == SEED),
    ]


def test_a_changed_hospital_is_told_with_the_next_version(catalog: str, stated: records.Import):
    changed = with_changed(stated, "hospitals", lambda each: each.slug == HOSPITAL, timezone="Asia/Kolkata")
    assert told_after(catalog, changed) == [("catalog.hospitals", HOSPITAL, 2, False)]
    assert told_after(catalog, stated) == [("catalog.hospitals", HOSPITAL, 3, False)]


def test_a_changed_offering_tells_the_procedure_it_is_of(catalog: str, stated: records.Import):
    fewer = without(stated, "offerings", lambda each: (each.hospital, each.procedure) == (HOSPITAL, SEED))
    assert told_after(catalog, fewer) == [("catalog.procedures", SEED, 2, False)]


def test_a_changed_consent_text_tells_every_procedure(catalog: str, stated: records.Import):
    newer = tuple(replace(each, version=9) for each in newest(stated.consent_texts) if each.language == "en")
    told = told_after(catalog, replace(stated, consent_texts=(*stated.consent_texts, *newer)))
    assert sorted(slug for _, slug, _, _ in told) == sorted(each.slug for each in stated.procedures)


def test_a_price_that_is_confirmed_now_tells_its_procedure(catalog: str, stated: records.Import):
    def of_seed(price: records.Price) -> bool:
        return price.procedure == SEED and price.country == "IN" and price.source is None

    changed = with_changed(stated, "prices", of_seed, source="A price list", observed_on=TODAY, standing=PriceStanding.CONFIRMED)
    assert told_after(catalog, changed) == [("catalog.procedures", SEED, 2, False)]


def test_a_fact_that_no_state_holds_changes_a_document_and_tells_nobody(catalog: str, stated: records.Import):
    changed = with_changed(stated, "procedures", lambda each: each.slug == SEED, highlights=({"en": "A new highlight"},))
    assert told_after(catalog, changed) == []
    with client_of(catalog) as client:
        assert client.get(f"/v1/procedures/{SEED}").json["highlights"] == [{"text": "A new highlight", "lang": "en"}]


def test_a_withdrawn_hospital_leaves_a_tombstone_and_no_trace_on_pages(catalog: str, stated: records.Import):
    told = told_after(catalog, without_hospital(stated, HOSPITAL))
    assert ("catalog.hospitals", HOSPITAL, 2, True) in told
    assert ("catalog.procedures", SEED, 2, False) in told
    with client_of(catalog) as client:
        assert client.get(f"/v1/hospitals/{HOSPITAL}").status_code == 404
        assert HOSPITAL not in client.get(f"/v1/procedures/{SEED}/TR").text


def test_the_words_of_what_was_withdrawn_are_no_longer_known(catalog: str, stated: records.Import):
    known = "SELECT occurrences FROM words WHERE word = %s"
    with psycopg.connect(catalog, autocommit=True) as connection:
        (before,) = connection.execute(known, ["hastanesi"]).fetchone()
        assert connection.execute(known, ["fener"]).fetchall() == [(2,)]  # in two languages
        applied(catalog, without_hospital(stated, HOSPITAL))
        assert connection.execute(known, ["fener"]).fetchall() == []
        assert connection.execute(known, ["hastanesi"]).fetchall() == [(before - 1,)]


def test_a_hospital_that_comes_back_goes_on_counting_under_its_old_id(catalog: str, stated: records.Import):
    with client_of(catalog) as client:
        before = client.get(f"/v1/hospitals/{HOSPITAL}").json
        applied(catalog, without_hospital(stated, HOSPITAL))
        told = told_after(catalog, stated)
        assert ("catalog.hospitals", HOSPITAL, 3, False) in told
        assert client.get(f"/v1/hospitals/{HOSPITAL}").json == before


def test_an_import_that_would_withdraw_more_than_half_is_refused_unless_it_is_meant(session: Session, stated: records.Import):
    nothing = records.Import(specialties=stated.specialties)
    with pytest.raises(TooSweeping, match="13 of 13 procedures"):
        apply_import(session, nothing, today=TODAY)
    assert apply_import(session, nothing, today=TODAY, withdraw_many=True).published == len(stated.procedures) + len(stated.hospitals)


def test_a_state_that_no_reader_could_take_refuses_the_whole_import(catalog: str, stated: records.Import):
    before = snapshot(catalog)
    long = replace(stated.consent_texts[0], text="x" * 5000, version=9)
    with pytest.raises(StateTooLarge, match="consents"):
        applied(catalog, replace(stated, consent_texts=(*stated.consent_texts, long)))
    assert snapshot(catalog) == before


def test_an_authorisation_that_has_ended_is_shown_as_lapsed_on_that_day(catalog: str, stated: records.Import):
    hospital = next(each for each in stated.hospitals if each.slug == HOSPITAL)
    assert hospital.authorisation.valid_until is not None
    applied(catalog, stated, today=date(hospital.authorisation.valid_until.year + 1, 1, 1))
    with client_of(catalog) as client:
        shown = client.get(f"/v1/hospitals/{HOSPITAL}").json
        form = client.get(f"/v1/enquiry-form?procedure={SEED}&country=TR").json
    assert shown["authorisation"]["standing"] == "lapsed"
    assert not shown["can_be_asked"]
    assert HOSPITAL not in [each["slug"] for each in form["hospitals"]]


@pytest.mark.parametrize(
    ("kind", "of", "values", "path", "shown"),
    [
        ("procedures", lambda each: each.slug == SEED, {"summary": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("destination_facts", lambda each: (each.procedure, each.country) == (SEED, "TR"), {"source": "CHANGED"}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("prices", lambda each: each.procedure == SEED and each.country == "IN", {"max_minor": 777_777_777}, f"/v1/procedures/{SEED}/TR", "777777777"),
        ("hospitals", lambda each: each.slug == HOSPITAL, {"name": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("offerings", lambda each: (each.hospital, each.procedure) == (HOSPITAL, SEED), {"evidence": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("doctors", lambda each: each.hospital == HOSPITAL, {"title": {"en": "CHANGED"}}, f"/v1/hospitals/{HOSPITAL}/doctors", "CHANGED"),
        ("stories", lambda each: each.procedure == SEED, {"headline": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("ranking_rules", lambda _: True, {"text": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("specialties", lambda each: each.slug == "neurosurgery", {"name": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/TR", "CHANGED"),
        ("cities", lambda each: each.slug == "istanbul", {"name": {"en": "CHANGED"}}, f"/v1/hospitals/{HOSPITAL}", "CHANGED"),
        ("inclusions", lambda _: True, {"name": {"en": "CHANGED"}}, f"/v1/procedures/{SEED}/prices", "CHANGED"),
        ("consent_texts", lambda each: each.language == "en", {"text": "CHANGED"}, f"/v1/enquiry-form?procedure={SEED}&country=TR", "CHANGED"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)  # fmt: skip
def test_a_changed_fact_is_on_the_page_a_second_after_the_import(  # noqa: PLR0917
    catalog: str, stated: records.Import, kind: str, of: Callable[[object], bool], values: dict[str, object], path: str, shown: str
):
    with client_of(catalog) as client:
        before = client.get(path)
        assert shown not in before.text
        applied(catalog, with_changed(stated, kind, of, **values))
        changed = {"If-None-Match": before.headers["ETag"]}
        after = until(lambda: (answer := client.get(path, headers=changed)).status_code == 200 and answer, what="the new answer")
        assert shown in after.text


def test_one_import_waits_for_another(catalog: str, stated: records.Import, session: Session):
    apply_import(session, stated, today=TODAY)
    with psycopg.connect(catalog) as other:
        assert other.execute("SELECT pg_try_advisory_xact_lock(7270971)").fetchone() == (False,)
