"""What the import reads out of its files: texts, records, prices and the forms that were printed for people."""

from textwrap import dedent

import pytest

from services.catalog.importer import reading
from services.catalog.importer.faults import ImportRefused
from services.catalog.importer.records.prices import PriceStanding

HOSPITAL = "slug: a-hospital, name: A Hospital, country: TR"
PROCEDURE = "slug: a-procedure, name: A procedure, specialty: neurology, summary: One sentence., overview: A paragraph."
SPECIALTIES = "specialties: [{slug: neurology, name: Neurology, practitioner: Neurologist, operates: false}]\n"


@pytest.fixture
def file(tmp_path):
    """Writes a file of the import and returns its path."""

    def write(text, name="import.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return path

    return write


# -- what is read ---------------------------------------------------------------


def test_a_plain_text_is_in_the_language_of_its_file(file):
    found = reading.read([file("language: tr\n" + SPECIALTIES)])
    assert found.specialties[0].name == {"tr": "Neurology"}


def test_what_a_file_says_for_all_of_its_records_gives_way_to_what_a_record_says(file):
    found = reading.read(
        [
            file("""
            sample: true
            provenance: {source: The page, observed_on: 2026-01-31}
            inclusions:
              - {slug: stay, name: Stay}
              - {slug: food, name: Food, sample: false, provenance: {source: The kitchen}}
        """)
        ]
    )
    stay, food = found.inclusions
    assert (stay.sample, stay.provenance.source, str(stay.provenance.observed_on)) == (True, "The page", "2026-01-31")
    assert (food.sample, food.provenance.source, food.provenance.observed_on) == (False, "The kitchen", None)


def test_several_files_make_one_import(file):
    found = reading.read([file(f"procedures: [{{{PROCEDURE}}}]", "a.yaml"), file(SPECIALTIES, "b.yaml")])
    assert found.procedures[0].origin.file.endswith("a.yaml")
    assert found.procedures[0].origin.path == "/procedures/0"


def test_norway_is_a_country_and_a_date_needs_no_quotes(file):
    found = reading.read([file("hospitals: [{slug: h, name: H, country: NO, holidays: [{on: 2026-05-17, name: National day}]}]")])
    assert found.hospitals[0].country == "NO"
    assert str(found.hospitals[0].holidays[0].on) == "2026-05-17"


def test_working_hours_are_told_day_by_day(file):
    hours = "[{days: [sat], opens: 09:00, closes: 13:00}, {days: [mon], opens: 14:00, closes: 18:00}, {days: [mon], opens: 08:30, closes: 12:00}]"
    found = reading.read([file(f"hospitals: [{{{HOSPITAL}, working_hours: {hours}}}]")])
    told = [f"{span.weekday} {span.opens:%H:%M} {span.closes:%H:%M}" for span in found.hospitals[0].working_hours]
    assert told == ["1 08:30 12:00", "1 14:00 18:00", "6 09:00 13:00"]


def test_a_city_is_found_by_any_of_its_names(file):
    found = reading.read(
        [
            file("""
            cities: [{slug: istanbul, country: TR, name: {en: Istanbul, tr: İstanbul}, other_names: [Constantinople]}]
            hospitals:
              - {slug: a, name: A, country: TR, city: istanbul}
              - {slug: b, name: B, country: TR, city: İSTANBUL}
              - {slug: c, name: C, country: TR, city: constantinople}
              - {slug: d, name: D, country: TR, city: Instabul}
        """)
        ]
    )
    assert [hospital.city for hospital in found.hospitals] == ["istanbul", "istanbul", "istanbul", None]
    assert found.hospitals[3].city_given == "Instabul"


def test_a_consent_text_is_a_record_per_language_with_its_hash(file):
    found = reading.read([file("consent_texts: [{purpose: health_data, version: 2, text: {en: I agree., tr: Kabul ediyorum.}}]")])
    assert [(text.language, text.version, text.sha256) for text in found.consent_texts] == [
        ("en", 2, "826ff0dab649a97ffdd7779a332accafb35cc161012253a19383db19289d6e02"),
        ("tr", 2, "a1e5e4dd2bf8b9c6c9dece926c39531bee9953886944ed00f64d20c1ffcc43ea"),
    ]


def test_letters_written_in_two_ways_are_read_as_one(file):
    found = reading.read([file("inclusions: [{slug: a, name: I\u0307stinye}, {slug: b, name: \u0130stinye}]")])
    assert found.inclusions[0].name == found.inclusions[1].name


def test_a_mark_of_byte_order_is_no_part_of_the_text(file):
    assert reading.read([file(b"\xef\xbb\xbfinclusions: [{slug: a, name: A}]")]).inclusions


def test_digits_that_begin_with_zero_are_text(file):
    assert reading.read([file("inclusions: [{slug: a, name: 007}]")]).inclusions[0].name == {"en": "007"}


# -- standing of prices -----------------------------------------------------------


def standings(file, *prices):
    entries = "".join(f"  - {{procedure: a-procedure, basis: estimate, {price}}}\n" for price in prices)
    found = reading.read([file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}}}]\nprices:\n{entries}")])
    return [price.standing is PriceStanding.CONFIRMED for price in found.prices]


def test_a_price_is_confirmed_only_with_a_source(file):
    said = "country: TR, amount: {min_minor: 100, max_minor: 150, currency: EUR}"
    unsaid = "country: IN, amount: {min_minor: 90, max_minor: 180, currency: EUR}"
    assert standings(file, f"{said}, source: A hospital, observed_on: 2026-01-31", unsaid) == [True, False]


def test_a_price_that_is_another_times_a_factor_stays_unconfirmed(file):
    first = "country: IN, amount: {min_minor: 936000, max_minor: 1982100, currency: USD}, source: A, observed_on: 2026-01-31"
    times = "country: TR, amount: {min_minor: 6966300, max_minor: 14752100, currency: USD}, source: B, observed_on: 2026-01-31"
    assert standings(file, first, times) == [True, False]
    assert standings(file, times, first) == [True, False]


def test_a_price_with_a_source_is_not_derived_from_one_without(file):
    unsaid = "country: IN, amount: {min_minor: 936000, max_minor: 1982100, currency: USD}"
    said = "country: TR, amount: {min_minor: 6966300, max_minor: 14752100, currency: USD}, source: B, observed_on: 2026-01-31"
    assert standings(file, unsaid, said) == [False, True]


def test_two_ends_with_different_factors_are_independent_prices(file):
    first = "country: IN, amount: {min_minor: 1000, max_minor: 2000, currency: USD}, source: A, observed_on: 2026-01-31"
    other = "country: TR, amount: {min_minor: 2000, max_minor: 4010, currency: USD}, source: B, observed_on: 2026-01-31"
    assert standings(file, first, other) == [True, True]


# -- printed forms ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "least", "most", "currency"),
    [
        ("USD 9,360 – USD 19,821", 936000, 1982100, "USD"),
        ("JPY 900,000 - 1,200,000", 900000, 1200000, "JPY"),
        ("KWD 300-450", 300000, 450000, "KWD"),
    ],
)
def test_a_printed_range_of_money_is_read_in_minor_units(file, printed, least, most, currency):
    price = f'prices: [{{procedure: a-procedure, country: TR, basis: estimate, amount: "{printed}"}}]'
    found = reading.read([file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}}}]\n{price}")])
    (read,) = found.prices
    assert (read.min_minor, read.max_minor, read.currency) == (least, most, currency)
    assert [(told.code, told.printed) for told in found.printed] == [("range.string", printed)]


def test_words_behind_a_printed_range_become_its_note(file):
    found = reading.read([file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}, recovery_weeks: ~ 4-6 weeks in most cases}}]")])
    assert (found.procedures[0].recovery_weeks.min, found.procedures[0].recovery_weeks.max) == (4, 6)
    assert found.procedures[0].recovery_note == {"en": "in most cases"}


def test_a_note_of_its_own_stays(file):
    weeks = "recovery_weeks: 4-6 weeks in most cases, recovery_note: Until work"
    found = reading.read([file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}, {weeks}}}]")])
    assert found.procedures[0].recovery_note == {"en": "Until work"}


def test_a_range_printed_in_another_unit_is_refused(file):
    with pytest.raises(ImportRefused) as caught:
        reading.read([file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}, recovery_weeks: 4-6 months}}]")])
    assert [fault.path for fault in caught.value.errors] == ["/procedures/0/recovery_weeks"]


def test_sentences_run_together_are_parted(file):
    found = reading.read([file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}, highlights: [Works at the source.Uses less, As it is]}}]")])
    assert [text["en"] for text in found.procedures[0].highlights] == ["Works at the source.", "Uses less", "As it is"]


def test_a_count_of_ratings_makes_no_average(file):
    found = reading.read([file(f"hospitals: [{{{HOSPITAL}, rating: [Star, Star, 12+ Rating]}}]")])
    rating = found.hospitals[0].rating
    assert (rating.count, rating.at_least, rating.average_tenths) == (12, True, None)
