"""Audit: what operations did, and why, kept for ever.

Never holds anything personal: subjects are ids and names of our own.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto

from .db import Base


class Act(Base):
    """One act of an operator."""

    __tablename__ = "audit"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    actor: Mapped[str]
    act: Mapped[str]
    subject: Mapped[str]
    because: Mapped[str]


def note(session: Session, *, actor: str, act: str, subject: str, because: str) -> None:
    """Write down who did what to which thing, and why, in the transaction that does it."""
    session.add(Act(id=crypto.new_id(), actor=actor, act=act, subject=subject, because=because))
