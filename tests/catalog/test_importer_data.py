"""The files we deliver: they import without a fault, and every warning about them is known and true."""

import re
from collections import Counter
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from services.catalog.importer import plausibility, reading, schemas
from services.catalog.importer.records.hospitals import AuthorisationStanding
from services.catalog.importer.records.prices import PriceStanding
from services.catalog.importer.records.statements import Purpose

DATA = Path(__file__).parents[2] / "services" / "catalog" / "data"
OURS = {"gazetteer.yaml", "vocabularies.yaml", "seed.yaml"}
SEED = "intrathecal-baclofen-therapy"

TRUE_OF_OUR_DATA = {
    "price.derived": 1,
    "price.no_source": 2,
    "price.no_inclusions": 2,
    "facts.copied_across_countries": 1,
    "destination.no_hospital": 1,
    "doctor_count.repeated": 1,
    "hospital.no_authorisation": 7,
    "hospital.no_zone_or_language": 7,
    "rating.no_value": 7,
    "rating.inexact": 7,
    "claim.no_evidence": 1,
    "content.no_reviewer": 13,
    "faq.empty": 2,
}
"""What the seed leaves open, and that nobody has reviewed any of the procedures."""


@pytest.fixture(scope="module")
def catalog():
    return reading.read(sorted(DATA.glob("*.yaml")))


def records_of(catalog):
    for field in fields(catalog):
        if field.name != "printed":
            yield from getattr(catalog, field.name)


def texts_in(value):
    if isinstance(value, dict):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from texts_in(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts_in(getattr(value, field.name))


def test_all_warnings_about_our_data_are_known(catalog):
    assert Counter(warning.code for warning in plausibility.warnings_of(catalog)) == TRUE_OF_OUR_DATA


def test_the_question_about_the_seed_is_still_open(catalog):
    (question,) = plausibility.questions_of(catalog)
    assert question.slugs == ("istinye-universitesi-hastanesi-liv", "liv-hospital-bahcesehir")


def test_every_record_says_where_it_comes_from(catalog):
    assert [record.origin for record in records_of(catalog) if record.provenance is None] == []


def test_whatever_is_invented_is_marked_as_a_sample_and_nothing_else_is(catalog):
    wrong = [record.origin for record in records_of(catalog) if record.sample is (Path(record.origin.file).name in OURS)]
    assert wrong == []


def test_there_is_enough_to_search_and_compare(catalog):
    samples = [hospital for hospital in catalog.hospitals if hospital.sample]
    assert len(samples) == 30
    assert len(catalog.doctors) == 60
    assert len([procedure for procedure in catalog.procedures if procedure.sample]) >= 12
    assert len({procedure.specialty for procedure in catalog.procedures}) >= 6
    assert {hospital.country for hospital in samples} == {"TR", "IN", "TH", "ES"}
    assert len([hospital for hospital in samples if not hospital.partner]) == 4
    assert len([hospital for hospital in samples if hospital.authorisation.standing is AuthorisationStanding.LAPSED]) == 1


def test_the_seeds_hospitals_are_listed_and_no_partners(catalog):
    seed = [hospital for hospital in catalog.hospitals if not hospital.sample]
    assert len(seed) == 7
    assert {(hospital.partner, hospital.authorisation.standing) for hospital in seed} == {(False, AuthorisationStanding.UNKNOWN)}
    assert Counter(hospital.city for hospital in seed) == {"istanbul": 5, "ankara": 1, "trabzon": 1}
    assert all(hospital.rating.average_tenths is None for hospital in seed)


def test_the_seeds_procedure_can_be_quoted_by_sample_partners_in_turkey(catalog):
    offering = {offering.hospital for offering in catalog.offerings if offering.procedure == SEED}
    able = [
        hospital
        for hospital in catalog.hospitals
        if hospital.slug in offering
        and hospital.country == "TR"
        and hospital.partner
        and hospital.authorisation.standing is AuthorisationStanding.VALID
    ]
    assert len(able) >= 4
    assert all(hospital.sample for hospital in able)


def test_the_seeds_prices_are_unconfirmed_and_the_samples_confirmed(catalog):
    assert {(price.sample, price.standing) for price in catalog.prices} == {
        (False, PriceStanding.UNCONFIRMED),
        (True, PriceStanding.CONFIRMED),
    }


def test_every_text_of_the_seeds_procedure_stands_in_three_languages(catalog):
    (procedure,) = [procedure for procedure in catalog.procedures if procedure.slug == SEED]
    named = {id(synonym) for synonym in procedure.synonyms}
    lacking = [texts for texts in texts_in(procedure) if id(texts) not in named and set(texts) != {"en", "tr", "ar"}]
    assert lacking == []
    assert {language for synonym in procedure.synonyms for language in synonym} == {"en", "tr", "ar"}


def test_arabic_is_written_in_arabic_and_english_is_not(catalog):
    arabic = re.compile("[\u0600-\u06ff]")
    texts = [texts for record in records_of(catalog) for texts in texts_in(record)]
    assert [each["ar"] for each in texts if "ar" in each and not arabic.search(each["ar"])] == []
    assert [each["en"] for each in texts if "en" in each and arabic.search(each["en"])] == []


def test_every_procedure_asks_what_a_hospital_must_know_and_which_records_it_wants(catalog):
    lacking = [
        procedure.slug
        for procedure in catalog.procedures
        if not any(question.required for question in procedure.intake)
        or not any(step.document_required for step in procedure.preparation)
        or not procedure.warning_signs
    ]
    assert lacking == []


def test_every_offering_has_its_page_and_every_page_of_a_sample_its_doctor(catalog):
    pages = {(facts.procedure, facts.country) for facts in catalog.destination_facts}
    country = {hospital.slug: hospital.country for hospital in catalog.hospitals}
    assert [offering.origin for offering in catalog.offerings if (offering.procedure, country[offering.hospital]) not in pages] == []
    treated = {(procedure, country[doctor.hospital]) for doctor in catalog.doctors for procedure in doctor.procedures}
    assert pages - treated == {(SEED, "IN")}


def test_doctors_perform_what_their_hospital_offers(catalog):
    offered = {(offering.hospital, offering.procedure) for offering in catalog.offerings}
    assert [doctor.slug for doctor in catalog.doctors for each in doctor.procedures if (doctor.hospital, each) not in offered] == []


def test_every_purpose_has_its_consent_text_in_three_languages(catalog):
    said = {(text.purpose, text.language) for text in catalog.consent_texts}
    assert said == {(purpose, language) for purpose in Purpose for language in ("en", "tr", "ar")}


def test_stories_are_told_with_consent_only(catalog):
    assert catalog.stories
    assert all(story.consent and story.hospital and story.treated_on for story in catalog.stories)


def test_the_example_in_the_readme_is_a_whole_import(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", (DATA / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "example.yaml"
    path.write_text(example)
    found = reading.read([path])
    empty = [field.name for field in fields(found) if not getattr(found, field.name)]
    assert empty == ["printed"]


def test_the_readme_names_every_file_and_every_field():
    readme = (DATA / "README.md").read_text()
    assert [file.name for file in DATA.glob("*.yaml") if f"`{file.name}`" not in readme and not file.name.startswith("sample-")] == []
    assert [name for schema in schemas.OF_LISTS.values() for name in schema.fields if f"{name}:" not in readme] == []
