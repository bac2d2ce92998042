"""Proofs: a mail address is told of nothing until the link in a mail to it was opened and its button pressed.

The token is derived, never stored; reading the page of a link changes nothing.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, delete, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.notification.contacts import endpoints
from services.notification.contacts.endpoints import Endpoint
from services.notification.db import Base
from services.notification.deliveries import WAITING, Delivery, State
from services.notification.deliveries.planning import Cause, plan_alert, wake
from services.notification.settings import Settings
from shared import crypto
from shared.events.notification import Channel
from shared.problems import Conflict, NotFound, TooManyRequests

LETTER = "endpoint_proof"
PURPOSE = "endpoint"
LIVES = timedelta(hours=72)
WINDOW = timedelta(hours=24)


class ProofMail(Base):
    """That a proof was mailed to an address, by its keyed hash: counted for a day, then deleted."""

    __tablename__ = "proof_mails"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    address_hash: Mapped[bytes]
    asked_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))

    __table_args__ = (Index(None, "address_hash", "asked_at"), Index(None, "asked_at"))


def ask_for_proof(session: Session, settings: Settings, endpoint: Endpoint) -> Delivery:
    """Mail a new link to the endpoint's address; the ones before work no more. Within `endpoints.changing`.

    Raises Conflict where there is nothing to prove, TooManyRequests beyond `proof_mails_per_day` to one address, whoever asks.
    """
    if endpoint.kind != Channel.EMAIL or endpoint.proved_at is not None or endpoint.disabled_at is not None:
        raise Conflict("invalid-transition", state="disabled" if endpoint.disabled_at else "proved", possible=[])
    assert endpoint.address_hash is not None  # noqa: S101  # every mail address has one
    _count(session, endpoint.address_hash, most=settings.proof_mails_per_day)
    now = _now(session)
    endpoint.proof_id, endpoint.proof_until = crypto.new_id(), (now + LIVES).replace(microsecond=0)
    _end_earlier(session, endpoint.id)
    proof = {"id": str(endpoint.proof_id), "purpose": PURPOSE, "expires_at": endpoint.proof_until.isoformat()}
    planned = plan_alert(session, cause=Cause(at=now), endpoint=endpoint, template=LETTER, params={"proof": proof})
    wake(session)
    return planned


def send_proof_again(session: Session, settings: Settings, *, endpoint_id: UUID, hospital_id: UUID) -> Delivery:
    """Another mail with another link. Raises NotFound, Conflict, TooManyRequests."""
    with endpoints.changing(session, hospital_id):
        endpoint = endpoints.find_endpoint(session, endpoint_id, hospital_id=hospital_id, lock=True)
        return ask_for_proof(session, settings, endpoint)


def prove(session: Session, settings: Settings, *, token: str) -> Endpoint:
    """The address is its owner's: from now on it is told of alerts. Twice is once.

    Raises NotFound(link-invalid), the same for wrong, replaced and expired links.
    """
    found = _endpoint_of(session, settings, token)
    with endpoints.changing(session, found.hospital_id):
        endpoint = endpoints.find_endpoint(session, found.id, lock=True)
        session.refresh(endpoint)
        if endpoint.proof_id != crypto.link_id_of(token):
            raise NotFound("link-invalid")  # another link took its place in this moment
        if endpoint.proved_at is None:
            endpoint.proved_at = _now(session)
            endpoint.version += 1
    wake(session)
    return endpoint


def _endpoint_of(session: Session, settings: Settings, token: str) -> Endpoint:
    try:
        link_id = crypto.link_id_of(token)
    except ValueError:
        raise NotFound("link-invalid") from None
    found = session.scalar(select(Endpoint).where(Endpoint.proof_id == link_id, Endpoint.deleted_at.is_(None)))
    if found is None or found.proof_until is None or found.proof_until <= _now(session):
        raise NotFound("link-invalid")
    if not crypto.link_is_genuine(token, settings.link_key_bytes, link_id=link_id, purpose=PURPOSE, expires_at=found.proof_until):
        raise NotFound("link-invalid")
    return found


def _count(session: Session, address_hash: bytes, *, most: int) -> None:
    """One more mail to this address. Two that ask at once are counted one after the other."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7270965))"), {"name": address_hash.hex()})
    since = _now(session) - WINDOW
    session.execute(delete(ProofMail).where(ProofMail.asked_at < since))
    count, oldest = session.execute(
        select(func.count(), func.min(ProofMail.asked_at)).where(ProofMail.address_hash == address_hash, ProofMail.asked_at >= since)
    ).one()
    if count >= most:
        raise TooManyRequests("too-many-requests", retry_after=max(1, int((oldest - since).total_seconds())))
    session.add(ProofMail(id=crypto.new_id(), address_hash=address_hash))


def _end_earlier(session: Session, endpoint_id: UUID) -> None:
    earlier = (Delivery.endpoint_id == endpoint_id, Delivery.template == LETTER, Delivery.state.in_(WAITING))
    ended = {"state": State.EXPIRED, "reason": "a newer link took its place", "settled_at": _now(session)}
    session.execute(update(Delivery).where(*earlier).values(**ended))


def _now(session: Session) -> Any:
    return session.scalars(select(func.clock_timestamp())).one()
