"""Quotes as rows: what hospitals have offered in a case. Below the rooms that move them or have to know whether there are any.

Moves none itself. What a quote says is sealed under the patient's key.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, exists, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .db import Base
from .lifecycles import TAKEN_QUOTES, QuoteState


class Quote(Base):
    """One version of a hospital's quote; what it says never changes. `revision` is its ETag, `number` counts a hospital's versions in a case.

    `valid_until` is when it ends unless it is accepted, `book_until` when it lapses after that, `appointment_id` the first stage's that keeps it from lapsing.
    """

    __tablename__ = "quotes"
    __table_args__ = (
        UniqueConstraint("invitation_id", "number"),
        Index("quotes_issued_key", "invitation_id", unique=True, postgresql_where=text("state = 'issued'")),
        Index("quotes_draft_key", "invitation_id", unique=True, postgresql_where=text("state = 'draft'")),
        Index("quotes_taken_key", "enquiry_id", unique=True, postgresql_where=text("state IN ('accepted', 'booked')")),
        Index("quotes_hospital_id_idx", "hospital_id", "id"),
        Index("quotes_hospital_id_state_idx", "hospital_id", "state", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"), index=True)
    invitation_id: Mapped[UUID] = mapped_column(ForeignKey("invitations.id"))
    hospital_id: Mapped[UUID]
    number: Mapped[int]
    revision: Mapped[int]
    state: Mapped[str]
    sealed_terms: Mapped[bytes | None]
    implausible: Mapped[bool]
    valid_until: Mapped[datetime]
    book_until: Mapped[datetime | None]
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointments.id"))
    extended: Mapped[bool]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


def quotes_of(session: Session, enquiry_id: UUID) -> list[Quote]:
    """All quotes of a case, drafts included, in the order in which they were written."""
    return list(session.scalars(select(Quote).where(Quote.enquiry_id == enquiry_id).order_by(Quote.id)))


def is_offered(session: Session, enquiry_id: UUID) -> bool:
    """Whether the patient of a case has a quote to decide on."""
    return bool(session.scalar(select(exists().where(Quote.enquiry_id == enquiry_id, Quote.state == QuoteState.ISSUED))))


def taken_of(session: Session, enquiry_id: UUID) -> Quote | None:
    """The quote of a case that is accepted: there is at most one."""
    return session.scalar(select(Quote).where(Quote.enquiry_id == enquiry_id, Quote.state.in_(TAKEN_QUOTES)))
