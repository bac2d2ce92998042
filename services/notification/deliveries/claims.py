"""Rows go: what is due is claimed under a lease, fairly over endpoints, each with an attempt that is committed before anything is sent.

Never sends, and holds no transaction while others do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from . import State
from .schedules import HOSPITAL_IN_FLIGHT, IN_FLIGHT, LEASE_SECONDS

_LOCK = 7270964  # advisory, for the moment of a claim: two workers that claim at once could exceed what may be in flight


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A delivery in our hands until its lease ends. `attempts` counts this one, too."""

    id: UUID
    token: UUID
    attempts: int
    channel: str
    template: str
    params: dict[str, Any]
    recipient: str
    recipient_id: UUID | None
    endpoint_id: UUID | None
    message_id: UUID
    event_id: UUID | None
    event_at: datetime
    case_id: UUID | None
    case_version: int | None
    patient_id: UUID | None
    traceparent: str | None
    doubtful: bool  # an earlier attempt may have been accepted without our knowing
    failing: bool  # the last attempt at its endpoint failed


_COLUMNS = """
    d.id, d.token, d.attempts, d.channel, d.template, d.params, d.recipient, d.recipient_id, d.endpoint_id, d.message_id,
    d.event_id, d.event_at, d.case_id, d.case_version, d.patient_id, d.traceparent,
    d.attempts > 1 AND EXISTS (SELECT FROM attempts a WHERE a.delivery_id = d.id AND a.result = 'uncertain') AS doubtful,
    EXISTS (SELECT FROM endpoints e WHERE e.id = d.endpoint_id AND e.failures > 0) AS failing
"""
_WAITS = "d.state IN ('pending', 'waiting_contact', 'held', 'retrying') AND d.channel = :channel"
_DUE = f"""
    {_WAITS} AND d.due_at <= statement_timestamp() AND d.expires_at > statement_timestamp() AND NOT EXISTS (
        SELECT FROM holds h WHERE h.released_at IS NULL AND (
            (h.kind = 'channel' AND h.value = d.channel) OR (h.kind = 'template' AND h.value = d.template)
            OR (h.kind = 'hospital' AND d.recipient = 'hospital' AND h.value = d.recipient_id::text)
        )
    )
"""

# lanes: endpoints that have something waiting, found by hops over the index; of each at most as many as may still be in flight,
# and of all endpoints of a hospital together, too. Whoever has waited longest since its last turn comes first, and the first of every
# hospital before the second of any, so one hospital's backlog stands behind everybody's first. Endpoints that fail get no more than :failing
# together, behind their own hospital's others: several hospitals that hang leave connections to those that answer.
_CLAIM = text(
    f"""
    WITH RECURSIVE lanes (endpoint_id) AS (
        (SELECT d.endpoint_id FROM deliveries d WHERE {_WAITS} AND d.endpoint_id IS NOT NULL ORDER BY d.endpoint_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.endpoint_id FROM deliveries d WHERE {_WAITS} AND d.endpoint_id > lanes.endpoint_id ORDER BY d.endpoint_id LIMIT 1)
        FROM lanes WHERE lanes.endpoint_id IS NOT NULL
    ), flying AS (
        SELECT e.hospital_id, count(*) AS count FROM deliveries s JOIN endpoints e ON e.id = s.endpoint_id
        WHERE s.state = 'sending' AND s.channel = :channel GROUP BY e.hospital_id
    ), candidates AS (
        SELECT due.id, e.hospital_id, e.failures > 0 AS failing, row_number() OVER (PARTITION BY e.id ORDER BY due.due_at, due.id) AS turn, greatest(e.claimed_at, due.due_at) AS since
        FROM lanes
        JOIN endpoints e ON e.id = lanes.endpoint_id AND NOT e.paused AND e.disabled_at IS NULL AND e.deleted_at IS NULL
        CROSS JOIN LATERAL (
            SELECT d.id, d.due_at FROM deliveries d
            WHERE d.endpoint_id = e.id AND (e.proved_at IS NOT NULL OR d.template = 'endpoint_proof') AND {_DUE} ORDER BY d.due_at, d.id
            LIMIT greatest(0, {IN_FLIGHT} - (SELECT count(*) FROM deliveries s WHERE s.endpoint_id = e.id AND s.state = 'sending'))
        ) due
        UNION ALL
        (SELECT d.id, NULL, false, 1, d.due_at FROM deliveries d WHERE d.endpoint_id IS NULL AND {_DUE} ORDER BY d.due_at, d.id LIMIT :most)
    ), places AS (
        SELECT id, since, failing, hospital_id,
            CASE WHEN hospital_id IS NULL THEN 1 ELSE row_number() OVER (PARTITION BY hospital_id ORDER BY turn, failing, since, id) END AS place
        FROM candidates
    ), fair AS (
        SELECT id, place, since, failing, row_number() OVER (PARTITION BY failing ORDER BY place, since, id) AS rank FROM places LEFT JOIN flying USING (hospital_id)
        WHERE hospital_id IS NULL OR place <= {HOSPITAL_IN_FLIGHT} - coalesce(flying.count, 0)
    )
    UPDATE deliveries d
    SET state = 'sending', token = gen_random_uuid(), lease_until = clock_timestamp() + make_interval(secs => :lease), attempts = d.attempts + 1
    WHERE d.id IN (
        SELECT d.id FROM deliveries d JOIN fair c ON c.id = d.id WHERE {_WAITS} AND (NOT c.failing OR c.rank <= :failing)
        ORDER BY c.place, c.since, d.id LIMIT :most FOR UPDATE OF d SKIP LOCKED
    )
    RETURNING {_COLUMNS}
    """  # noqa: S608  # no value is put in, only texts of this module
)

_LOST = text(
    f"SELECT {_COLUMNS} FROM deliveries d WHERE d.state = 'sending' AND d.lease_until < statement_timestamp() ORDER BY d.id LIMIT :most FOR UPDATE OF d SKIP LOCKED"  # noqa: S608
)
_TURN = text(
    """
    UPDATE endpoints SET claimed_at = clock_timestamp()
    WHERE id IN (SELECT id FROM endpoints WHERE id = ANY(:ids) FOR UPDATE SKIP LOCKED)
    """
)


def claim_due(session: Session, *, channel: str, most: int, failing: int | None = None, lease: float = LEASE_SECONDS) -> list[Claimed]:
    """Take at most `most` due deliveries of a channel for `lease` seconds: two in flight per endpoint and four per hospital at most, those who waited longest first.

    At most `failing` of them (None: any number) are for endpoints whose last attempt failed.

    The caller begins an attempt for each (`begin_attempts`) or gives it back (`give_back`) in the same transaction.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    values = {"channel": channel, "most": most, "failing": most if failing is None else failing, "lease": lease}
    claimed = [Claimed(**row) for row in session.execute(_CLAIM, values).mappings()]
    lanes = sorted({one.endpoint_id for one in claimed if one.endpoint_id})
    if lanes:
        session.execute(_TURN, {"ids": lanes})
    return claimed


def begin_attempts(session: Session, claimed: Sequence[Claimed]) -> None:
    """Write "started" for each: if nothing more is heard of it, this is how we know that it may have gone."""
    values = {"ids": [one.id for one in claimed], "numbers": [one.attempts for one in claimed]}
    session.execute(
        text("INSERT INTO attempts (delivery_id, number) SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[]))"), values
    )


def give_back(session: Session, claimed: Sequence[Claimed], *, seconds: float) -> None:
    """Their contact is not here yet: wait for it, and look again after `seconds` in any case. No attempt was made."""
    session.execute(
        text(
            """
            UPDATE deliveries SET state = :state, token = NULL, lease_until = NULL, attempts = attempts - 1,
                due_at = clock_timestamp() + make_interval(secs => :seconds)
            WHERE token = ANY(:tokens)
            """
        ),
        {"state": State.WAITING_CONTACT, "seconds": seconds, "tokens": [one.token for one in claimed]},
    )


_TAKEN_BACK = text(
    """
    WITH back AS (
        UPDATE deliveries SET state = CASE WHEN attempts > 1 THEN 'retrying' ELSE 'pending' END, token = NULL, lease_until = NULL, attempts = attempts - 1
        WHERE token = ANY(:tokens) AND state = 'sending'
        RETURNING id, attempts + 1 AS number
    )
    DELETE FROM attempts a USING back WHERE a.delivery_id = back.id AND a.number = back.number
    """
)


def take_back(session: Session, claimed: Sequence[Claimed]) -> None:
    """Their attempts were written as started, but never begun, and will not be: due as before, for whoever comes first."""
    if claimed:
        session.execute(_TAKEN_BACK, {"tokens": [one.token for one in claimed]})


def lost_leases(session: Session, *, most: int) -> list[Claimed]:
    """Deliveries whose sender was not heard of within the lease, locked for the caller to settle."""
    return [Claimed(**row) for row in session.execute(_LOST, {"most": most}).mappings()]
