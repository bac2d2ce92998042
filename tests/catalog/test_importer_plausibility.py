"""What the import doubts: the seed as printed is its acceptance test, then each rule by itself."""

import re
from collections import Counter
from pathlib import Path

import pytest

from services.catalog.importer import plausibility, reading, yaml_text

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


def test_the_derived_price_tells_from_which_country_and_by_what_factor(seed):
    (derived,) = found_by(seed, "price.derived")
    assert derived.evidence == {"country": "TR", "derived_from": "IN", "factor": 7.4427}
    assert derived.path == "/prices/1"


def test_a_city_that_contradicts_the_name_is_told_with_the_city_named(seed):
    assert {(doubt.evidence["hospital"], *doubt.evidence["named"]) for doubt in found_by(seed, "city.contradicts_name")} == {
        ("liv-hospital-ankara", "ankara"),
        ("medical-park-trabzon", "trabzon"),
    }


def test_every_warning_points_into_its_file(seed):
    document = yaml_text.parse(SEED_AS_PRINTED.read_text(), lambda *_: None)
    for warning in plausibility.warnings_of(seed):
        value = document
        for part in warning.path.removeprefix("/").split("/"):
            value = value[int(part) if isinstance(value, list) else part]
        assert value
        assert warning.file == str(SEED_AS_PRINTED)


def test_an_icon_is_told_for_each_time_it_was_printed(seed):
    printed = Counter(re.match("Star|Icon|checked", doubt.evidence["printed"])[0] for doubt in found_by(seed, "text.icon_alt"))
    assert printed == {"Star": 35, "Icon": 14, "checked": 2}
