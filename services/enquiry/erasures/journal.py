"""The journal of erasures: written down outside of the database, too, and applied to one that was restored, before it serves.

Ids, versions and times only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry.cases import Enquiry
from services.enquiry.db import Base
from services.enquiry.lifecycles import Actor, ErasureState, Who
from services.enquiry.patients import Patient
from services.enquiry.vault import Vault
from shared import crypto

from . import Erasure, Forgotten, end_enquiry
from .wiping import start_erasure

BY_JOURNAL = Actor(Who.OPERATIONS, id="journal", channel="cli", reason="erased before the backup was restored")


class Restoration(Base):
    """The database was filled from a backup; until the journal was applied it must not serve."""

    __tablename__ = "restorations"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    restored_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    journal_applied_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Entry:
    """One line of the journal."""

    patient_id: UUID
    version: int
    erased_at: datetime


class NotAJournal(Exception):
    """A line is none of ours; says which. Nothing was applied."""


def lines_of(session: Session) -> Iterator[str]:
    """`patient-id version time`, in the order of time."""
    for one in session.scalars(select(Forgotten).order_by(Forgotten.erased_at, Forgotten.patient_id)):
        yield f"{one.patient_id} {one.erased_version} {one.erased_at.isoformat()}"


def read(lines: Iterable[str]) -> list[Entry]:
    """Raises NotAJournal."""
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            patient, version, at = line.split()
            found.append(Entry(UUID(patient), int(version), datetime.fromisoformat(at)))
        except ValueError as fault:
            raise NotAJournal(f"line {number} is not `patient-id version time`") from fault
    return found


def apply(session: Session, vault: Vault, entry: Entry, *, now: datetime) -> bool:
    """Erase again whom this database still knows; True where it did. The entry is kept in any case."""
    _keep(session, entry)
    enquiry = session.scalar(select(Enquiry).where(Enquiry.patient_id == entry.patient_id))
    patient = session.get(Patient, entry.patient_id)
    if enquiry is None or patient is None or patient.erased_at is not None:
        return False
    end_enquiry(session, enquiry, actor=BY_JOURNAL, now=now)
    start_erasure(session, vault, _confirmed(session, enquiry, now), now=now, above=entry.version)
    return True


def _keep(session: Session, entry: Entry) -> None:
    row = insert(Forgotten).values(patient_id=entry.patient_id, erased_version=entry.version, erased_at=entry.erased_at)
    newest = func.greatest(Forgotten.erased_version, row.excluded.erased_version)
    session.execute(row.on_conflict_do_update(index_elements=["patient_id"], set_={"erased_version": newest}))


def _confirmed(session: Session, enquiry: Enquiry, now: datetime) -> Erasure:
    """It was confirmed once; no receipt goes a second time."""
    by = f"{Who.SYSTEM}:journal"
    erasure = session.scalar(select(Erasure).where(Erasure.patient_id == enquiry.patient_id).with_for_update())
    if erasure is None:
        erasure = Erasure(
            id=crypto.new_id(), patient_id=enquiry.patient_id, enquiry_id=enquiry.id, revision=0, requested_at=now, times_told=0
        )
        session.add(erasure)
    erasure.state, erasure.requested_by = ErasureState.VERIFIED, by
    session.flush()
    return erasure


def owed(session: Session) -> str | None:
    """What must be done before this database serves; None where nothing is."""
    waiting = session.scalar(select(Restoration.restored_at).where(Restoration.journal_applied_at.is_(None)).limit(1))
    return f"restored at {waiting.isoformat()}: apply the journal of erasures first (erasure-journal --apply FILE)" if waiting else None


def settle(session: Session, now: datetime) -> None:
    """The journal was applied to the end."""
    for one in session.scalars(select(Restoration).where(Restoration.journal_applied_at.is_(None)).with_for_update()):
        one.journal_applied_at = now
