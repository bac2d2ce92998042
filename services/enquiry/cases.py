"""The enquiry as a row, and the lock on a case: whoever writes anything about a case takes it first.

Knows nothing of what hangs below a case.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.events import Case, Fact
from shared.problems import NotFound

from . import lifecycles
from .db import Base
from .lifecycles import ENQUIRY, LIVE_ENQUIRIES, Actor, EnquiryState


class Enquiry(Base):
    """One case. `version` grows with every transaction about the case, `revision` with every change of this row."""

    __tablename__ = "enquiries"
    __table_args__ = (
        Index("enquiries_client_id_created_at_idx", "client_id", "created_at"),
        Index("enquiries_state_created_at_idx", "state", "created_at"),
        Index("enquiries_ended_at_idx", "ended_at", postgresql_where=text("sealed_request IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int]
    revision: Mapped[int]
    state: Mapped[str]
    reject_reason: Mapped[str | None]
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    client_id: Mapped[UUID | None]
    client_reference: Mapped[str | None]
    procedure_id: Mapped[UUID]
    procedure_slug: Mapped[str]
    destination: Mapped[str]
    wants: Mapped[list[str]]
    hospital_ids: Mapped[list[Any]]  # those named by the caller, as strings
    assistance: Mapped[str | None]
    language: Mapped[str]
    sealed_request: Mapped[bytes | None]  # intake, message, preferred times: under the patient's key
    verified_at: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    def is_in(self, *states: EnquiryState) -> bool:
        return self.state in states


def lock_case(session: Session, enquiry_id: UUID) -> Case:
    """Take the case for this transaction; its version is that of every fact recorded now. Raises NotFound."""
    statement = (
        update(Enquiry).where(Enquiry.id == enquiry_id).values(version=Enquiry.version + 1).returning(Enquiry.version, Enquiry.patient_id)
    )
    locked = session.execute(statement.execution_options(synchronize_session=False)).first()
    if locked is None:
        raise NotFound("not-found")
    return Case(id=enquiry_id, version=locked.version, patient_id=locked.patient_id)


def locked_enquiry(session: Session, enquiry_id: UUID) -> tuple[Case, Enquiry]:
    """The case's lock and its row as it is under the lock. Raises NotFound."""
    case = lock_case(session, enquiry_id)
    return case, session.get_one(Enquiry, enquiry_id, populate_existing=True)


def move_enquiry(session: Session, enquiry: Enquiry, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """One transition of a case with its fact. Raises Conflict(invalid-transition)."""
    row = lifecycles.check(ENQUIRY, act, state=None if act == "open" else EnquiryState(enquiry.state), who=actor.kind)
    enquiry.state = row.to
    enquiry.revision += 1
    enquiry.ended_at = None if row.to in LIVE_ENQUIRIES else now
    lifecycles.record(session, fact, row=row, subject="enquiry", subject_id=enquiry.id, actor=actor, at=now)


def find_enquiry(session: Session, reference: str) -> Enquiry:
    """By its public reference, upper or lower case. Raises NotFound."""
    found = session.scalar(select(Enquiry).where(Enquiry.reference == reference.upper()))
    if found is None:
        raise NotFound("not-found")
    return found
