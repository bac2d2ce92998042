"""Patients and accounts, as enquiry says them: sealed copies by compacted topics.

Opened only while a mail is made; once erased, an id stays erased, whatever arrives late.
"""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, false, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.notification.db import Base
from shared import auth, crypto
from shared.crypto import KeyRing, SealBroken
from shared.events import Tombstone
from shared.events.enquiry import AccountState, PatientState

MAX_ADDRESS = 320  # RFC 5321: 64 before the at sign, 255 behind it


class Patient(Base):
    """A requester's contact, as it came. Erased: the row stays with its version, and nothing else."""

    __tablename__ = "patients"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    wrapped_key: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
    erased: Mapped[bool] = mapped_column(server_default=false())


class Account(Base):
    """A person of a hospital or of operations, as it came; of a system's account only its end is heard."""

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    hospital_id: Mapped[UUID | None]
    wrapped_key: Mapped[bytes | None]
    sealed: Mapped[bytes | None]
    erased: Mapped[bool] = mapped_column(server_default=false())


@dataclass(frozen=True)
class Person:
    """An opened contact. Lives as long as one mail is made; never logged, never stored."""

    name: str
    email: str
    language: str
    timezone: str

    def __repr__(self) -> str:
        return "Person(…)"


class Unopenable(Exception):
    """The copy cannot be opened: its key is unknown here, or it is damaged. Says no more, on purpose."""


def apply_patient(session: Session, state: PatientState | Tombstone) -> bool:
    """Keep the newest version; False where ours is as new, or the patient was erased."""
    return _apply(session, Patient, state, _contents(state))


def apply_account(session: Session, state: AccountState | Tombstone) -> bool:
    """Keep the newest version; False where ours is as new, or the account was erased."""
    hospital = None if isinstance(state, Tombstone) else state.hospital_id
    return _apply(session, Account, state, {**_contents(state), "hospital_id": hospital})


def _contents(state: PatientState | AccountState | Tombstone) -> dict[str, Any]:
    """Raises ValueError where it is no base64: the record's key is parked then."""
    if isinstance(state, Tombstone):
        return {"wrapped_key": None, "sealed": None, "erased": True}
    try:
        wrapped, sealed = base64.b64decode(state.wrapped_key, validate=True), base64.b64decode(state.sealed, validate=True)
    except binascii.Error as fault:
        raise ValueError("a contact that is no base64") from fault
    return {"wrapped_key": wrapped, "sealed": sealed, "erased": False}


def _apply(
    session: Session, table: type[Patient | Account], state: PatientState | AccountState | Tombstone, values: dict[str, Any]
) -> bool:
    statement = upsert(table).values(id=state.id, version=state.version, **values)
    newer = (table.version < statement.excluded.version) & table.erased.is_(False)
    applied = session.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"version": state.version, **values}, where=newer).returning(table.id)
    )
    return applied.first() is not None


def is_live(session: Session, principal: auth.Principal) -> bool:
    """Whether nothing was heard of the end of the caller's account. One that was never heard of (a system's, another issuer's) is not ours to judge."""
    try:
        account_id = UUID(principal.id)
    except ValueError:
        return True
    return not session.scalars(select(Account.erased).where(Account.id == account_id)).first()


def patients_by_id(session: Session, ids: Collection[UUID]) -> dict[UUID, Patient]:
    """Those we know of, erased ones included."""
    return {row.id: row for row in session.scalars(select(Patient).where(Patient.id.in_(ids)))} if ids else {}


def accounts_by_id(session: Session, ids: Collection[UUID]) -> dict[UUID, Account]:
    """Those we know of, erased ones included."""
    return {row.id: row for row in session.scalars(select(Account).where(Account.id.in_(ids)))} if ids else {}


def open_contact(row: Patient | Account, ring: KeyRing) -> Person:
    """The person behind a copy. Raises Unopenable."""
    subject = "patient" if isinstance(row, Patient) else "account"
    try:
        key = ring.open(row.wrapped_key or b"", bound_to=f"{subject}:{row.id}:key")
        values = orjson.loads(crypto.unseal(key, row.sealed or b"", bound_to=f"{subject}:{row.id}:contact"))
        email = str(values["email"])
        if len(email) > MAX_ADDRESS or not email.isprintable():
            raise Unopenable
        return Person(str(values["name"]), email, str(values["language"]), str(values.get("timezone") or "UTC"))
    except (SealBroken, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as fault:
        raise Unopenable from fault
