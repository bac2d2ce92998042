"""Consent texts: what patients agree to, word by word. A new wording is a new version beside the old one."""

from collections.abc import Iterable

from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded

# -- table --------------------------------------------------------------------


class ConsentText(Recorded, Base):
    """`sha256` is lower-case hex over the UTF-8 bytes of `text`."""

    __tablename__ = "consent_texts"

    purpose: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    language: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    sha256: Mapped[str]


# -- rules --------------------------------------------------------------------


def newest(texts: Iterable[ConsentText]) -> list[ConsentText]:
    """Of each purpose the newest version, in all its languages: what is asked for today."""
    known = list(texts)
    versions = {purpose: max(each.version for each in known if each.purpose == purpose) for purpose in {each.purpose for each in known}}
    return [each for each in known if each.version == versions[each.purpose]]
