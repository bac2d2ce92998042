"""Doctors: who treats, where, in which languages."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts

# -- table --------------------------------------------------------------------


class Doctor(Recorded, Base):
    __tablename__ = "doctors"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[Texts]
    specialty: Mapped[str] = mapped_column(ForeignKey("specialties.slug"))
    hospital: Mapped[str] = mapped_column(ForeignKey("hospitals.slug"))
    since_year: Mapped[int | None]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    procedures: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (
        Index(None, "hospital", "slug"),
        Index(None, "specialty", "slug"),
        Index("doctors_languages_idx", "languages", postgresql_using="gin"),
        Index("doctors_procedures_idx", "procedures", postgresql_using="gin"),
    )
