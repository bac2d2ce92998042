"""What owners and operations see of deliveries, and sending one again.

Never sends: a resend is a new row with the same message id.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from services.notification.contacts.endpoints import Endpoint
from shared import crypto, db
from shared.problems import Conflict, Invalid, NotFound, TooManyRequests, field_error

from . import ENDED, Attempt, Delivery, State
from .planning import beginning, wake

MOST_REPLAYED = 1000
AGAIN_SPAN = timedelta(days=1)
_ABOUT_ITSELF = {"endpoint_test", "endpoint_proof"}  # nothing that a hospital could have missed


def deliveries_page(
    session: Session,
    *,
    after: UUID | None,
    limit: int,
    hospital_id: UUID | None = None,
    states: list[str] | None = None,
    endpoint_id: UUID | None = None,
    since: datetime | None = None,
    undecided: bool = False,
) -> list[Delivery]:
    """Newest first, one more than `limit`; a hospital's own where one is named. `undecided`: uncertain ones that wait for a person."""
    query: Select[Any] = select(Delivery)
    if hospital_id is not None:
        query = query.where(Delivery.recipient == "hospital", Delivery.recipient_id == hospital_id)
    if states:
        query = query.where(Delivery.state.in_(states))
    if undecided:
        query = query.where(Delivery.state == State.UNCERTAIN, Delivery.decided_at.is_(None))
    if endpoint_id is not None:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    if since is not None:
        query = query.where(Delivery.created_at >= since)
    return list(session.scalars(db.newest_first(query, Delivery.id, after=after, limit=limit)))


def find_delivery(session: Session, delivery_id: UUID, *, hospital_id: UUID | None = None) -> Delivery:
    """Raises NotFound, also for another hospital's."""
    found = session.get(Delivery, delivery_id)
    if found is None or (hospital_id is not None and (found.recipient, found.recipient_id) != ("hospital", hospital_id)):
        raise NotFound("not-found")
    return found


def attempts_of(session: Session, delivery_id: UUID) -> list[Attempt]:
    """Every attempt, in order."""
    return list(session.scalars(select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number)))


def resend(session: Session, delivery: Delivery) -> Delivery:
    """Once more, as a new delivery with the same message id. Raises Conflict(delivery-not-resendable) unless it has ended and its link still works."""
    if delivery.state not in ENDED or delivery.state == State.FOLDED:
        raise Conflict("delivery-not-resendable", state=delivery.state)
    if delivery.template == "endpoint_proof":
        raise Conflict(
            "delivery-not-resendable", state=delivery.state, reason="a new link is asked for at its endpoint: it has a limit of its own"
        )
    endpoint = session.get(Endpoint, delivery.endpoint_id) if delivery.endpoint_id else None
    if endpoint is not None:
        require_proved(endpoint)
    again = _copy(session, delivery)
    if again.expires_at <= again.created_at:
        raise Conflict("delivery-not-resendable", state=delivery.state, reason="the link in it has ended")
    if delivery.state == State.UNCERTAIN:
        delivery.decided_at = again.created_at
    wake(session)
    return again


def leave(session: Session, delivery: Delivery) -> None:
    """An uncertain delivery stays as it is, and waits for no decision any more. Raises Conflict where there is nothing to decide."""
    if delivery.state != State.UNCERTAIN or delivery.decided_at is not None:
        raise Conflict("invalid-transition", state=delivery.state, possible=[])
    delivery.decided_at = session.scalars(select(func.clock_timestamp())).one()


def replay_span(session: Session, *, endpoint_id: UUID, since: datetime, until: datetime) -> list[Delivery]:
    """Everything that was for an endpoint in a span of time, oldest first. Raises Invalid where that is more than MOST_REPLAYED."""
    ended = (Delivery.endpoint_id == endpoint_id, Delivery.state.in_(ENDED), Delivery.again_of.is_(None))
    query = select(Delivery).where(*ended, Delivery.created_at >= since, Delivery.created_at < until)
    found = session.scalars(query.order_by(Delivery.id).limit(MOST_REPLAYED + 1)).all()
    if len(found) > MOST_REPLAYED:
        raise Invalid("invalid", errors=[field_error("until", f"the span holds more than {MOST_REPLAYED} deliveries")])
    made = [_copy(session, one) for one in found if one.template not in _ABOUT_ITSELF]
    wake(session)
    return made


def require_proved(endpoint: Endpoint) -> None:
    """What was for an address before it changed is not for one that nobody has proved. Raises Conflict(invalid-transition)."""
    if endpoint.proved_at is None:
        raise Conflict("invalid-transition", state="unproved", possible=["prove"])


def count_again(session: Session, *, hospital_id: UUID, channel: str, most: int) -> None:
    """After copies were planned: a hospital has at most `most` a day by a channel, whoever of it asks. Raises TooManyRequests: nothing is planned."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7270966))"), {"name": f"{hospital_id} {channel}"})
    since = session.scalars(select(func.clock_timestamp())).one() - AGAIN_SPAN
    mine = (Delivery.recipient == "hospital", Delivery.recipient_id == hospital_id, Delivery.channel == channel)
    copies = (Delivery.again_of.is_not(None), Delivery.created_at > since)
    count, oldest = session.execute(select(func.count(), func.min(Delivery.created_at)).where(*mine, *copies)).one()
    if count > most:
        raise TooManyRequests("too-many-requests", retry_after=max(1, int((oldest - since).total_seconds())), limit=most)


_SAME = (
    "event_id", "event_at", "case_id", "case_version", "patient_id", "recipient", "recipient_id", "endpoint_id", "channel", "template", "params",
    "message_id", "traceparent",
)  # fmt: skip


def _copy(session: Session, delivery: Delivery) -> Delivery:
    same = {name: getattr(delivery, name) for name in _SAME}
    made = Delivery(id=crypto.new_id(), again_of=delivery.id, **same, **beginning(session, delivery.template, delivery.params))
    session.add(made)
    session.flush()
    return made
