"""Endpoints: where a hospital wants to be told. Register, test, pause, rotate the secret; what it is told by stands in deliveries.

Another hospital's endpoints do not exist for the caller.
"""

import base64
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.notification.contacts import endpoints
from services.notification.contacts.endpoints import MOST, Endpoint
from services.notification.contacts.hospitals import require_known
from services.notification.deliveries import Delivery
from services.notification.deliveries.planning import Cause, plan_alert, wake
from services.notification.settings import Settings
from shared.crypto import KeyRing, lookup_hash
from shared.events.notification import Channel
from shared.problems import Conflict, Invalid, PreconditionFailed, field_error

from . import proofs

PREVIOUS_SECRET_LIVES = timedelta(hours=24)
SECRET_BYTES = 32  # Standard Webhooks allows 24 to 64

# -- rules --------------------------------------------------------------------


def register_endpoint(
    session: Session, settings: Settings, *, hospital_id: UUID, kind: str, place: str, trusted: bool = False
) -> tuple[Endpoint, str | None]:
    """A new endpoint and, for a webhook, its secret. A mail address gets a link to prove it, unless operations trust it.

    Raises NotFound or Unavailable for a hospital we have not heard of, Invalid (http where only https is allowed), Conflict(limit-reached),
    TooManyRequests (mails to that address).
    """
    require_known(session, hospital_id)
    _check_scheme(settings, kind, place)
    ring, secret = KeyRing.parse(settings.notification_keys), new_secret() if kind == Channel.WEBHOOK else None
    with endpoints.changing(session, hospital_id):
        made = endpoints.add_endpoint(
            session,
            ring,
            hospital_id=hospital_id,
            kind=kind,
            address=place,
            address_hash=_hash(settings, kind, place),
            secret=secret,
            proved=trusted or kind == Channel.WEBHOOK,
        )
        if made.proved_at is None:
            proofs.ask_for_proof(session, settings, made)
    return made, secret


def _check_scheme(settings: Settings, kind: str, place: str) -> None:
    if kind == Channel.WEBHOOK and not settings.webhook_allow_private and urlsplit(place).scheme != "https":
        raise Invalid("invalid", errors=[field_error("url", "must be https")])


def _hash(settings: Settings, kind: str, place: str) -> bytes | None:
    return lookup_hash(settings.lookup_key_bytes, place) if kind == Channel.EMAIL else None


def new_secret() -> str:
    """`whsec_` and the base64 of 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def change_endpoint(
    session: Session, settings: Settings, *, endpoint_id: UUID, hospital_id: UUID, version: int, changes: dict[str, Any]
) -> Endpoint:
    """Another place, a pause or its end; a changed endpoint is no longer disabled, an address that is said to be right no longer suppressed.

    Another mail address is to be proved first: until then what is for this endpoint waits. Raises NotFound, PreconditionFailed, Invalid,
    TooManyRequests (mails to that address).
    """
    with endpoints.changing(session, hospital_id):
        endpoint = _locked(session, endpoint_id, hospital_id, version)
        wanted, other = ("address", "url") if endpoint.kind == Channel.EMAIL else ("url", "address")
        if other in changes:
            raise Invalid("invalid", errors=[field_error(other, "does not go with this kind")])
        if wanted in changes:
            _move(session, settings, endpoint, changes[wanted])
        endpoint.paused = changes.get("paused", endpoint.paused)
        endpoint.disabled_at = endpoint.disabled_because = endpoint.first_failure_at = endpoint.told_at = None
        endpoint.failures = 0
        if wanted in changes and endpoint.proved_at is None:
            proofs.ask_for_proof(session, settings, endpoint)
    wake(session)
    return endpoint


def _move(session: Session, settings: Settings, endpoint: Endpoint, place: str) -> None:
    _check_scheme(settings, endpoint.kind, place)
    endpoint.sealed_address = endpoints.sealed_address(KeyRing.parse(settings.notification_keys), endpoint.id, place)
    address_hash = _hash(settings, endpoint.kind, place)
    if address_hash is not None:
        endpoints.lift(session, address_hash)
        if address_hash != endpoint.address_hash:
            endpoint.proved_at = endpoint.proof_id = endpoint.proof_until = None
    endpoint.address_hash = address_hash


def remove_endpoint(session: Session, *, endpoint_id: UUID, hospital_id: UUID, version: int) -> None:
    """Nothing more is sent there; address and secrets are wiped, its deliveries stay. Raises NotFound, PreconditionFailed."""
    with endpoints.changing(session, hospital_id):
        endpoint = _locked(session, endpoint_id, hospital_id, version)
        endpoint.deleted_at = session.scalars(select(func.clock_timestamp())).one()
        endpoint.sealed_address = endpoint.address_hash = endpoint.sealed_secret = endpoint.sealed_previous_secret = None
        endpoint.proof_id = endpoint.proof_until = None


def rotate_secret(session: Session, settings: Settings, *, endpoint_id: UUID, hospital_id: UUID, version: int) -> tuple[Endpoint, str]:
    """A new secret; for 24 hours both sign. Raises NotFound, PreconditionFailed, Conflict for a mail address."""
    endpoint = _locked(session, endpoint_id, hospital_id, version)
    if endpoint.kind != Channel.WEBHOOK:
        raise Conflict("invalid-transition", state=endpoint.kind, possible=[])
    secret = new_secret()
    endpoint.sealed_previous_secret = endpoint.sealed_secret
    endpoint.previous_until = session.scalars(select(func.clock_timestamp())).one() + PREVIOUS_SECRET_LIVES
    endpoint.sealed_secret = endpoints.sealed_secret(KeyRing.parse(settings.notification_keys), endpoint.id, secret)
    return endpoint, secret


def test_endpoint(session: Session, *, endpoint_id: UUID, hospital_id: UUID) -> Delivery:
    """Plan a signed test. Raises NotFound, Conflict where nothing is sent there."""
    endpoint = endpoints.find_endpoint(session, endpoint_id, hospital_id=hospital_id)
    if state_of(endpoint) != "active":
        raise Conflict("invalid-transition", state=state_of(endpoint), possible=["prove" if endpoint.proved_at is None else "change"])
    cause = Cause(at=session.scalars(select(func.clock_timestamp())).one())
    planned = plan_alert(session, cause=cause, endpoint=endpoint, template="endpoint_test", params={})
    wake(session)
    return planned


def _locked(session: Session, endpoint_id: UUID, hospital_id: UUID, version: int) -> Endpoint:
    endpoint = endpoints.find_endpoint(session, endpoint_id, hospital_id=hospital_id, lock=True)
    if endpoint.version != version:
        raise PreconditionFailed("if-match-stale")
    endpoint.version += 1
    return endpoint


def endpoints_of(session: Session, hospital_id: UUID) -> list[Endpoint]:
    """All that were not deleted, oldest first; at most MOST."""
    query = select(Endpoint).where(Endpoint.hospital_id == hospital_id, Endpoint.deleted_at.is_(None))
    return list(session.scalars(query.order_by(Endpoint.id).limit(MOST)))


def state_of(endpoint: Endpoint) -> str:
    """disabled, unproved, paused or active: the first of these that is true."""
    if endpoint.disabled_at is not None:
        return "disabled"
    if endpoint.proved_at is None:
        return "unproved"
    return "paused" if endpoint.paused else "active"
