"""What the import refuses, and how it says so: every fault with its file, place and value."""

import time
from textwrap import dedent

import pytest

from services.catalog.importer import reading, yaml_text
from services.catalog.importer.faults import ImportRefused

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


def refused(*paths):
    """The faults of an import that must be refused: (path, value, reason)."""
    with pytest.raises(ImportRefused) as caught:
        reading.read(paths)
    return [(fault.path, fault.value, fault.reason) for fault in caught.value.errors]


def places(*paths):
    return [path for path, _, _ in refused(*paths)]


# -- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ("hospitals: [{slug: a, name: A, country: Turkey}]", "/hospitals/0/country"),
        ("hospitals: [{slug: a, name: A, country: XK}]", "/hospitals/0/country"),
        (f"hospitals: [{{{HOSPITAL}, timezone: Turkey}}]", "/hospitals/0/timezone"),
        (f"hospitals: [{{{HOSPITAL}, languages: [tr, turkish]}}]", "/hospitals/0/languages/1"),
        (f"hospitals: [{{{HOSPITAL}, doctor_count: -1}}]", "/hospitals/0/doctor_count"),
        (f"hospitals: [{{{HOSPITAL}, doctor_count: true}}]", "/hospitals/0/doctor_count"),
        (f'hospitals: [{{{HOSPITAL}, partner: "yes"}}]', "/hospitals/0/partner"),
        (f"hospitals: [{{{HOSPITAL}, colour: blue}}]", "/hospitals/0/colour"),
        (f"hospitals: [{{{HOSPITAL}, holidays: [{{on: 2026-02-30, name: None}}]}}]", "/hospitals/0/holidays/0/on"),
        (
            f"hospitals: [{{{HOSPITAL}, working_hours: [{{days: [mon], opens: 18:00, closes: 09:00}}]}}]",
            "/hospitals/0/working_hours/0/closes",
        ),
        (
            f"hospitals: [{{{HOSPITAL}, authorisation: {{standing: valid, authority: M, number: '1'}}}}]",
            "/hospitals/0/authorisation/valid_until",
        ),
        (f"hospitals: [{{{HOSPITAL}, summary: {{xx-yy: Text}}}}]", "/hospitals/0/summary/xx-yy"),
        (f"hospitals: [{{{HOSPITAL}, summary: {{}}}}]", "/hospitals/0/summary"),
        (f"hospitals: [{{{HOSPITAL}, summary: ' '}}]", "/hospitals/0/summary"),
        (
            f"hospitals: [{{{HOSPITAL}, working_hours: [{{days: [mon, tue], opens: 08:00, closes: 12:00}}, {{days: [tue], opens: 11:00, closes: 15:00}}]}}]",
            "/hospitals/0/working_hours",
        ),
        (f"hospitals: [{{{HOSPITAL}, languages: [{'tr, ' * 101}]}}]", "/hospitals/0/languages"),
        (f"hospitals: [{{{HOSPITAL}, city: {'A' * 301}}}]", "/hospitals/0/city"),
        (f"hospitals: [{{{HOSPITAL}, summary: {'A' * 8001}}}]", "/hospitals/0/summary"),
        (f'hospitals: [{{{HOSPITAL}, city: "A\\nB"}}]', "/hospitals/0/city"),
        ("hospitals: [{slug: A Hospital, name: A, country: TR}]", "/hospitals/0/slug"),
        ("hospitals: [{slug: a, country: TR}]", "/hospitals/0/name"),
        ("hospitals: [A Hospital]", "/hospitals/0"),
        ("hospitals: A Hospital", "/hospitals"),
        ("hospital: []", "/hospital"),
        ("language: english", "/language"),
        ("- hospitals", ""),
        ("", ""),
    ],
)
def test_what_is_malformed_is_refused_at_its_place(file, record, path):
    assert places(file(record)) == [path]


@pytest.mark.parametrize(
    ("amount", "path"),
    [
        ("{min_minor: 200, max_minor: 100, currency: USD}", "/min_minor"),
        ("{min_minor: -1, max_minor: 100, currency: USD}", "/min_minor"),
        ("{min_minor: 1.5, max_minor: 100, currency: USD}", "/min_minor"),
        ("{min_minor: 1, max_minor: '100', currency: USD}", "/max_minor"),
        ("{min_minor: 1, max_minor: 100, currency: TRL}", "/currency"),
        ("{min_minor: 1, max_minor: 100000000000000, currency: USD}", "/max_minor"),
        ("about 100 dollars", ""),
    ],
)
def test_money_that_is_none_is_refused(file, amount, path):
    price = f"prices: [{{procedure: a-procedure, country: TR, basis: estimate, amount: {amount}}}]"
    assert places(file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}}}]\n{price}")) == [f"/prices/0/amount{path}"]


def test_a_price_says_when_its_source_was_seen(file):
    price = "{procedure: a-procedure, country: TR, basis: estimate, source: A, amount: {min_minor: 1, max_minor: 2, currency: EUR}}"
    assert places(file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}}}]\nprices: [{price}]")) == ["/prices/0/observed_on"]


@pytest.mark.parametrize("review", ["reviewed_by: A doctor", "reviewed_on: 2026-01-31"])
def test_a_review_has_a_reviewer_and_a_day(file, review):
    assert places(file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}, {review}}}]")) == ["/procedures/0/reviewed_by"]


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("kind: choice", "choices"),
        ("kind: choice, choices: [{slug: one, label: One}]", "choices"),
        ("kind: text, choices: [{slug: one, label: One}, {slug: two, label: Two}]", "choices"),
        ("kind: number", "max"),
        ("kind: number, min: 3, max: 2", "min"),
        ("kind: date, max: 2", "max"),
        ("kind: colour", "kind"),
    ],
)
def test_an_intake_question_that_nobody_could_answer_is_refused(file, question, field):
    record = f"procedures: [{{{PROCEDURE}, intake: [{{slug: a, question: What?, {question}}}]}}]"
    assert places(file(SPECIALTIES + record)) == [f"/procedures/0/intake/0/{field}"]


def test_every_fault_is_told_at_once_with_its_file_and_value(file):
    one = file("hospitals: [{slug: a, name: A, country: Turkey, doctor_count: many}]", "one.yaml")
    two = file("doctors: [{slug: d, name: D, title: Dr, specialty: neurology, hospital: nowhere}]", "two.yaml")
    with pytest.raises(ImportRefused) as caught:
        reading.read([one, two])
    assert {(fault.file, fault.path, fault.value) for fault in caught.value.errors} == {
        (str(one), "/hospitals/0/country", "'Turkey'"),
        (str(one), "/hospitals/0/doctor_count", "'many'"),
        (str(two), "/doctors/0/specialty", "'neurology'"),
        (str(two), "/doctors/0/hospital", "'nowhere'"),
    }


def test_every_reference_to_a_slug_that_is_nowhere_is_refused(file):
    faults = places(
        file("""
            procedures: [{slug: p, name: P, specialty: none, performed_by: [none], summary: S., overview: O.}]
            destination_facts: [{procedure: none, country: TR}]
            prices:
              - procedure: none
                country: TR
                hospital: none
                amount: {min_minor: 1, max_minor: 2, currency: EUR}
                basis: package
                inclusions: [none]
            offerings: [{hospital: none, procedure: none, department: D}]
            doctors: [{slug: d, name: D, title: Dr, specialty: none, hospital: none, procedures: [none]}]
            stories: [{slug: s, headline: H., body: B., author_display: A., country: TR, procedure: none, hospital: none}]
            ranking_rules: [{slug: r, text: By name., order: [name], procedure: none}]
        """)
    )
    assert sorted(faults) == [
        "/destination_facts/0/procedure",
        "/doctors/0/hospital",
        "/doctors/0/procedures/0",
        "/doctors/0/specialty",
        "/offerings/0/hospital",
        "/offerings/0/procedure",
        "/prices/0/hospital",
        "/prices/0/inclusions/0",
        "/prices/0/procedure",
        "/procedures/0/performed_by/0",
        "/procedures/0/specialty",
        "/ranking_rules/0/procedure",
        "/stories/0/hospital",
        "/stories/0/procedure",
    ]


def test_a_price_or_a_story_of_another_country_than_its_hospital_is_refused(file):
    record = f"""
{SPECIALTIES}
procedures: [{{{PROCEDURE}}}]
hospitals: [{{{HOSPITAL}}}]
prices: [{{procedure: a-procedure, hospital: a-hospital, country: IN, basis: package, amount: {{min_minor: 1, max_minor: 2, currency: INR}}}}]
stories: [{{slug: s, headline: H., body: B., author_display: A., procedure: a-procedure, hospital: a-hospital, country: IN}}]
"""
    assert places(file(record)) == ["/prices/0/country", "/stories/0/country"]


def test_a_reference_to_a_record_that_was_refused_is_no_second_fault(file):
    record = "hospitals: [{slug: a, name: A, country: Turkey}]\n"
    doctor = "doctors: [{slug: d, name: D, title: Dr, specialty: neurology, hospital: a}]"
    assert places(file(SPECIALTIES + record + doctor)) == ["/hospitals/0/country"]


def test_a_slug_that_stands_twice_is_refused_and_the_first_is_named(file):
    one, two = file(SPECIALTIES, "one.yaml"), file(SPECIALTIES, "two.yaml")
    ((path, value, reason),) = refused(one, two)
    assert (path, value) == ("/specialties/0", "('neurology',)")
    assert f"{one}#/specialties/0" in reason


def test_a_question_that_stands_twice_in_a_procedure_is_refused(file):
    asked = "[{slug: a, question: What?, kind: text}, {slug: a, question: Why?, kind: text}]"
    assert places(file(f"{SPECIALTIES}procedures: [{{{PROCEDURE}, intake: {asked}}}]")) == ["/procedures/0/intake"]


def test_a_hospital_in_a_city_of_another_country_is_refused(file):
    record = "cities: [{slug: delhi, country: IN, name: Delhi}]\nhospitals: [{slug: a, name: A, country: TR, city: delhi}]"
    assert places(file(record)) == ["/hospitals/0/country"]


def test_a_partner_that_cannot_be_timed_or_spoken_to_is_refused(file):
    assert places(file(f"hospitals: [{{{HOSPITAL}, partner: true}}]")) == [
        "/hospitals/0/languages",
        "/hospitals/0/timezone",
        "/hospitals/0/working_hours",
    ]


# -- what is no text, or too much of it ------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"a: \xff", "The file is not UTF-8 at byte 3."),
        (b"a: 1\n--- \nb: 2", "The file holds more than one document."),
        (b"[" * 100_000, "nested deeper than 12"),
        (b"{a: [1", "The file is no YAML: line 2"),
        (b"hospitals: []\x00", "The file is no YAML"),
        (b"hospitals: [" + b"1," * 200_001 + b"]", "The file holds more than 200000 values."),
        (b"#" * (yaml_text.MAX_BYTES + 1), "The file is larger than 2097152 bytes."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(file, raw, reason):
    ((path, _, told),) = refused(file(raw))
    assert path == ""
    assert reason in told


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("inclusions: [{slug: a, name: A, name: B}]", "/inclusions/0/name", "stands twice in this mapping"),
        ("inclusions: [{slug: a, name: &n A}, {slug: b, name: *n}]", "/inclusions/1/name", "aliases are not read: write the value out"),
        ("inclusions: [{slug: a, name: !!python/name:os.system A}]", "/inclusions/0/name", "tags are not read"),
        ('inclusions: [{slug: a, name: "A\\0B"}]', "/inclusions/0/name", "holds a character that text may not hold"),
        ('inclusions: [{slug: a, name: "A\\uFEFFB"}]', "/inclusions/0/name", "holds a character that text may not hold"),
        ("inclusions: [{slug: a, name: A, [1]: B}]", "/inclusions/0", "a key must be text"),
    ],
)
def test_what_yaml_allows_and_we_do_not_is_refused(file, text, path, reason):
    assert (path, reason) in [(path, reason) for path, _, reason in refused(file(text))]


def test_a_laughing_file_is_refused_before_it_grows(file):
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10))
    started = time.monotonic()
    assert refused(file("l0: &l0 [ha]\n" + levels))
    assert time.monotonic() - started < 5


def test_a_file_that_is_not_there_is_a_fault_like_others(tmp_path):
    ((path, _, reason),) = refused(tmp_path / "nowhere.yaml")
    assert (path, reason) == ("", "The file cannot be opened: No such file or directory.")


def test_an_import_of_no_file_is_refused():
    assert refused() == [("", "0", "An import is made of 1 to 100 files.")]
