"""Endpoints: where a hospital wants to be told, sealed, with their secrets and their record of failures.

The routes stand in services/notification/endpoints.py. Never sends anything.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, delete, false, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.notification.db import Base
from shared import crypto, outbox
from shared.crypto import KeyRing
from shared.events.notification import Channel, EndpointState
from shared.problems import Conflict, NotFound

MOST = 10  # endpoints of one hospital


class Endpoint(Base):
    """One mail address or webhook of a hospital. Deleted: the row stays for its deliveries, without address and secrets."""

    __tablename__ = "endpoints"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    hospital_id: Mapped[UUID]
    kind: Mapped[str]
    sealed_address: Mapped[bytes | None]
    address_hash: Mapped[bytes | None]
    sealed_secret: Mapped[bytes | None]
    sealed_previous_secret: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    paused: Mapped[bool] = mapped_column(server_default=false())
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None]
    deleted_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    first_failure_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    proved_at: Mapped[datetime | None]  # since when it may be told of alerts; a webhook from its beginning
    proof_id: Mapped[UUID | None] = mapped_column(unique=True)  # of the link in the newest mail to its address
    proof_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))

    __table_args__ = (
        Index(None, "hospital_id", "id"),
        Index("endpoints_disabled_idx", "id", postgresql_where=text("disabled_at IS NOT NULL AND deleted_at IS NULL")),
    )

    def address(self, ring: KeyRing) -> str:
        """The mail address or URL. Raises SealBroken, also where it was deleted."""
        return ring.open(self.sealed_address or b"", bound_to=f"endpoint:{self.id}:address").decode()

    def secrets(self, ring: KeyRing, now: datetime) -> list[str]:
        """The current signing secret, then the one before while it is still valid. Raises SealBroken."""
        live = [self.sealed_secret]
        if self.previous_until is not None and now < self.previous_until:
            live.append(self.sealed_previous_secret)
        return [ring.open(sealed, bound_to=f"endpoint:{self.id}:secret").decode() for sealed in live if sealed]


class Reach(Base):
    """Which ways lead to a hospital now: what notification.endpoints last said. Its row is the lock of the hospital's endpoints."""

    __tablename__ = "reaches"

    hospital_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    email: Mapped[bool]
    webhook: Mapped[bool]


class Suppression(Base):
    """An address that a mail server has refused, by its keyed hash."""

    __tablename__ = "suppressions"

    address_hash: Mapped[bytes] = mapped_column(primary_key=True)
    reason: Mapped[str]
    person_id: Mapped[UUID | None]  # a patient or an account whose erasure takes it away; none for an address of a hospital or of ours
    since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


@contextmanager
def changing(session: Session, hospital_id: UUID) -> Iterator[None]:
    """Around every change of a hospital's endpoints: one at a time, and at its end enquiry is told if its reach has changed."""
    empty = {"hospital_id": hospital_id, "version": 0, "email": False, "webhook": False}
    session.execute(upsert(Reach).values(**empty).on_conflict_do_nothing())
    reach = session.scalars(select(Reach).where(Reach.hospital_id == hospital_id).with_for_update()).one()
    yield
    session.flush()
    kinds = set(session.scalars(select(Endpoint.kind).where(Endpoint.hospital_id == hospital_id, *_REACHABLE)))
    email, webhook = Channel.EMAIL in kinds, Channel.WEBHOOK in kinds
    if (reach.email, reach.webhook) != (email, webhook):
        reach.email, reach.webhook, reach.version = email, webhook, reach.version + 1
        outbox.record(session, EndpointState(id=hospital_id, version=reach.version, email=email, webhook=webhook))


_LIVING = (Endpoint.deleted_at.is_(None),)
_USABLE = (*_LIVING, Endpoint.disabled_at.is_(None))
_TOLD = (*_USABLE, Endpoint.proved_at.is_not(None))
_REACHABLE = (*_TOLD, Endpoint.paused.is_(False))


def add_endpoint(
    session: Session,
    ring: KeyRing,
    *,
    hospital_id: UUID,
    kind: str,
    address: str,
    address_hash: bytes | None,
    secret: str | None,
    proved: bool,
) -> Endpoint:
    """A new endpoint, within `changing`; told of nothing until it is proved. Raises Conflict(limit-reached)."""
    count = session.scalars(select(func.count()).select_from(Endpoint).where(Endpoint.hospital_id == hospital_id, *_LIVING)).one()
    if count >= MOST:
        raise Conflict("limit-reached", detail=f"a hospital has at most {MOST} endpoints", limit=MOST)
    endpoint = Endpoint(id=crypto.new_id(), version=1, hospital_id=hospital_id, kind=kind, address_hash=address_hash)
    endpoint.sealed_address = sealed_address(ring, endpoint.id, address)
    endpoint.sealed_secret = sealed_secret(ring, endpoint.id, secret) if secret else None
    endpoint.proved_at = _now(session) if proved else None
    session.add(endpoint)
    session.flush()
    session.refresh(endpoint)
    return endpoint


def sealed_address(ring: KeyRing, endpoint_id: UUID, address: str) -> bytes:
    return ring.seal(address.encode(), bound_to=f"endpoint:{endpoint_id}:address")


def sealed_secret(ring: KeyRing, endpoint_id: UUID, secret: str) -> bytes:
    return ring.seal(secret.encode(), bound_to=f"endpoint:{endpoint_id}:secret")


def rewrap(session: Session, ring: KeyRing, *, after: UUID | None, batch: int = 500) -> tuple[UUID | None, int, int]:
    """Seal what the next endpoints hold under the ring's current key, where another did.

    Returns the last id (None: no further one), how many changed and how many had no need. Raises SealBroken where a key is missing: nothing of this batch is changed then.
    """
    query = select(Endpoint).where(*_LIVING).order_by(Endpoint.id).limit(batch).with_for_update()
    last, changed, current = None, 0, 0
    for endpoint in session.scalars(query if after is None else query.where(Endpoint.id > after)):
        done = sum(_resealed(ring, endpoint, column) for column in ("address", "secret", "previous_secret")) > 0
        last, changed, current = endpoint.id, changed + done, current + (not done)
    return last, changed, current


def _resealed(ring: KeyRing, endpoint: Endpoint, column: str) -> bool:
    sealed: bytes | None = getattr(endpoint, f"sealed_{column}")
    if not sealed or ring.key_id(sealed) == ring.current:
        return False
    bound_to = f"endpoint:{endpoint.id}:{column.removeprefix('previous_')}"
    setattr(endpoint, f"sealed_{column}", ring.seal(ring.open(sealed, bound_to=bound_to), bound_to=bound_to))
    return True


def find_endpoint(session: Session, endpoint_id: UUID, *, hospital_id: UUID | None = None, lock: bool = False) -> Endpoint:
    """An endpoint that was not deleted, of that hospital where one is named. Raises NotFound, also for another hospital's."""
    query = select(Endpoint).where(Endpoint.id == endpoint_id, *_LIVING)
    if hospital_id is not None:
        query = query.where(Endpoint.hospital_id == hospital_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound("not-found")
    return found


def usable_of(session: Session, hospital_id: UUID) -> list[Endpoint]:
    """Those that are told of alerts, oldest first; what is for a paused one waits. One that was not proved is none of them."""
    return usable_among(session, [hospital_id])[hospital_id]


def usable_among(session: Session, hospital_ids: Collection[UUID]) -> dict[UUID, list[Endpoint]]:
    """The same for several hospitals at once, each with its list."""
    found: dict[UUID, list[Endpoint]] = {one: [] for one in hospital_ids}
    if found:
        for endpoint in session.scalars(select(Endpoint).where(Endpoint.hospital_id.in_(found), *_TOLD).order_by(Endpoint.id)):
            found[endpoint.hospital_id].append(endpoint)
    return found


def endpoints_by_id(session: Session, ids: Collection[UUID]) -> dict[UUID, Endpoint]:
    """All of them, deleted ones included."""
    return {row.id: row for row in session.scalars(select(Endpoint).where(Endpoint.id.in_(ids)))} if ids else {}


def disable(session: Session, endpoint_id: UUID, *, because: str) -> Endpoint | None:
    """Nothing more is sent there until its owner changes it; None where it is so already."""
    hospital = session.scalars(select(Endpoint.hospital_id).where(Endpoint.id == endpoint_id)).one()
    with changing(session, hospital):
        endpoint = session.scalars(select(Endpoint).where(Endpoint.id == endpoint_id, *_USABLE).with_for_update()).first()
        if endpoint is not None:
            endpoint.disabled_at, endpoint.disabled_because = _now(session), because
            endpoint.version += 1
    return endpoint


def suppress(session: Session, address_hash: bytes, *, reason: str, person_id: UUID | None = None) -> None:
    """No mail goes there any more until the address is corrected, or its owner or an operator says that it is right."""
    session.execute(upsert(Suppression).values(address_hash=address_hash, reason=reason, person_id=person_id).on_conflict_do_nothing())


def lift(session: Session, address_hash: bytes) -> bool:
    """Mail may go there again; False where it might anyway."""
    statement = delete(Suppression).where(Suppression.address_hash == address_hash).returning(Suppression.since)
    return session.scalars(statement).first() is not None


def suppressed_among(session: Session, hashes: Collection[bytes]) -> set[bytes]:
    """Which of these were refused before."""
    query = select(Suppression.address_hash).where(Suppression.address_hash.in_(hashes))
    return {bytes(found) for found in session.scalars(query)} if hashes else set()


def _now(session: Session) -> Any:
    return session.scalars(select(func.clock_timestamp())).one()
