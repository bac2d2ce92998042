"""Specialties: the branches of medicine that procedures and doctors belong to."""

from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts

# -- table --------------------------------------------------------------------


class Specialty(Recorded, Base):
    __tablename__ = "specialties"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Texts]
    practitioner: Mapped[Texts]
    operates: Mapped[bool]
