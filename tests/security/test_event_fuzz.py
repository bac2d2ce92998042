"""Whatever stands in a topic: the decoder reads it or says Unreadable or UnknownType, and a consumer gets past it with nothing half-written."""

import json
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from sqlalchemy import text

from services.enquiry.app import HEARING as ENQUIRY
from services.notification.app import hearing
from services.notification.settings import Settings
from shared import db
from shared.bus import Batch, Incoming, batch_of
from shared.events import Envelope, UnknownType, Unreadable, decode
from shared.inbox.receive import begin, receive
from tests.notification.house import KEY, OWN_RING, RING

GOLDEN = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path("tests/contracts/golden").glob("*.json"))]
NAMES = sorted({name for one in GOLDEN for name in one["headers"]})
EXTREMES = [
    b"", b"\x00", b"\xff\xfe", b"0", b"-1", b"9" * 30, b"9" * 5000, b"1e999", b"%00", b"%ff", b"null", b"nan",
    b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2027-01-11T09:00:00", b"catalog.hospital.v1", b"tombstone.v1", b"x.v1\x00",
    b"application/json", b"text/plain; charset=none", b"1.0", b"0.3", b"{}", "٣".encode(), b"x" * 70_000,
]  # fmt: skip
BYTES = st.sampled_from(EXTREMES) | st.binary(max_size=60)
NAME = st.sampled_from(NAMES) | st.text(max_size=8) | st.sampled_from(["ce_\x00", "\x00", "ce_", "ce_a b", "CE_ID", "ce_data"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\x00", "9999-12-31T23:59:59-14:00", 10**30, "9" * 40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OWN = {
    "jwks_url": "http://127.0.0.1:9/jwks",
    "smtp_url": "smtp://127.0.0.1:9",
    "smtp_from": "Passage <no-reply@passage.test>",
    "ops_address": "ops@passage.test",
    "site_url": "https://passage.test",
    "contact_keys": RING,
    "notification_keys": OWN_RING,
    "lookup_key": KEY,
    "link_key": KEY,
}
FUZZED = settings(max_examples=400, deadline=None)
WRITTEN = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def records(draw):
    """A golden record with some of its headers, or its data at some place, as somebody else might have written it: topic, key, headers, value."""
    whole = draw(st.sampled_from(GOLDEN))
    headers = {name: said.encode() for name, said in whole["headers"].items()}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=1)):
        headers.pop(name, None)
    headers |= draw(st.dictionaries(NAME, BYTES, max_size=2))
    data = draw(st.sampled_from([whole["data"], None]) | st.just(whole["data"]).map(lambda one: spoilt(one, draw)))
    value = draw(st.sampled_from([b"", b"[" * 5000, b'{"a":' * 3000, None]) | BYTES) if draw(st.integers(0, 3)) == 0 else encoded(data)
    return whole["topic"], draw(st.sampled_from([whole["key"].encode(), b"", None, b"\x00\xff"])), headers, value


def spoilt(data, draw):
    """The data with one member replaced, removed or added."""
    if not isinstance(data, dict) or not data:
        return draw(VALUES)
    name = draw(st.sampled_from(sorted(data)))
    inner = data[name]
    if isinstance(inner, dict) and inner and draw(st.booleans()):
        return data | {name: spoilt(inner, draw)}
    return {key: one for key, one in data.items() if key != name} | draw(
        st.dictionaries(st.just(name) | st.text(max_size=4), VALUES, max_size=1)
    )


def encoded(data):
    return None if data is None else json.dumps(data).encode("utf-8", "surrogatepass")


def changed(**headers):
    """The first golden fact with other headers."""
    whole = next(one for one in GOLDEN if one["headers"]["ce_type"] == "enquiry.opened.v1")
    own = {name: said.encode() for name, said in whole["headers"].items()}
    return whole["topic"], whole["key"].encode(), own | headers, encoded(whole["data"])


BEFORE_ALL_TIMES = changed(ce_time=b"0001-01-01T00:00:00+14:00")
TYPE_WITH_NUL = changed(ce_type=b"x.v1\x00")
TYPE_TOO_LONG = changed(ce_type=b"x" * 70_000)
NAME_WITH_NUL = changed(**{"ce_id": b"none", "x\x00": b"1"})


@FUZZED
@given(record=records())
@example(record=("enquiry.events", None, {}, None))
@example(record=BEFORE_ALL_TIMES)
def test_a_record_is_read_or_said_to_be_unreadable_or_unknown(record):
    topic, _, headers, value = record
    with suppress(Unreadable, UnknownType):
        assert isinstance(decode(topic, headers, value), Envelope)


def test_a_header_without_a_value_is_read_as_an_empty_one():
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1000
    )
    builder.append(0, None, b"key", b"value", [("ce_id", None)])
    (written,) = MemoryRecords(bytes(builder.build())).next_batch()
    read = ConsumerRecord("t.enquiry.events", 0, 0, 0, 0, 0, written.key, written.value, written.headers, None, 0, 0, 0)
    (record,) = batch_of("t.", TopicPartition("t.enquiry.events", 0), [read]).records
    assert record.headers == {"ce_id": b""}


@pytest.fixture(params=["enquiry", "notification"])
def consumer(request, settings_for, database):
    """A service's own handlers on its own database, and the offset to come."""
    url = database(request.param)
    engine = db.engine(url, name="test", pool=2)
    yield engine, ENQUIRY if request.param == "enquiry" else hearing(settings_for(Settings, url, **OWN)), [0]
    engine.dispose()


@WRITTEN
@given(record=records())
@example(record=BEFORE_ALL_TIMES)
@example(record=TYPE_WITH_NUL)
@example(record=TYPE_TOO_LONG)
@example(record=NAME_WITH_NUL)
def test_a_consumer_gets_past_every_record_and_keeps_it_or_its_mark(consumer, record):
    engine, listener, at = consumer
    topic, key, headers, value = record
    offset, at[0] = at[0], at[0] + 1
    batch = Batch(topic, 0, [Incoming(topic, 0, offset, key, headers, value)])
    taken, first = begin(engine, listener, batch)
    with db.transaction(engine) as session:
        receive(session, listener, taken, park_first=first, parked_limit=10_000)
    with db.transaction(engine) as session:
        after = session.scalar(text("SELECT next_offset FROM consumer_progress WHERE topic = :topic"), {"topic": topic})
        letters = session.execute(
            text('SELECT headers, value FROM dead_letters WHERE topic = :topic AND "offset" = :offset'), {"topic": topic, "offset": offset}
        ).all()
    assert after == offset + 1
    for letter in letters:
        assert (None if letter.value is None else bytes(letter.value)) == value
        assert orjson.dumps(letter.headers)
