"""Inclusions: the one vocabulary of what a price or a quote may include."""

from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts


class Inclusion(Recorded, Base):
    __tablename__ = "inclusions"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Texts]
