"""One golden record per event and version: what is written is what was promised, and what was promised can be read."""

import json
import subprocess
from pathlib import Path

import orjson
import pytest

from docs.generate import hearers
from shared import events
from shared.events import REGISTRY, TOMBSTONE, decode, encode
from shared.events.schemas import schema_of

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def value_of(record):
    return None if record["data"] is None else orjson.dumps(record["data"])


def read(record, value):
    return decode(record["topic"], {name: text.encode() for name, text in record["headers"].items()}, value)


def test_every_event_has_its_golden_record_and_every_golden_record_its_event():
    assert hearers.topics()  # every service's facts are registered
    assert set(NAMES) == {*REGISTRY, TOMBSTONE}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_the_golden_record_byte_for_byte(name):
    record = golden(name)
    envelope = read(record, value_of(record))
    assert envelope.event.type == name
    assert envelope.key == record["key"]
    assert encode(envelope, source=record["headers"]["ce_source"]) == (record["headers"], value_of(record))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {TOMBSTONE}))
def test_a_field_that_a_newer_writer_added_is_passed_over(name):
    record = golden(name)
    newer = orjson.dumps({**record["data"], "added_later": {"by": ["a newer release"]}})
    assert read(record, newer) == read(record, value_of(record))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {TOMBSTONE}))
def test_a_golden_record_shows_every_field(name):
    assert set(golden(name)["data"]) == set(schema_of(REGISTRY[name]).fields)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {TOMBSTONE}))
def test_a_record_without_one_of_its_required_fields_cannot_be_read(name):
    record = golden(name)
    for required in [field for field, kind in schema_of(REGISTRY[name]).fields.items() if kind.required]:
        without = {field: value for field, value in record["data"].items() if field != required}
        with pytest.raises(events.Unreadable):
            read(record, orjson.dumps(without))


def released():
    """Golden records as the last tag has them; none before the first release."""
    tag = subprocess.run(["git", "describe", "--tags", "--abbrev=0"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    if not tag:
        return {}
    folder = GOLDEN.relative_to(ROOT).as_posix()
    paths = subprocess.check_output(["git", "ls-tree", "--name-only", tag, f"{folder}/"], cwd=ROOT, text=True).split()
    return {Path(path).stem: json.loads(subprocess.check_output(["git", "show", f"{tag}:{path}"], cwd=ROOT)) for path in paths}


def test_what_was_released_is_still_read_and_still_written():
    """Optional fields may be added to a golden record; nothing in it changes."""
    for name, record in released().items():
        assert read(record, value_of(record)).event.type == name
        now = golden(name)
        assert (now["topic"], now["key"], now["headers"]) == (record["topic"], record["key"], record["headers"]), name
        assert record["data"] is None or record["data"].items() <= now["data"].items(), name
