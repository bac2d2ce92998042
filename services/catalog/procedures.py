"""Procedures: what may be asked for, and the page of each in each of its destinations.

Pages are composed elsewhere, when a fact changes; here they are found and handed out.
"""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts

# -- table --------------------------------------------------------------------


class Procedure(Recorded, Base):
    """Lists hold texts or objects as the import's records name them (importer/records/procedures.py)."""

    __tablename__ = "procedures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[Texts]
    synonyms: Mapped[list[Any]]
    specialty: Mapped[str] = mapped_column(ForeignKey("specialties.slug"))
    summary: Mapped[Texts]
    overview: Mapped[Texts]
    mechanism: Mapped[Texts | None]
    conditions: Mapped[list[Any]]
    alternatives: Mapped[list[Any]]
    performed_by: Mapped[list[str]]
    device_implanted: Mapped[bool]
    highlights: Mapped[list[Any]]
    indications: Mapped[list[Any]]
    preparation: Mapped[list[Any]]
    risks: Mapped[list[Any]]
    warning_signs: Mapped[list[Any]]
    recovery_notes: Mapped[list[Any]]
    restrictions: Mapped[list[Any]]
    carry: Mapped[list[Any]]
    followups: Mapped[list[Any]]
    stay_days: Mapped[dict[str, Any] | None]
    recovery_weeks: Mapped[dict[str, Any] | None]
    recovery_note: Mapped[Texts | None]
    stages: Mapped[list[Any]]
    intake: Mapped[list[Any]]
    faqs: Mapped[list[Any]]
    reviewed_by: Mapped[str | None]
    reviewed_on: Mapped[date | None]
    found_by: Mapped[str]
    folded: Mapped[str] = mapped_column(Computed("fold(found_by)", persisted=True))

    __table_args__ = (
        Index(None, "specialty", "slug"),
        Index("procedures_folded_idx", "folded", postgresql_using="gin", postgresql_ops={"folded": "gin_trgm_ops"}),
    )


class DestinationFacts(Recorded, Base):
    """That a row exists makes the page of the procedure in that country."""

    __tablename__ = "destination_facts"

    procedure: Mapped[str] = mapped_column(ForeignKey("procedures.slug"), primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    stay_days: Mapped[dict[str, Any] | None]
    recovery_weeks: Mapped[dict[str, Any] | None]
    recovery_note: Mapped[Texts | None]
    source: Mapped[str | None]
    compared_with: Mapped[list[str] | None]

    __table_args__ = (Index(None, "country", "procedure"),)
