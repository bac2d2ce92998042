"""Patients and those who act for them: their words and addresses, encrypted under a key of their own, found by a keyed hash.

Nothing personal leaves this room unsealed but to the one answer or rule that asked for it.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, log, metrics, outbox, writes
from shared.crypto import KeyRing
from shared.events.enquiry import PatientState
from shared.problems import Fault, NotFound, field_error

from .db import Base
from .vault import Vault

logger = log.get(__name__)

ADULT = 18

# -- table --------------------------------------------------------------------


class Patient(Base):
    """The requester and the patient of one enquiry. `version` counts the states told by enquiry.patients."""

    __tablename__ = "patients"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    email_hash: Mapped[bytes | None] = mapped_column(index=True)
    wrapped_key: Mapped[bytes | None]
    sealed_contact: Mapped[bytes | None]
    sealed_person: Mapped[bytes | None]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


# -- rules --------------------------------------------------------------------


@dataclass(frozen=True)
class Contact:
    """How to reach the requester: what the notification service gets, sealed."""

    name: str
    email: str
    language: str
    timezone: str


@dataclass(frozen=True)
class PatientKey:
    """A patient's own key, unwrapped for the work at hand: seals and opens what belongs to this patient."""

    patient_id: UUID
    key: bytes

    def seal(self, value: Any, *, what: str) -> bytes:
        """Any JSON value, bound to the patient and to the column it is for."""
        return crypto.seal(self.key, orjson.dumps(value), bound_to=f"patient:{self.patient_id}:{what}")

    def open(self, sealed: bytes, *, what: str) -> Any:
        """Raises crypto.SealBroken."""
        return orjson.loads(crypto.unseal(self.key, sealed, bound_to=f"patient:{self.patient_id}:{what}"))

    def wrapped_under(self, ring: KeyRing) -> bytes:
        return ring.seal(self.key, bound_to=f"patient:{self.patient_id}:key")


def faults_of(person: dict[str, Any], *, now: datetime) -> Iterator[Fault]:
    """What a year of birth and a relation say against each other and against the calendar."""
    if person["birth_year"] > now.year:
        yield Fault("invalid", field_error("patient/birth_year", "lies in the future"))
    if now.year - person["birth_year"] < ADULT and person["relation"] not in {"parent", "guardian"}:
        yield Fault("invalid", field_error("requester/relation", "for a patient under 18 a parent or guardian consents"))


def add_patient(session: Session, vault: Vault, *, contact: Contact, person: dict[str, Any], now: datetime) -> PatientKey:
    """A new patient with a key of their own; their contact goes, encrypted, to enquiry.patients."""
    key = PatientKey(crypto.new_id(), crypto.new_key())
    sealed = key.seal(contact.__dict__, what="contact")
    row = {
        "id": key.patient_id,
        "version": 1,
        "email_hash": vault.hash_of(contact.email),
        "wrapped_key": key.wrapped_under(vault.case_ring),
        "sealed_contact": sealed,
        "sealed_person": key.seal(person, what="person"),
        "created_at": now,
    }
    writes.add(session, Patient, [row])
    tell_contact(session, vault, key, version=1, sealed=sealed)
    return key


def tell_contact(session: Session, vault: Vault, key: PatientKey, *, version: int, sealed: bytes | None) -> None:
    """A contact, sealed under its key, to enquiry.patients."""
    assert sealed is not None  # noqa: S101
    wrapped = base64.b64encode(key.wrapped_under(vault.contact_ring)).decode()
    state = PatientState(id=key.patient_id, version=version, wrapped_key=wrapped, sealed=base64.b64encode(sealed).decode())
    outbox.record(session, state)


def key_of(session: Session, vault: Vault, patient_id: UUID) -> PatientKey:
    """Raises NotFound where the patient has been erased, crypto.SealBroken where the ring does not fit."""
    patient = session.get(Patient, patient_id)
    if patient is None or patient.wrapped_key is None:
        raise NotFound("not-found")
    return PatientKey(patient_id, vault.case_ring.open(patient.wrapped_key, bound_to=f"patient:{patient_id}:key"))


def key_or_alarm(session: Session, vault: Vault, patient_id: UUID) -> PatientKey | None:
    """For work on many: one key that cannot be opened is an alarm, and stops nobody else's."""
    try:
        return key_of(session, vault, patient_id)
    except crypto.SealBroken:
        metrics.seals_broken.labels("patient_key").inc()
        logger.error("a patient's key cannot be opened", patient_id=str(patient_id))  # noqa: TRY400
        return None


def contact_of(session: Session, vault: Vault, patient_id: UUID) -> Contact:
    """Raises as key_of."""
    patient, key = session.get_one(Patient, patient_id), key_of(session, vault, patient_id)
    assert patient.sealed_contact is not None  # noqa: S101
    return Contact(**key.open(patient.sealed_contact, what="contact"))


def person_of(session: Session, vault: Vault, patient_id: UUID) -> dict[str, Any]:
    """`{relation, phone, country, name, birth_year, sex}`. Raises as key_of."""
    patient, key = session.get_one(Patient, patient_id), key_of(session, vault, patient_id)
    assert patient.sealed_person is not None  # noqa: S101
    opened: dict[str, Any] = key.open(patient.sealed_person, what="person")
    return opened


def rewrap_keys(session: Session, vault: Vault, *, after: UUID | None, batch: int = 500) -> UUID | None:
    """Wrap the next keys under the current ones of both rings, here and in enquiry.patients; returns the last id, None when done."""
    query = select(Patient).where(Patient.wrapped_key.is_not(None)).order_by(Patient.id).limit(batch).with_for_update()
    last = None
    for patient in session.scalars(query if after is None else query.where(Patient.id > after)):
        last = patient.id
        key = key_or_alarm(session, vault, patient.id)
        if key is None:
            continue
        patient.wrapped_key = key.wrapped_under(vault.case_ring)
        patient.version += 1
        tell_contact(session, vault, key, version=patient.version, sealed=patient.sealed_contact)
    return last
