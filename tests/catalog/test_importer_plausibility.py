"""What the import doubts: the seed as printed is its acceptance test, then each rule by itself."""

from collections import Counter
from pathlib import Path

import pytest

from services.catalog.importer import plausibility, reading

SEED_AS_PRINTED = Path(__file__).parent / "data" / "seed-as-printed.yaml"

PRINTED_ON_THE_SEED = {
    "price.derived": 1,
    "price.no_source": 2,
    "price.no_inclusions": 2,
    "facts.copied_across_countries": 1,
    "destination.own_in_others": 1,
    "destination.no_hospital": 1,
    "city.unknown": 7,
    "city.contradicts_name": 2,
    "doctor_count.repeated": 1,
    "hospital.no_authorisation": 7,
    "hospital.no_zone_or_language": 7,
    "rating.no_value": 7,
    "rating.inexact": 7,
    "ranking.no_rule": 1,
    "claim.no_evidence": 1,
    "doctors.none": 1,
    "specialty.implausible": 1,
    "content.no_reviewer": 1,
    "faq.empty": 1,
    "list.run_together": 1,
    "text.icon_alt": 51,
    "range.string": 8,
    "story.no_consent": 1,
    "story.no_hospital_or_date": 1,
    "story.headline_cut": 1,
}


@pytest.fixture(scope="module")
def seed():
    return reading.read([SEED_AS_PRINTED])


def found_by(seed, code):
    return [warning for warning in plausibility.warnings_of(seed) if warning.code == code]


def test_the_seed_as_printed_has_exactly_the_defects_of_the_design(seed):
    assert Counter(warning.code for warning in plausibility.warnings_of(seed)) == PRINTED_ON_THE_SEED


def test_the_seed_as_printed_raises_one_question(seed):
    (question,) = plausibility.questions_of(seed)
    assert question.slugs == ("istinye-universitesi-hastanesi-liv", "liv-hospital-bahcesehir")
    assert question.text == 'Are "Istinye Üniversitesi Hastanesi Liv" and "Liv Hospital Bahçeşehir" one hospital?'
