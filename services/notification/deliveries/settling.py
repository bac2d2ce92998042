"""How attempts ended: states, endpoints that fail, addresses that are refused, and the fact that a delivery is settled, in one transaction.

A result under an old token hits no row: whoever was given up cannot change anything.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from services.notification import facts
from services.notification.channels import Result, Sent
from services.notification.contacts import endpoints
from services.notification.contacts.endpoints import Endpoint
from services.notification.db import now, told_now
from services.notification.mails import LETTERS
from services.notification.settings import Settings
from shared import log, metrics
from shared.events import Case
from shared.events.notification import Channel, Recipient

from . import ENDED, Delivery, State
from .claims import Claimed
from .planning import Cause, tell_operations, wake
from .schedules import Verdict, verdict

logger = log.get(__name__)

_QUIET = {"verify_address", "sign_in"}  # nobody at operations needs to know that a stranger mistyped an address


@dataclass(frozen=True)
class Outcome:
    """One attempt and what came of it. `address_hash`: of the mail address it went to. `ours`: a fault of ours, not to be held against an endpoint.

    `seconds`: how long it took.
    """

    claimed: Claimed
    sent: Sent
    address_hash: bytes | None = None
    ours: bool = False
    seconds: float = 0.0


_SETTLE = text(
    """
    WITH v AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json))
            AS v (id uuid, token uuid, state text, wait float, reason text, number integer, result text, status integer, reply text)
    ), settled AS (
        UPDATE deliveries d
        SET state = v.state, reason = v.reason, token = NULL, lease_until = NULL,
            due_at = CASE WHEN v.state = 'retrying' THEN clock_timestamp() + make_interval(secs => v.wait) ELSE d.due_at END,
            settled_at = CASE WHEN v.state = 'retrying' THEN NULL ELSE clock_timestamp() END
        FROM v WHERE d.id = v.id AND d.token = v.token AND d.state = 'sending'
        RETURNING d.id, d.patient_id, d.recipient_id, d.endpoint_id, d.forgotten_at
    ), finished AS (
        UPDATE attempts a SET finished_at = clock_timestamp(), result = v.result, status = v.status, reply = CASE WHEN s.forgotten_at IS NOT NULL OR EXISTS (
            SELECT FROM (SELECT id FROM patients WHERE erased UNION ALL SELECT id FROM accounts WHERE erased) gone
            WHERE gone.id IN (s.patient_id, s.recipient_id)
        ) THEN NULL ELSE v.reply END
        FROM v JOIN settled s USING (id) WHERE a.delivery_id = v.id AND a.number = v.number
    )
    SELECT s.id, nextval('fact_numbers') AS number, clock_timestamp() AS at, EXISTS (SELECT FROM endpoints e WHERE e.id = s.endpoint_id AND e.failures > 0) AS failing FROM settled s
    """
)


def settle(session: Session, settings: Settings, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write what came of attempts; returns those that were still ours."""
    if not outcomes:
        return []
    verdicts = {one.claimed.id: _verdict(settings, one) for one in outcomes}
    rows = _settle_rows(session, outcomes, verdicts)
    live = [one for one in outcomes if one.claimed.id in rows]
    facts.drawn_ahead(session, [row.number for row in rows.values()])
    for row in rows.values():
        told_now(session, row.at)
    for one in live:
        _measure(one, rows[one.claimed.id].at)
        _record(session, one.claimed, verdicts[one.claimed.id].state)
        if one.sent.result is Result.REFUSED and one.address_hash is not None:
            person_id = one.claimed.recipient_id if one.claimed.recipient in {Recipient.PATIENT, Recipient.ACCOUNT} else None
            endpoints.suppress(session, one.address_hash, reason="refused by the mail server", person_id=person_id)
        _tell_of_ending(session, one.claimed, verdicts[one.claimed.id])
    _account_endpoints(session, settings, live, failing={one.claimed.endpoint_id for one in live if rows[one.claimed.id].failing})
    return live


def _verdict(settings: Settings, one: Outcome) -> Verdict:
    claimed = one.claimed
    return verdict(
        settings,
        channel=claimed.channel,
        template=claimed.template,
        attempts=claimed.attempts,
        sent=one.sent,
        doubtful=claimed.doubtful,
    )


def _settle_rows(session: Session, outcomes: Sequence[Outcome], verdicts: Mapping[UUID, Verdict]) -> dict[UUID, Row[Any]]:
    """Of those that were still ours, by id: a number for the fact, the time, and whether failures of its endpoint are counted."""
    rows = []
    for one in outcomes:
        claimed, found, sent = one.claimed, verdicts[one.claimed.id], one.sent
        written = {"id": claimed.id, "token": claimed.token, "state": found.state, "wait": found.wait, "reason": found.reason}
        rows.append({**written, "number": claimed.attempts, "result": sent.result, "status": sent.status, "reply": sent.reply})
    return {row.id: row for row in session.execute(_SETTLE, {"rows": orjson.dumps(rows).decode()})}


def _measure(one: Outcome, at: datetime) -> None:
    """How long a fact took until a patient or a hospital was told; not where it may fold, was sent again by somebody, or was not taken at first."""
    claimed = one.claimed
    metrics.delivery_attempts.labels(claimed.channel, one.sent.result).inc()
    at_first = one.sent.result is Result.ACCEPTED and claimed.attempts == 1 and claimed.message_id == claimed.id
    promised = claimed.event_id is not None and claimed.recipient != Recipient.OPERATIONS and not LETTERS[claimed.template].folds
    if at_first and promised:
        metrics.commit_to_delivery_seconds.labels(claimed.channel).observe((at - claimed.event_at).total_seconds())


def _record(session: Session, claimed: Claimed, state: str) -> None:
    """The fact that it is settled, where it is, and where a fact caused it."""
    if state not in ENDED:
        return
    metrics.deliveries.labels(claimed.channel, state).inc()
    record_ending(session, claimed, state)


def record_ending(session: Session, row: Claimed | Delivery, state: str) -> None:
    """DeliverySettled of a delivery that a fact caused; of others (a test) nobody needs to hear."""
    if row.case_id is None or row.event_id is None or row.case_version is None:
        return
    facts.record_settled(
        session,
        facts.case_of(session, row.case_id, version=row.case_version, patient_id=row.patient_id),
        delivery_id=row.id,
        event_id=row.event_id,
        recipient=row.recipient,
        channel=row.channel,
        template=row.template,
        ending=state,
        at=now(session),
        hospital_id=row.recipient_id if row.recipient == Recipient.HOSPITAL else None,
    )


def _tell_of_ending(session: Session, claimed: Claimed, found: Verdict) -> None:
    """Operations hear of mails to people that failed or may have arrived; endpoints are told of by their own record."""
    if claimed.recipient in {Recipient.OPERATIONS, Recipient.HOSPITAL} or claimed.template in _QUIET:
        return
    if found.state in {State.UNCERTAIN, State.FAILED}:
        details = {"reference": claimed.params.get("reference"), "delivery_id": str(claimed.id), "template": claimed.template}
        tell_operations(session, cause=_cause(claimed, session), kind=f"delivery_{found.state}", hospital_id=None, details=details)
        wake(session)


def _cause(claimed: Claimed, session: Session) -> Cause:
    if claimed.case_id is None or claimed.case_version is None:
        return Cause(at=claimed.event_at)
    case: Case = facts.case_of(session, claimed.case_id, version=claimed.case_version, patient_id=claimed.patient_id)
    return Cause(at=claimed.event_at, case=case, event_id=claimed.event_id)


# -- endpoints that fail ------------------------------------------------------

_FAILED = text(
    """
    UPDATE endpoints SET failures = failures + :count, first_failure_at = coalesce(first_failure_at, clock_timestamp())
    WHERE id = :id
    RETURNING failures, extract(epoch FROM clock_timestamp() - first_failure_at) AS failing_for, told_at IS NOT NULL AS told
    """
)


def _account_endpoints(session: Session, settings: Settings, outcomes: Sequence[Outcome], *, failing: Collection[UUID | None]) -> None:
    """Failures first, under the hospital's lock, then successes: the order in which locks are taken everywhere."""
    at_endpoints = [one for one in outcomes if one.claimed.endpoint_id is not None]
    bad = [one for one in at_endpoints if one.sent.result not in {Result.ACCEPTED, Result.UNCERTAIN} and not one.ours]
    for one in sorted(bad, key=lambda one: (str(one.claimed.recipient_id), str(one.claimed.endpoint_id))):
        _account_failure(session, settings, one)
    counted = {*failing, *(one.claimed.endpoint_id for one in bad)}
    good = {one.claimed.endpoint_id for one in at_endpoints if one.sent.result is Result.ACCEPTED} & counted
    if good:
        query = select(Endpoint.id).where(Endpoint.id.in_(good), Endpoint.failures > 0).order_by(Endpoint.id).with_for_update()
        mended = session.scalars(query).all()
        if mended:
            values = {"failures": 0, "first_failure_at": None, "told_at": None}
            session.execute(update(Endpoint).where(Endpoint.id.in_(mended)).values(**values))


def _account_failure(session: Session, settings: Settings, one: Outcome) -> None:
    """Disabled at once where it says that it is gone or its address is refused, else after a time and a number of failures in a row; operations told earlier."""
    endpoint_id, hospital_id = one.claimed.endpoint_id, one.claimed.recipient_id
    assert endpoint_id is not None and hospital_id is not None  # noqa: S101, PT018
    with endpoints.changing(session, hospital_id):
        row = session.execute(_FAILED, {"id": endpoint_id, "count": 1}).one()
    failing_for = timedelta(seconds=float(row.failing_for))
    because = _reason_to_disable(settings, one.sent.result, row.failures, failing_for)
    if because is not None:
        if endpoints.disable(session, endpoint_id, because=because) is not None:
            _tell_of_endpoint(session, one.claimed, "endpoint_disabled", because)
    elif failing_for >= settings.failing_told_after and not row.told:
        session.execute(update(Endpoint).where(Endpoint.id == endpoint_id).values(told_at=now(session)))
        _tell_of_endpoint(session, one.claimed, "endpoint_failing", f"failing for {failing_for / timedelta(minutes=1):.0f} minutes")


def _reason_to_disable(settings: Settings, result: Result, failures: int, failing_for: timedelta) -> str | None:
    if result is Result.GONE:
        return "it answered 410 Gone"
    if result is Result.REFUSED:
        return "the mail server refuses the address"
    if failures >= settings.disabled_after_failures and failing_for >= settings.disabled_after:
        return f"{failures} failures in a row over {failing_for / timedelta(days=1):.0f} days"
    return None


def _tell_of_endpoint(session: Session, claimed: Claimed, kind: str, because: str) -> None:
    details = {"endpoint_id": str(claimed.endpoint_id), "hospital_id": str(claimed.recipient_id), "because": because}
    tell_operations(session, cause=Cause(at=now(session)), kind=kind, hospital_id=claimed.recipient_id, details=details)
    logger.warning(kind, endpoint_id=str(claimed.endpoint_id), because=because)
    wake(session)


# -- what ends without an attempt ---------------------------------------------

_EXPIRED = text(
    """
    SELECT d.id FROM deliveries d
    WHERE d.state IN ('pending', 'waiting_contact', 'held', 'retrying') AND d.expires_at <= statement_timestamp() AND NOT EXISTS (
        SELECT FROM holds h WHERE h.released_at IS NULL AND (
            (h.kind = 'channel' AND h.value = d.channel) OR (h.kind = 'template' AND h.value = d.template)
            OR (h.kind = 'hospital' AND d.recipient = 'hospital' AND h.value = d.recipient_id::text)
        )
    )
    ORDER BY d.expires_at LIMIT :most FOR UPDATE OF d SKIP LOCKED
    """
)
_WITHOUT_ENDPOINT = text(
    """
    SELECT d.id FROM endpoints e JOIN deliveries d ON d.endpoint_id = e.id
    WHERE (e.disabled_at IS NOT NULL OR e.deleted_at IS NOT NULL) AND d.state IN ('pending', 'waiting_contact', 'held', 'retrying')
    ORDER BY d.id LIMIT :most FOR UPDATE OF d SKIP LOCKED
    """
)


def end_overdue(session: Session, *, most: int = 200) -> int:
    """Settle what is not worth sending any more, and what has nowhere to go; returns how many. Held ones are left alone."""
    expired = list(session.scalars(_EXPIRED, {"most": most}))
    homeless = list(session.scalars(_WITHOUT_ENDPOINT, {"most": most}))
    _end(session, expired, State.EXPIRED, "its time is over")
    _end(session, set(homeless) - set(expired), State.DISABLED, "the endpoint is disabled or gone")
    return len(expired) + len(homeless)


def _end(session: Session, ids: Iterable[UUID], state: State, reason: str) -> None:
    wanted = list(ids)
    if not wanted:
        return
    for row in session.scalars(select(Delivery).where(Delivery.id.in_(wanted)).order_by(Delivery.id)):
        row.state, row.reason, row.settled_at = state, reason, now(session)
        metrics.deliveries.labels(row.channel, state).inc()
        record_ending(session, row, state)


def end_claimed(session: Session, claimed: Sequence[Claimed], *, state: State, reason: str) -> None:
    """Settle claimed deliveries without an attempt: suppressed, erased. To be called in the transaction of the claim."""
    for one in claimed:
        values = {"state": state, "reason": reason, "token": None, "lease_until": None, "settled_at": now(session)}
        session.execute(update(Delivery).where(Delivery.id == one.id).values(**values, attempts=Delivery.attempts - 1))
        _record(session, one, state)


def end_erased(session: Session, claimed: Sequence[Claimed]) -> None:
    """Settle claimed deliveries to somebody who was erased; what told of them late brought links, which are not kept, nor those of what joined them."""
    end_claimed(session, claimed, state=State.SUPPRESSED, reason="the contact was erased")
    if claimed:
        session.execute(_FORGET_LINKS, {"ids": [one.id for one in claimed]})


_FORGET_LINKS = text(
    "UPDATE deliveries SET params = params - 'verify' - 'case_link' - 'link' WHERE id = ANY(:ids) OR folded_into = ANY(:ids)"
)


def lost(claimed: Claimed) -> Outcome:
    """A lease ran out and nothing was heard: a mail may have gone, a webhook is simply sent again under its id."""
    result = Result.UNCERTAIN if claimed.channel == Channel.EMAIL else Result.TEMPORARY
    return Outcome(claimed, Sent(result, reply="the sender was not heard of within the lease"), ours=True)
