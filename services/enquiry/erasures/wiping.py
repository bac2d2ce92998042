"""What goes when a person is erased, in one transaction: their words, addresses and key, and every copy of them this database holds.

Leaves ids, states and times, which say nothing of the person.
"""

from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.enquiry import lifecycles, patients
from services.enquiry.cases import locked_enquiry
from services.enquiry.lifecycles import Who
from services.enquiry.patients import Contact, Patient
from services.enquiry.vault import Vault
from shared import log, outbox
from shared.crypto import SealBroken
from shared.events import Case, Tombstone
from shared.events.enquiry import PATIENTS
from shared.events.erasure import ErasureStarted, PatientErased
from shared.inbox import parked
from shared.problems import NotFound

from . import Erasure, move_erasure

logger = log.get(__name__)

# The columns of patients and enquiries; then copies: unpublished contact, facts with links, stored answers, links and sessions that would open the case.
_WIPE = (
    """
    UPDATE patients SET version = :version, email_hash = NULL, wrapped_key = NULL, sealed_contact = NULL, sealed_person = NULL, erased_at = :now
    WHERE id = :patient_id
    """,
    "UPDATE enquiries SET sealed_request = NULL, client_reference = NULL WHERE id = :enquiry_id",
    "UPDATE quotes SET sealed_terms = NULL WHERE enquiry_id = :enquiry_id",
    "UPDATE history SET because = NULL WHERE enquiry_id = :enquiry_id AND subject <> 'erasure'",
    "DELETE FROM outbox WHERE topic = :topic AND key = :patient_id",
    "DELETE FROM outbox_archive WHERE key IN (:enquiry_id, :patient_id)",
    "DELETE FROM idempotency_keys WHERE subject = :enquiry_id",
    "DELETE FROM resends WHERE email_hash = :email_hash",
    "UPDATE sessions SET revoked_at = :now, refresh_hash = NULL WHERE enquiry_id = :enquiry_id",
    "DELETE FROM links WHERE enquiry_id = :enquiry_id AND purpose <> 'erase'",
    "DELETE FROM timers WHERE enquiry_id = :enquiry_id",
)


def start_erasure(session: Session, vault: Vault, erasure: Erasure, *, now: datetime, above: int = 0) -> None:
    """Wipe, publish the tombstone and tell every consumer. The receipt's address is set aside first, sealed under no key of the patient's.

    `above`: the tombstone's version is higher than this, too; a restored database has forgotten how far it had come.
    """
    case, enquiry = locked_enquiry(session, erasure.enquiry_id)
    contact = None if erasure.requested_by.startswith(f"{Who.SYSTEM}:") else _contact_of(session, vault, erasure.patient_id)
    if contact is not None:
        erasure.sealed_contact = seal_contact(vault, erasure.id, contact)
    erasure.erased_version = wipe(session, patient_id=erasure.patient_id, enquiry_id=enquiry.id, above=above, now=now)
    erasure.started_at = now
    fact = ErasureStarted(case=case, reference=enquiry.reference, erasure_id=erasure.id)
    move_erasure(session, erasure, fact, act="start", actor=lifecycles.SYSTEM, now=now)
    outbox.record(session, Tombstone(topic=PATIENTS, id=erasure.patient_id, version=erasure.erased_version))
    tell_consumers(session, erasure, now=now)


def wipe(session: Session, *, patient_id: UUID, enquiry_id: UUID, above: int, now: datetime) -> int:
    """Take every copy away and note it in the journal; returns the version that the tombstone has to carry."""
    patient = session.scalars(select(Patient).where(Patient.id == patient_id).with_for_update()).one()
    version = max(patient.version, above) + 1
    values = {
        "version": version,
        "now": now,
        "patient_id": patient_id,
        "enquiry_id": enquiry_id,
        "email_hash": patient.email_hash,
        "topic": PATIENTS.name,
    }
    for statement in (*_WIPE, _JOURNAL):
        session.execute(text(statement), values)
    parked.forget_keys(session, [str(patient_id)])  # outcomes that wait under the case's key name nobody, and are still to be counted
    session.expire_all()
    return version


_JOURNAL = """
    INSERT INTO erasure_journal (patient_id, erased_version, erased_at) VALUES (:patient_id, :version, :now)
    ON CONFLICT (patient_id) DO UPDATE SET erased_version = excluded.erased_version
"""


def tell_consumers(session: Session, erasure: Erasure, *, now: datetime) -> None:
    """Say, once more, that everybody has to forget. Numbered by how often it was said: its case is the patient, of whom nothing else is said."""
    assert erasure.erased_version is not None  # noqa: S101
    erasure.times_told += 1
    erasure.told_at = now
    case = Case(id=erasure.patient_id, version=erasure.times_told, patient_id=erasure.patient_id)
    fact = PatientErased(case=case, erasure_id=erasure.id, enquiry_id=erasure.enquiry_id, erased_version=erasure.erased_version)
    outbox.record(session, fact)


# -- the receipt's address ----------------------------------------------------


def seal_contact(vault: Vault, erasure_id: UUID, contact: Contact) -> bytes:
    return vault.case_ring.seal(orjson.dumps(contact.__dict__), bound_to=f"erasure:{erasure_id}:contact")


def open_contact(vault: Vault, erasure_id: UUID, sealed: bytes) -> Contact:
    """Raises SealBroken."""
    return Contact(**orjson.loads(vault.case_ring.open(sealed, bound_to=f"erasure:{erasure_id}:contact")))


def rewrap_contacts(session: Session, vault: Vault) -> int:
    """Seal those that still wait for their receipt under the current key; returns how many."""
    waiting = session.scalars(select(Erasure).where(Erasure.sealed_contact.is_not(None)).with_for_update()).all()
    for erasure in waiting:
        assert erasure.sealed_contact is not None  # noqa: S101
        erasure.sealed_contact = seal_contact(vault, erasure.id, open_contact(vault, erasure.id, erasure.sealed_contact))
    return len(waiting)


def _contact_of(session: Session, vault: Vault, patient_id: UUID) -> Contact | None:
    """None where it cannot be opened any more: that must not keep it from being erased, there is only no receipt."""
    try:
        return patients.contact_of(session, vault, patient_id)
    except (SealBroken, NotFound):
        logger.error("no address for the receipt", patient_id=str(patient_id))  # noqa: TRY400
        return None
