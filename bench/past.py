"""The past: rows of a service that has run for a year, as retention leaves them, in a database of which the newest rows are yet to come.

Facts that were published (30 days), facts that were heard (45 days), letters that were settled (90 days), cases that have ended (they stay), each with a quote and an appointment; those of the last month are yet to come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psycopg

HOSPITAL_WITH_A_PAST = UUID("8729d9ff87b4cd1b7ad7b89dabd23189")  # one of 50: md5 of `hospital1`
_FUNCTIONS = (
    """
    CREATE FUNCTION pg_temp.ago(number bigint, count bigint, days double precision) RETURNS timestamptz LANGUAGE sql STABLE
    RETURN ':now'::timestamptz - make_interval(secs => 3600 + 86400 * days * (count - number) / count)
    """,
    """
    CREATE FUNCTION pg_temp.id(kind text, number bigint, at timestamptz) RETURNS uuid LANGUAGE sql STABLE -- ordered by time, as ours (RFC 9562, version 7)
    RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(md5(kind || number), 3) || '8' || right(md5(kind || number), 15))::uuid
    """,
)
_ENQUIRY = (
    """
    SELECT outbox_make_partition((now() - make_interval(days => days))::date) FROM generate_series(0, 31) AS days
    """,
    """
    INSERT INTO outbox_archive (id, event_id, topic, key, type, version, sequence, recorded_at, headers, value, partition, "offset", acked_at)
    SELECT -number, pg_temp.id('event', number, at), 'enquiry.events', pg_temp.id('case', number / 4, at), 'invitation.viewed.v1', number % 4 + 1, 0, at,
        jsonb_build_object('ce_id', pg_temp.id('event', number, at), 'ce_type', 'invitation.viewed.v1', 'ce_source', '/enquiry', 'ce_time', at), decode(repeat('ab', 150), 'hex'),
        number % 12, number / 12, at
    FROM generate_series(1, :archived) AS number, LATERAL (SELECT pg_temp.ago(number, :archived, 29.5) AS at) AS past
    """,
    """
    INSERT INTO patients (id, version, email_hash, wrapped_key, sealed_contact, sealed_person, created_at)
    SELECT pg_temp.id('patient', number, at), 1, decode(md5('mail' || number), 'hex'), decode(repeat('ab', 66), 'hex'), decode(repeat('ab', 130), 'hex'), decode(repeat('ab', 160), 'hex'), at
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    INSERT INTO enquiries (id, reference, version, revision, state, patient_id, procedure_id, procedure_slug, destination, wants, hospital_ids, language, sealed_request, created_at,
        verified_at, promised_at, ended_at)
    SELECT pg_temp.id('case', number, at), 'PAST-' || number, 4, 1, 'withdrawn', pg_temp.id('patient', number, at), gen_random_uuid(), 'intrathecal-baclofen-therapy', 'TR', '["quote"]', '[]', 'en',
        decode(repeat('ab', 200), 'hex'), at, at, at, at + interval '3 days'
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    INSERT INTO consents (id, enquiry_id, patient_id, hospital_id, purpose, text_version, sha256, language, given_at)
    SELECT pg_temp.id('consent' || twice, number, at), pg_temp.id('case', number, at), pg_temp.id('patient', number, at), CASE twice WHEN 2 THEN gen_random_uuid() END,
        CASE twice WHEN 1 THEN 'health_data' ELSE 'share_case_with_hospital' END, 1, repeat('a', 64), 'en', at
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past, generate_series(1, 2) AS twice
    """,
    """
    INSERT INTO history (id, enquiry_id, event_id, subject, subject_id, act, state, actor_kind, actor_id, channel, at)
    SELECT pg_temp.id('history' || thrice, number, at), pg_temp.id('case', number, at), pg_temp.id('event' || thrice, number, at), 'enquiry', pg_temp.id('case', number, at), 'withdraw',
        'withdrawn', 'patient', '', 'web', at
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past, generate_series(1, 3) AS thrice
    """,
    """
    INSERT INTO invitations (id, enquiry_id, hospital_id, revision, state, sent_at, answer_due, lapses_at, ended_at)
    SELECT pg_temp.id('invitation', number, at), pg_temp.id('case', number, at), md5('hospital' || number % 50)::uuid, 1, 'revoked', at, at, at, at
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    INSERT INTO resources (id, hospital_id, revision, kind, name, slot_minutes, lead_minutes, buffer_minutes, late_minutes, instant, hours, exceptions)
    SELECT md5('resource' || number)::uuid, md5('hospital' || number % 50)::uuid, 1, 'doctor', 'Dr. ' || number, 30, 1440, 0, 2880, false,
        (SELECT jsonb_agg(jsonb_build_object('weekday', day, 'opens', '09:00', 'closes', '17:00')) FROM generate_series(1, 5) AS day), '[]'
    FROM generate_series(0, 1999) AS number
    """,
    """
    INSERT INTO appointments (id, enquiry_id, invitation_id, hospital_id, resource_id, revision, state, kind, mode, companions, starts_at, ends_at, timezone, local_start, late_from, sequence,
        created_at, confirmed_at, outcome, ended_at)
    SELECT pg_temp.id('appointment', number, at), pg_temp.id('case', number, at), pg_temp.id('invitation', number, at), md5('hospital' || number % 50)::uuid, md5('resource' || number % 2000)::uuid,
        3, 'completed', 'assessment', 'on_site', 1, at + interval '20 days', at + interval '20 days 30 minutes', 'Europe/Istanbul', '2026-01-12T09:00', at + interval '18 days', 0,
        at, at, 'successful', at + interval '20 days'
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    UPDATE appointments SET state = 'confirmed', outcome = NULL, ended_at = NULL, starts_at = soon, ends_at = soon + interval '30 minutes'
    FROM (
        SELECT pg_temp.id('appointment', number, at) AS mine, date_trunc('day', now()) + interval '1 day' + (number / 2000 - :enquiries * 11 / 12 / 2000) * interval '30 minutes' AS soon
        FROM generate_series(:enquiries * 11 / 12, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    ) AS coming WHERE id = mine
    """,
    """
    INSERT INTO slot_claims (id, resource_id, appointment_id, during)
    SELECT gen_random_uuid(), resource_id, id, tstzrange(starts_at, ends_at) FROM appointments WHERE state = 'confirmed'
    """,
    """
    INSERT INTO quotes (id, enquiry_id, invitation_id, hospital_id, number, revision, state, sealed_terms, implausible, valid_until, extended, created_at, issued_at, ended_at)
    SELECT pg_temp.id('quote', number, at), pg_temp.id('case', number, at), pg_temp.id('invitation', number, at), md5('hospital' || number % 50)::uuid, 1, 2, 'expired',
        decode(repeat('ab', 400), 'hex'), false, at + interval '30 days', false, at, at, at + interval '30 days'
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    INSERT INTO tellings (delivery_id, enquiry_id, event_id, recipient, channel, template, ending, at)
    SELECT pg_temp.id('delivery', number, at), pg_temp.id('case', number, at), pg_temp.id('event1', number, at), 'patient', 'email', 'verify_address', 'accepted', at
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    INSERT INTO links (id, purpose, enquiry_id, expires_at, issued_at) -- those of the last month
    SELECT pg_temp.id('link', number, at), 'verify', pg_temp.id('case', number, at), at + interval '3 days', at
    FROM generate_series(:enquiries * 11 / 12, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
    """
    INSERT INTO idempotency_keys (caller, key, fingerprint, status, headers, sealed_body, subject, created_at) -- those of the last week
    SELECT 'anonymous', 'past-' || number, decode(repeat('ab', 32), 'hex'), 201, '{}', decode(repeat('ab', 420), 'hex'), pg_temp.id('case', number, at), at
    FROM generate_series(:enquiries * 358 / 365, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
)
_NOTIFICATION = (
    """
    INSERT INTO inbox (consumer, event_id, type, outcome, topic, partition, "offset", received_at)
    SELECT 'notification', pg_temp.id('event', number, at), 'invitation.viewed.v1', 'handled', 'enquiry.events', number % 12, number / 12, at
    FROM generate_series(1, :archived) AS number, LATERAL (SELECT pg_temp.ago(number, :archived, 44.5) AS at) AS past
    """,
    """
    INSERT INTO deliveries (id, event_id, event_at, case_id, case_version, patient_id, recipient, recipient_id, channel, template, params, message_id, state, due_at, expires_at, attempts, created_at,
        settled_at)
    SELECT pg_temp.id('delivery', number, at), pg_temp.id('event', number, at), at, pg_temp.id('case', number / 4, at), 1, pg_temp.id('patient', number / 4, at), 'patient',
        pg_temp.id('patient', number / 4, at), 'email', 'verify_address', '{"reference": "K7QF-2M9X-4TBD"}', pg_temp.id('message', number, at), 'accepted', at, at + interval '1 day', 1, at, at
    FROM generate_series(1, :archived) AS number, LATERAL (SELECT pg_temp.ago(number, :archived, 89.5) AS at) AS past
    """,
    """
    INSERT INTO attempts (delivery_id, number, started_at, finished_at, result, status, reply)
    SELECT pg_temp.id('delivery', number, at), 1, at, at, 'accepted', 250, '250 ok'
    FROM generate_series(1, :archived) AS number, LATERAL (SELECT pg_temp.ago(number, :archived, 89.5) AS at) AS past
    """,
    """
    INSERT INTO patients (id, version, wrapped_key, sealed)
    SELECT pg_temp.id('patient', number, at), 1, decode(repeat('ab', 66), 'hex'), decode(repeat('ab', 130), 'hex')
    FROM generate_series(1, :enquiries) AS number, LATERAL (SELECT pg_temp.ago(number, :enquiries, 365) AS at) AS past
    """,
)
_STATEMENTS: Mapping[str, tuple[str, ...]] = {"enquiry": _ENQUIRY, "notification": _NOTIFICATION}


@dataclass(frozen=True)
class Past:
    """How many facts were published, were heard, and letters settled; how many cases there were; how many procedures and hospitals the catalog has."""

    archived: int = 10_000_000
    enquiries: int = 1_000_000
    things: int = 100_000

    @classmethod
    def part(cls, share: float) -> "Past":
        return cls(*(max(20, round(whole * share)) for whole in (cls.archived, cls.enquiries, cls.things)))

    def __str__(self) -> str:
        return f"{self.archived:,} archived rows of each kind, {self.enquiries:,} enquiries with a quote and an appointment each, {self.things:,} procedures and hospitals each"

    def fill(self, service: str, url: str) -> None:
        """Indexes are made when all is in, and nothing is left for autovacuum to do while something is measured."""
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in ("synchronous_commit = off", "session_replication_role = replica", "maintenance_work_mem = '256MB'"):
                connection.execute(f"SET {setting}")
            for statement in _FUNCTIONS:
                connection.execute(statement.replace(":now", datetime.now(UTC).isoformat()).encode())
            tables = [statement.split("INSERT INTO ")[1].split()[0] for statement in _STATEMENTS[service] if "INSERT INTO " in statement]
            indexes = connection.execute(_INDEXES, [tables]).fetchall()
            for name, _ in indexes:
                connection.execute(f'DROP INDEX "{name}"')
            for statement in _STATEMENTS[service]:
                connection.execute(statement.replace(":archived", str(self.archived)).replace(":enquiries", str(self.enquiries)).encode())
            for _, definition in indexes:
                connection.execute(definition.replace(" ON ONLY ", " ON ").encode())  # of every part of a table, too
            connection.execute("VACUUM (FREEZE, ANALYZE)")
            connection.execute("CHECKPOINT")


# those that no constraint stands on, and of a table in parts only the whole's
_INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i
    WHERE i.indrelid::regclass::text = ANY(%s) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
"""
