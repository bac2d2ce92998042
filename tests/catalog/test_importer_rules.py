"""Each rule of plausibility by itself: where it must speak, and where it must be silent."""

from collections import Counter

import pytest

from services.catalog.importer import plausibility, reading


def codes_of(tmp_path, text):
    path = tmp_path / "import.yaml"
    path.write_text(SPECIALTIES + text)
    return Counter(warning.code for warning in plausibility.warnings_of(reading.read([path])))


SPECIALTIES = """
specialties:
  - {slug: neurology, name: Neurology, practitioner: Neurologist, operates: false}
  - {slug: neurosurgery, name: Neurosurgery, practitioner: Neurosurgeon, operates: true}
cities:
  - {slug: istanbul, country: TR, name: {en: Istanbul, tr: İstanbul}, districts: [Pendik, Kadıköy]}
  - {slug: ankara, country: TR, name: Ankara}
inclusions: [{slug: stay, name: Stay}]
"""
PROCEDURE = "{slug: p, name: P, specialty: neurology, summary: S., overview: O., %s}"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("device_implanted: true, performed_by: [neurology]", True),
        ("device_implanted: true, performed_by: [neurology, neurosurgery]", False),
        ("device_implanted: false, performed_by: [neurology]", False),
        ("device_implanted: true", False),
    ],
)
def test_a_device_is_implanted_by_those_who_operate(tmp_path, given, told):
    assert ("specialty.implausible" in codes_of(tmp_path, f"procedures: [{PROCEDURE % given}]")) is told


def test_content_with_a_reviewer_and_answers_is_no_matter_of_doubt(tmp_path):
    given = "reviewed_by: A doctor, reviewed_on: 2026-01-31, faqs: [{question: Q?, answer: A.}]"
    assert codes_of(tmp_path, f"procedures: [{PROCEDURE % given}]") == {}


@pytest.mark.parametrize(
    ("hospital", "codes"),
    [
        ("name: A Hospital, city: Istanbul", {}),
        ("name: A Hospital, city: Instabul", {"city.unknown": 1}),
        ("name: A Hospital", {"city.unknown": 1}),
        ("name: Ankara Hospital, city: ankara", {}),
        ("name: Ankara Hospital, city: istanbul", {"city.contradicts_name": 1}),
        ("name: Ankaralı Hospital, city: istanbul", {}),
        ("name: A Hospital, city: ankara, rating: {count: 12, average_tenths: 45, source: A survey}", {}),
        ("name: A Hospital, city: ankara, rating: {count: 12}", {"rating.no_value": 1}),
        ("name: A Hospital, city: ankara, rating: {count: 12, average_tenths: 45, at_least: true}", {"rating.inexact": 1}),
    ],
)
def test_a_hospital_is_doubted_for_what_is_said_of_it(tmp_path, hospital, codes):
    known = (
        "timezone: Europe/Istanbul, languages: [tr], authorisation: {standing: valid, authority: M, number: '1', valid_until: 2030-01-31}"
    )
    assert codes_of(tmp_path, f"hospitals: [{{slug: a, country: TR, {known}, {hospital}}}]") == codes


@pytest.mark.parametrize(("one", "other", "told"), [(140, 140, True), (140, 141, False), (12, 12, False)])
def test_the_same_number_of_doctors_twice_is_doubted_if_it_is_large(tmp_path, one, other, told):
    hospitals = "".join(f"  - {{slug: h{at}, name: H{at}, country: TR, doctor_count: {count}}}\n" for at, count in enumerate((one, other)))
    assert ("doctor_count.repeated" in codes_of(tmp_path, f"hospitals:\n{hospitals}")) is told


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("", "", True),
        ("source: A", "source: B", False),
        ("source: A", "", False),
        ("recovery_note: Until work", "recovery_note: Until sport", False),
    ],
)
def test_the_same_facts_in_two_countries_are_doubted_if_nobody_vouches_for_them(tmp_path, first, second, told):
    facts = "stay_days: {min: 1, max: 2}, recovery_weeks: {min: 3, max: 4}"
    entries = f"  - {{procedure: p, country: TR, {facts}, {first}}}\n  - {{procedure: p, country: IN, {facts}, {second}}}\n"
    found = codes_of(tmp_path, f"procedures: [{PROCEDURE % 'device_implanted: false'}]\ndestination_facts:\n{entries}")
    assert ("facts.copied_across_countries" in found) is told


LISTED = """
procedures: [{slug: p, name: P, specialty: neurology, summary: S., overview: O.}]
destination_facts: [{procedure: p, country: TR}]
hospitals: [{slug: a, name: A, country: TR}, {slug: b, name: B, country: TR}]
offerings:
  - {hospital: a, procedure: p, department: D, evidence: Thirty a year}
  - {hospital: b, procedure: p, department: D}
"""
ABOUT_LISTS = {"destination.no_hospital", "ranking.no_rule", "claim.no_evidence", "doctors.none"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", {"ranking.no_rule", "claim.no_evidence", "doctors.none"}),
        ("ranking_rules: [{slug: r, text: By name., order: [name]}]", {"claim.no_evidence", "doctors.none"}),
        (
            "ranking_rules: [{slug: r, text: By name., order: [name], country: IN}]",
            {"ranking.no_rule", "claim.no_evidence", "doctors.none"},
        ),
        (
            "doctors: [{slug: d, name: D, title: Dr, specialty: neurology, hospital: b, procedures: [p]}]",
            {"ranking.no_rule", "claim.no_evidence"},
        ),
        (
            "doctors: [{slug: d, name: D, title: Dr, specialty: neurology, hospital: b}]",
            {"ranking.no_rule", "claim.no_evidence", "doctors.none"},
        ),
    ],
)
def test_a_list_of_hospitals_is_doubted_for_its_order_its_claims_and_its_doctors(tmp_path, more, told):
    assert codes_of(tmp_path, LISTED + more).keys() & ABOUT_LISTS == told


def test_a_destination_without_hospitals_is_told_and_nothing_else_of_it(tmp_path):
    found = codes_of(tmp_path, LISTED.replace("{procedure: p, country: TR}", "{procedure: p, country: TH, compared_with: [TR]}"))
    assert found.keys() & (ABOUT_LISTS | {"destination.own_in_others"}) == {"destination.no_hospital"}


@pytest.mark.parametrize(
    ("one", "other", "asked"),
    [
        ("Liv Hospital Pendik", "Liv Hospital Kadıköy", False),
        ("Liv Hospital Pendik", "Liv University", True),
        ("Liv Hospital Pendik", "Life Hospital", False),
        ("Liv Hospital Pendik", "Liv Hospital Ankara", False),
        ("Istanbul Hospital", "Istanbul University Clinic", False),
        ("LİV Hospital", "Lıv Hastanesi", True),
    ],
)
def test_two_hospitals_of_one_city_and_brand_are_asked_about(tmp_path, one, other, asked):
    path = tmp_path / "import.yaml"
    hospitals = (
        f"hospitals: [{{slug: a, name: {one}, country: TR, city: istanbul}}, {{slug: b, name: {other}, country: TR, city: istanbul}}]"
    )
    path.write_text(SPECIALTIES + hospitals)
    assert [question.slugs for question in plausibility.questions_of(reading.read([path]))] == ([("a", "b")] if asked else [])


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ("headline: I walk again.", {"story.no_consent", "story.no_hospital_or_date"}),
        ("headline: I walk..., treated_on: 2026-01-31", {"story.no_consent", "story.no_hospital_or_date", "story.headline_cut"}),
        ("headline: I walk., treated_on: 2026-01-31, hospital: a, consent: {given_on: 2026-02-01, reference: C-1}", set()),
    ],
)
def test_a_story_is_doubted_without_consent_place_and_whole_headline(tmp_path, given, codes):
    story = f"stories: [{{slug: s, body: B., author_display: A., country: TR, procedure: p, {given}}}]"
    found = codes_of(tmp_path, LISTED + story)
    assert {code for code in found if code.startswith("story.")} == codes
