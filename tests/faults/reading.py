"""Rows of the invariants, read from where each station wrote them down: databases and topics.

`Query` runs one statement in one service's database and returns rows as mappings; `as_json` makes any statement fit for psql.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, TopicPartition
from psycopg.rows import dict_row

from tests.faults.invariants.rows import (
    Answer,
    Appointment,
    Arrival,
    Case,
    Claim,
    Delivery,
    Erased,
    Fact,
    Heard,
    Outcome,
    Record,
    Seen,
    Step,
)

Query = Callable[[str, str], list[dict[str, Any]]]  # (service, statement)
FACT_TOPICS = ("enquiry.events", "notification.events")
CONTACTS = "enquiry.patients"

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
        coalesce(extract(epoch FROM d.settled_at)::float, 0.0) AS at,
        EXISTS (SELECT FROM attempts a WHERE a.delivery_id = d.id AND a.result IS NOT NULL) AS tried,
        (SELECT coalesce(string_agg(DISTINCT a.reply, '; '), '') FROM attempts a WHERE a.delivery_id = d.id AND a.reply LIKE 'refused: %') AS refusals
    FROM deliveries d
"""
_STEPS = 'SELECT event_id::text, enquiry_id::text AS "case", subject, subject_id::text, act, state FROM history'
_APPOINTMENTS = """
    SELECT id::text, enquiry_id::text AS "case", resource_id::text AS resource, state,
        extract(epoch FROM starts_at)::float AS since, extract(epoch FROM ends_at)::float AS until FROM appointments
"""
_CLAIMS = """
    SELECT resource_id::text AS resource, appointment_id::text AS appointment, extract(epoch FROM lower(during))::float AS since,
        extract(epoch FROM upper(during))::float AS until, expires_at IS NULL AS firm FROM slot_claims
"""
# What is left of a person, by the name of what is not empty; ids, states and times stay.
_ERASED = """
    SELECT e.enquiry_id::text AS "case", e.patient_id::text AS patient, e.id::text AS erasure, e.state, array_remove(ARRAY[
        CASE WHEN num_nonnulls(p.email_hash, p.wrapped_key, p.sealed_contact, p.sealed_person) > 0 THEN 'the contact' END,
        CASE WHEN num_nonnulls(q.sealed_request, q.client_reference) > 0 THEN 'the request' END,
        CASE WHEN num_nonnulls(e.sealed_contact) > 0 THEN 'the address of the receipt' END,
        CASE WHEN EXISTS (SELECT FROM idempotency_keys k WHERE k.subject = q.id) THEN 'answers by Idempotency-Key' END,
        CASE WHEN EXISTS (SELECT FROM links l WHERE l.enquiry_id = q.id AND l.purpose <> 'erase') THEN 'links' END
    ], NULL) AS "left"
    FROM erasures e JOIN patients p ON p.id = e.patient_id JOIN enquiries q ON q.id = e.enquiry_id WHERE e.state <> 'requested'
"""
_FORGOTTEN = """
    SELECT p.id::text AS patient, array_remove(ARRAY[
        CASE WHEN num_nonnulls(p.wrapped_key, p.sealed) > 0 THEN 'notification: the contact' END,
        CASE WHEN EXISTS (SELECT FROM deliveries d WHERE d.recipient_id = p.id AND d.params ?| ARRAY['verify', 'case_link', 'link']) THEN 'notification: links' END,
        CASE WHEN EXISTS (SELECT FROM deliveries d JOIN attempts a ON a.delivery_id = d.id WHERE d.recipient_id = p.id AND a.reply IS NOT NULL) THEN 'notification: replies' END,
        CASE WHEN EXISTS (SELECT FROM withheld w WHERE w.patient_id = p.id) THEN 'notification: facts held back' END
    ], NULL) AS "left" FROM patients p WHERE p.erased
"""


def from_databases(query: Query) -> Seen:
    """All but answers, records and arrivals; outcomes as notification committed them."""
    return Seen(
        cases=[Case(**row) for row in query("enquiry", _CASES)],
        steps=[Step(**row) for row in query("enquiry", _STEPS)],
        appointments=[Appointment(**row) for row in query("enquiry", _APPOINTMENTS)],
        claims=[Claim(**row) for row in query("enquiry", _CLAIMS)],
        erased=_erased(query),
        facts=[Fact(**row) for service in ("enquiry", "notification") for row in query(service, _FACTS)],
        heard=[Heard(**row) for row in query("notification", _HEARD)],
        awaiting=[row["event_id"] for row in query("enquiry", "SELECT event_id::text FROM outbox_awaiting")],
        deliveries=[Delivery(**row) for row in query("notification", _DELIVERIES)],
        told=frozenset(row["id"] for row in query("enquiry", "SELECT delivery_id::text AS id FROM tellings")),
        accounts=frozenset(row["id"] for row in query("enquiry", "SELECT id::text FROM accounts")),
    )


def _erased(query: Query) -> list[Erased]:
    forgotten = {row["patient"]: row["left"] for row in query("notification", _FORGOTTEN)}
    not_heard = ["notification: everything"]
    return [Erased(**{**row, "left": (*row["left"], *forgotten.get(row["patient"], not_heard))}) for row in query("enquiry", _ERASED)]


def values_of(bootstrap: str, keys: Collection[str], *, prefix: str = "") -> dict[str, int]:
    """How many records with a value the log of contacts holds under these keys."""
    counts = dict.fromkeys(keys, 0)
    for one in _all_records(bootstrap, [prefix + CONTACTS]) if keys else ():
        if one.value is not None and (key := (one.key or b"").decode(errors="replace")) in counts:
            counts[key] += 1
    return counts


def from_topics(bootstrap: str, *, prefix: str = "", topics: Iterable[str] = FACT_TOPICS) -> tuple[list[Record], list[Outcome]]:
    """Every record of the fact topics, and notification's outcomes among them (each once): read from the beginning to the ends seen at the start."""
    records, outcomes = [], dict[str, Outcome]()
    for one in _all_records(bootstrap, [prefix + topic for topic in topics]):
        headers = dict(one.headers or ())
        record = record_of(one.topic.removeprefix(prefix), one.partition, one.offset, one.key, headers)
        records.append(record)
        if headers.get("ce_type", b"").startswith(b"outcome.recorded."):
            said = json.loads(one.value)
            outcomes[record.event_id] = Outcome(said["event_id"], said["planned"])
    return records, list(outcomes.values())


def _all_records(bootstrap: str, topics: Iterable[str]) -> Iterator[Any]:
    """Of these topics, from the beginning to the ends seen at the start."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, metrics_enabled=False)
    try:
        places = [TopicPartition(topic, one) for topic in topics for one in consumer.partitions_for_topic(topic) or ()]
        ends = consumer.end_offsets(places)
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        while any(consumer.position(place) < ends[place] for place in places):
            for polled in consumer.poll(timeout_ms=500, max_records=5000).values():
                yield from polled
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
    seen = from_databases(query)
    in_log = values_of(bootstrap, [key for one in seen.erased for key in (one.patient, one.erasure)], prefix=prefix)
    return replace(seen, answers=list(answers), records=records, outcomes=outcomes, arrivals=list(arrivals), in_log=in_log)


def by_psycopg(url_of: Callable[[str], str]) -> Query:
    """For databases that can be reached: `url_of("enquiry")`."""

    def query(service: str, statement: str) -> list[dict[str, Any]]:
        with psycopg.connect(url_of(service)) as connection:
            return connection.cursor(row_factory=dict_row).execute(statement).fetchall()

    return query


def as_json(statement: str) -> str:
    """The same rows as one JSON array: for `psql --tuples-only --no-align`."""
    return f"SELECT coalesce(json_agg(row_to_json(r)), '[]') FROM ({statement}) r"
