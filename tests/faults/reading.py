"""Rows of the invariants, read from where each station wrote them down: databases and topics.

`Query` runs one statement in one service's database and returns rows as mappings; `as_json` makes any statement fit for psql.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, TopicPartition
from psycopg.rows import dict_row

from tests.faults.invariants.rows import Answer, Arrival, Case, Delivery, Fact, Heard, Outcome, Record, Seen

Query = Callable[[str, str], list[dict[str, Any]]]  # (service, statement)
FACT_TOPICS = ("enquiry.events", "notification.events")

_CASES = """
    SELECT e.id::text, e.reference, coalesce(e.client_reference, '') AS key, e.version,
        (SELECT count(*) FROM invitations i WHERE i.enquiry_id = e.id) AS invitations,
        (SELECT count(*) FROM consents c WHERE c.enquiry_id = e.id) AS consents,
        (SELECT count(*) FROM patients p WHERE p.id = e.patient_id) AS patients
    FROM enquiries e
"""
_FACTS = """
    SELECT event_id::text, key::text AS "case", version, sequence, type, 'archive' AS "where" FROM outbox_archive
    UNION ALL SELECT event_id::text, key::text, version, sequence, type, 'outbox' FROM outbox WHERE topic LIKE '%.events'
"""
_HEARD = """
    SELECT event_id::text, outcome FROM inbox WHERE topic = 'enquiry.events'
    UNION ALL SELECT convert_from(decode(headers ->> 'ce_id', 'hex'), 'UTF8'), 'dead letter ' || state FROM dead_letters
    WHERE topic = 'enquiry.events' AND state = 'waiting' AND headers ? 'ce_id'
"""
_DELIVERIES = """
    SELECT d.id::text, coalesce(d.event_id::text, '') AS event_id, coalesce(d.case_id::text, '') AS "case", d.message_id::text, d.channel,
        d.recipient, d.template, d.state, concat_ws(' ', d.recipient_id, d.endpoint_id, d.params ->> 'kind') AS "to", coalesce(d.reason, '') AS reason,
        coalesce(d.folded_into::text, '') AS folded_into, coalesce(d.again_of::text, '') AS again_of,
        EXISTS (SELECT FROM attempts a WHERE a.delivery_id = d.id AND (a.result = 'uncertain' OR a.result IS NULL)) AS uncertain,
        d.template = 'task' AND d.params ->> 'kind' LIKE 'delivery_%' AS beside,
        coalesce(extract(epoch FROM d.settled_at)::float, 0.0) AS at
    FROM deliveries d
"""


def from_databases(query: Query) -> Seen:
    """All but answers, records and arrivals; outcomes as notification committed them."""
    return Seen(
        cases=[Case(**row) for row in query("enquiry", _CASES)],
        history={
            row["event_id"]: row["case"] for row in query("enquiry", 'SELECT event_id::text, enquiry_id::text AS "case" FROM history')
        },
        facts=[Fact(**row) for service in ("enquiry", "notification") for row in query(service, _FACTS)],
        heard=[Heard(**row) for row in query("notification", _HEARD)],
        awaiting=[row["event_id"] for row in query("enquiry", "SELECT event_id::text FROM outbox_awaiting")],
        deliveries=[Delivery(**row) for row in query("notification", _DELIVERIES)],
        told=frozenset(row["id"] for row in query("enquiry", "SELECT delivery_id::text AS id FROM tellings")),
        accounts=frozenset(row["id"] for row in query("enquiry", "SELECT id::text FROM accounts")),
    )


def from_topics(bootstrap: str, *, prefix: str = "", topics: Iterable[str] = FACT_TOPICS) -> tuple[list[Record], list[Outcome]]:
    """Every record of the fact topics, and notification's outcomes among them (each once): read from the beginning to the ends seen at the start."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, metrics_enabled=False)
    try:
        places = [TopicPartition(prefix + topic, one) for topic in topics for one in consumer.partitions_for_topic(prefix + topic) or ()]
        ends = consumer.end_offsets(places)
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        records, outcomes = [], dict[str, Outcome]()
        while any(consumer.position(place) < ends[place] for place in places):
            for place, polled in consumer.poll(timeout_ms=500, max_records=5000).items():
                for one in polled:
                    record = record_of(place.topic.removeprefix(prefix), place.partition, one.offset, one.key, dict(one.headers or ()))
                    records.append(record)
                    if dict(one.headers or ()).get("ce_type", b"").startswith(b"outcome.recorded."):
                        said = json.loads(one.value)
                        outcomes[record.event_id] = Outcome(said["event_id"], said["planned"])
        return records, list(outcomes.values())
    finally:
        consumer.close()


def record_of(topic: str, partition: int, offset: int, key: bytes | None, headers: Mapping[str, bytes]) -> Record:
    """A record as the invariants want it; one that cannot be read has no event."""
    here = Record(topic, partition, offset, (key or b"").decode(errors="replace"), "")
    try:
        event = str(UUID(headers["ce_id"].decode()))
        return replace(here, event_id=event, version=int(headers["ce_version"]), sequence=int(headers["ce_sequence"]))
    except (KeyError, ValueError):
        return here


def everything(query: Query, bootstrap: str, answers: Iterable[Answer], arrivals: Iterable[Arrival], *, prefix: str = "") -> Seen:
    """What `invariants.check` wants, read when everything has come to rest."""
    records, outcomes = from_topics(bootstrap, prefix=prefix)
    return replace(from_databases(query), answers=list(answers), records=records, outcomes=outcomes, arrivals=list(arrivals))


def by_psycopg(url_of: Callable[[str], str]) -> Query:
    """For databases that can be reached: `url_of("enquiry")`."""

    def query(service: str, statement: str) -> list[dict[str, Any]]:
        with psycopg.connect(url_of(service)) as connection:
            return connection.cursor(row_factory=dict_row).execute(statement).fetchall()

    return query


def as_json(statement: str) -> str:
    """The same rows as one JSON array: for `psql --tuples-only --no-align`."""
    return f"SELECT coalesce(json_agg(row_to_json(r)), '[]') FROM ({statement}) r"
