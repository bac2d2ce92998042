"""Hospitals: where a procedure is offered. Listed is not partner: only a partner is ever asked."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts

# -- table --------------------------------------------------------------------


class Hospital(Recorded, Base):
    """Objects as the import's records name them (importer/records/hospitals.py)."""

    __tablename__ = "hospitals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[Texts]
    country: Mapped[str]
    city: Mapped[str | None] = mapped_column(ForeignKey("cities.slug"))
    city_given: Mapped[str | None]
    timezone: Mapped[str | None]
    working_hours: Mapped[list[Any]]
    holidays: Mapped[list[Any]]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    doctor_count: Mapped[int | None]
    rating: Mapped[dict[str, Any] | None]
    accreditations: Mapped[list[Any]]
    authorisation: Mapped[dict[str, Any]]
    complication_insurance: Mapped[dict[str, Any] | None]
    partner: Mapped[bool]
    summary: Mapped[Texts | None]
    found_by: Mapped[str]
    folded: Mapped[str] = mapped_column(Computed("fold(found_by)", persisted=True))

    __table_args__ = (
        Index(None, "country", "slug"),
        Index(None, "city", "slug"),
        Index("hospitals_languages_idx", "languages", postgresql_using="gin"),
        Index(
            "hospitals_accreditations_idx", "accreditations", postgresql_using="gin", postgresql_ops={"accreditations": "jsonb_path_ops"}
        ),
        Index("hospitals_folded_idx", "folded", postgresql_using="gin", postgresql_ops={"folded": "gin_trgm_ops"}),
    )


class Offering(Recorded, Base):
    """That a hospital offers a procedure, and what is known to support it."""

    __tablename__ = "offerings"

    hospital: Mapped[str] = mapped_column(ForeignKey("hospitals.slug"), primary_key=True)
    procedure: Mapped[str] = mapped_column(ForeignKey("procedures.slug"), primary_key=True)
    department: Mapped[Texts]
    evidence: Mapped[Texts | None]
    source: Mapped[str | None]

    __table_args__ = (Index(None, "procedure", "hospital"),)
