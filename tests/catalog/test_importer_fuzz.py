"""Whatever stands in a file: the import takes it or refuses it, and never fails otherwise."""

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.catalog.importer import reading, schemas, yaml_text
from services.catalog.importer.faults import ImportRefused

SEED_AS_PRINTED = Path(__file__).parent / "data" / "seed-as-printed.yaml"
SEED = yaml_text.parse(SEED_AS_PRINTED.read_text(), lambda *_: None)

FRAGMENTS = st.sampled_from(
    [
        *schemas.OF_LISTS,
        *sorted({name for schema in schemas.OF_LISTS.values() for name in schema.fields}),
        *(
            "en",
            "TR",
            "mon",
            "true",
            "null",
            "~",
            "1",
            "-1",
            "1.5",
            "2026-01-31",
            "09:00",
            "3-5 days",
            "USD 1 – USD 2",
            "12+ Rating",
            "Star",
            "choice",
        ),
    ]
)
WORDS = st.one_of(FRAGMENTS, st.text(max_size=12), st.integers(), st.booleans(), st.none(), st.floats())
DOCUMENTS = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FRAGMENTS | st.text(max_size=6), inner, max_size=6),
    max_leaves=25,
)


def faults_of(path):
    """None for an import; whatever is raised beside ImportRefused fails the test."""
    try:
        reading.read([path])
    except ImportRefused as refusal:
        return refusal.errors
    return None


def is_told_well(faults, path):
    return faults is None or (faults and all(fault.reason and fault.file == str(path) for fault in faults))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=200), st.binary(max_size=200), st.text(alphabet=" \n-:[]{}&*!|>'\"%#?,abc01", max_size=60)))
def test_any_text_is_an_import_or_refused(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    assert is_told_well(faults_of(path), path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.dictionaries(st.sampled_from(sorted(schemas.OF_LISTS)), st.lists(DOCUMENTS, max_size=3), max_size=4))
def test_any_document_is_an_import_or_refused(tmp_path, document):
    path = tmp_path / "any.yaml"
    path.write_text(json.dumps(document))
    assert is_told_well(faults_of(path), path)


def places_in(value, place=()):
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places_in(each, (*place, key))


def with_other(value, place, other):
    """A copy of the value with another one at that place."""
    if not place:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = with_other(value[place[0]], place[1:], other)
    return copy


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(sorted(places_in(SEED), key=str)), other=DOCUMENTS)
def test_a_seed_with_anything_anywhere_is_an_import_or_refused(tmp_path, place, other):
    path = tmp_path / "any.yaml"
    path.write_text(json.dumps(with_other(SEED, place, other)))
    assert is_told_well(faults_of(path), path)
