"""Stories: what patients say of their treatment. One without consent is kept back, never shown."""

from datetime import date
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts


class Story(Recorded, Base):
    """`consent` is {given_on, reference}: where the signed consent is kept."""

    __tablename__ = "stories"

    slug: Mapped[str] = mapped_column(primary_key=True)
    headline: Mapped[Texts]
    body: Mapped[Texts]
    author_display: Mapped[str]
    country: Mapped[str]
    procedure: Mapped[str] = mapped_column(ForeignKey("procedures.slug"), index=True)
    hospital: Mapped[str | None] = mapped_column(ForeignKey("hospitals.slug"), index=True)
    consent: Mapped[dict[str, Any] | None]
    treated_on: Mapped[date | None]


# -- rules --------------------------------------------------------------------


def is_shown(story: Story) -> bool:
    return story.consent is not None
