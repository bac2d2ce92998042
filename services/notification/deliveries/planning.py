"""Rows come: a delivery for each recipient and endpoint, or a place in one that is held for the same person.

Writes rows only; nothing is sent here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from services.notification import facts, tasks
from services.notification.contacts.endpoints import Endpoint
from services.notification.db import now
from services.notification.mails import LETTERS
from services.notification.mails.values import expiry_of
from shared import crypto, tracing, writes
from shared.events import Case
from shared.events.notification import Channel, Recipient

from . import CHANNEL, WAITING, Attempt, Delivery, State, ahead

_COLUMNS = [column.name for column in Delivery.__table__.columns]


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something is delivered: a fact of a case, or nothing but the time (a test, a failing endpoint)."""

    at: datetime
    case: Case | None = None
    event_id: UUID | None = None


def wake(session: Session) -> None:
    """Tell the delivery loops at commit that something is due. Only planning says so, never settling: a NOTIFY in every transaction would serialise commits."""
    writes.tell(session, f"SELECT pg_notify('{CHANNEL}', '')::text")


def plan_mail(
    session: Session,
    *,
    cause: Cause,
    recipient: Recipient,
    recipient_id: UUID | None,
    template: str,
    params: Mapping[str, Any],
    fold: timedelta = timedelta(0),
) -> Delivery:
    """A mail to a patient, an account or operations. A letter that may fold joins another to the same person of the same case within `fold`."""
    delivery = _new(session, cause, _Addressee(recipient=recipient, recipient_id=recipient_id), template, params)
    if LETTERS[template].folds:
        _fold(session, delivery, fold)
    _add(session, delivery)
    if delivery.state == State.FOLDED:
        _record_folded(session, delivery, cause)
    return delivery


def plan_alerts(session: Session, *, cause: Cause, hospital_id: UUID, template: str, params: Mapping[str, Any]) -> list[Delivery]:
    """The same to every usable endpoint of a hospital; where it has none, operations are told instead."""
    endpoints = ahead.endpoints_of(session, hospital_id)
    if not endpoints:
        told = {"reference": params.get("reference"), "hospital_id": str(hospital_id)}
        return [tell_operations(session, cause=cause, kind="hospital_unreachable", hospital_id=hospital_id, details=told)]
    return [plan_alert(session, cause=cause, endpoint=endpoint, template=template, params=params) for endpoint in endpoints]


def plan_alert(session: Session, *, cause: Cause, endpoint: Endpoint, template: str, params: Mapping[str, Any]) -> Delivery:
    """An alert to one endpoint. Never folded, never held back."""
    to = _Addressee(
        recipient=Recipient.HOSPITAL, recipient_id=endpoint.hospital_id, channel=Channel(endpoint.kind), endpoint_id=endpoint.id
    )
    delivery = _new(session, cause, to, template, params)
    _add(session, delivery)
    return delivery


def tell_operations(session: Session, *, cause: Cause, kind: str, hospital_id: UUID | None, details: Mapping[str, Any]) -> Delivery:
    """A row on the work list, and a mail that it is there."""
    case_id = cause.case.id if cause.case else None
    task = tasks.open_task(session, kind=kind, case_id=case_id, hospital_id=hospital_id, details=dict(details))
    params = {"kind": kind, "task_id": str(task.id), "reference": details.get("reference")}
    if hospital_id is not None:
        params["hospital_id"] = str(hospital_id)
    return plan_mail(session, cause=cause, recipient=Recipient.OPERATIONS, recipient_id=None, template="task", params=params)


@dataclass(frozen=True, kw_only=True)
class _Addressee:
    """To whom, and by which way."""

    recipient: Recipient
    recipient_id: UUID | None
    channel: Channel = Channel.EMAIL
    endpoint_id: UUID | None = None


def _new(session: Session, cause: Cause, to: _Addressee, template: str, params: Mapping[str, Any]) -> Delivery:
    unique = crypto.new_id()
    return Delivery(
        id=unique,
        message_id=unique,
        recipient=to.recipient,
        recipient_id=to.recipient_id,
        channel=to.channel,
        endpoint_id=to.endpoint_id,
        template=template,
        params=dict(params),
        traceparent=tracing.traceparent(),
        **_because_of(cause),
        **beginning(session, template, params),
    )


def _add(session: Session, delivery: Delivery) -> None:
    """Written with the other rows of its transaction; what the caller holds is no object of the session."""
    writes.add(session, Delivery, [{name: getattr(delivery, name) for name in _COLUMNS}])


def _because_of(cause: Cause) -> dict[str, Any]:
    case = cause.case
    named = {"case_id": case.id, "case_version": case.version, "patient_id": case.patient_id} if case else {}
    return {"event_id": cause.event_id, "event_at": cause.at, **named}


def beginning(session: Session, template: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """How every delivery begins: due now, and worth sending for as long as its letter lives, but no longer than the link in it."""
    began = now(session)
    lives, link_ends = began + LETTERS[template].lives, expiry_of(template, params)
    return {"state": State.PENDING, "due_at": began, "created_at": began, "expires_at": min(lives, link_ends or lives), "attempts": 0}


def _fold(session: Session, delivery: Delivery, window: timedelta) -> None:
    """The first leaves at once; within the window after it the second is held, and others join the second.

    The held row is locked: the loop that claims it and the fact that joins it exclude each other.
    """
    if delivery.case_id is None or ahead.is_first_to_fold(session, delivery.case_id):
        return
    same = (Delivery.case_id == delivery.case_id, Delivery.recipient_id == delivery.recipient_id, Delivery.template.in_(ahead.FOLDING))
    held = session.scalars(select(Delivery).where(*same, Delivery.state == State.HELD).order_by(Delivery.id).with_for_update()).first()
    if held is not None:
        delivery.state, delivery.folded_into, delivery.settled_at = State.FOLDED, held.id, delivery.due_at
        return
    last = session.scalars(select(func.max(Delivery.created_at)).where(*same, Delivery.state != State.FOLDED)).one()
    window_ends = last + window if last else delivery.due_at
    if window_ends > delivery.due_at:
        delivery.state, delivery.due_at = State.HELD, window_ends


def _record_folded(session: Session, delivery: Delivery, cause: Cause) -> None:
    assert cause.case is not None and cause.event_id is not None and delivery.settled_at is not None  # noqa: S101, PT018  # only mails of a case fold
    facts.record_settled(
        session,
        cause.case,
        delivery_id=delivery.id,
        event_id=cause.event_id,
        recipient=delivery.recipient,
        channel=delivery.channel,
        template=delivery.template,
        ending=delivery.state,
        at=delivery.settled_at,
        hospital_id=None,
    )


def release_waiting(session: Session, recipient_id: UUID) -> None:
    """The contact has arrived: what waits for it is due."""
    statement = update(Delivery).where(Delivery.recipient_id == recipient_id, Delivery.state == State.WAITING_CONTACT)
    if session.execute(statement.values(due_at=func.clock_timestamp()).returning(Delivery.id)).first():
        wake(session)


def forget_person(session: Session, person_id: UUID) -> None:
    """After the erasure of a patient or an account: what was still to be sent to them is not, and no reply that may quote them is kept."""
    theirs = or_(Delivery.patient_id == person_id, Delivery.recipient_id == person_id)
    # said on the row: whoever settles it at this moment has begun before we are committed, and sees of what we change this row alone
    session.execute(update(Delivery).where(theirs, Delivery.settled_at.is_(None)).values(forgotten_at=func.clock_timestamp()))
    session.execute(update(Attempt).where(Attempt.delivery_id.in_(select(Delivery.id).where(theirs))).values(reply=None))
    waiting = (Delivery.recipient_id == person_id, Delivery.state.in_(WAITING))
    session.execute(
        update(Delivery).where(*waiting).values(due_at=func.clock_timestamp())
    )  # the loop finds the contact erased and settles it
