"""Cities: the gazetteer that hospitals are filed under."""

from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts


class City(Recorded, Base):
    __tablename__ = "cities"

    slug: Mapped[str] = mapped_column(primary_key=True)
    country: Mapped[str]
    name: Mapped[Texts]
    other_names: Mapped[list[str]]
    province: Mapped[str | None]
    districts: Mapped[list[str]]
