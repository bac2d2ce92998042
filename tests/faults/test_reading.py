"""The statements that read a run fit the tables as they are, and a record that cannot be read is one without an event."""

import json
from uuid import uuid4

import psycopg

from tests.faults import reading
from tests.faults.invariants import broken, check


def test_the_statements_fit_the_tables(database):
    urls = {service: database(service) for service in ("enquiry", "notification")}
    seen = reading.from_databases(reading.by_psycopg(urls.__getitem__))
    assert (seen.cases, seen.facts, seen.deliveries) == ([], [], [])
    assert broken(check(seen)) == []


def test_the_same_rows_can_be_had_as_json(database):
    with psycopg.connect(database("notification")) as connection:
        task = uuid4()
        connection.execute("INSERT INTO tasks (id, kind, details) VALUES (%s, 'made_for_the_test', '{}')", (task,))
        ((rows,),) = connection.execute(reading.as_json("SELECT id::text, kind FROM tasks"))
    assert json.loads(json.dumps(rows)) == [{"id": str(task), "kind": "made_for_the_test"}]


def test_a_record_that_cannot_be_read_has_no_event():
    good = {"ce_id": b"0190a3d0-0000-7000-8000-000000000000", "ce_version": b"2", "ce_sequence": b"0001"}
    assert reading.record_of("enquiry.events", 1, 2, b"key", good).version == 2
    for broken_header in ({"ce_id": b"no uuid"}, {"ce_version": b"two"}, {"ce_sequence": b""}):
        assert reading.record_of("enquiry.events", 1, 2, None, good | broken_header).event_id == ""
    assert reading.record_of("enquiry.events", 1, 2, b"\xff", {}).event_id == ""
