"""Documents: answers composed once when a fact changes, kept as bytes by key and language.

Reading one is a single SELECT; nothing is composed here.
"""

from sqlalchemy.orm import Mapped, mapped_column

from .db import Base

# -- table --------------------------------------------------------------------


class Document(Base):
    """`body` is JSON in UTF-8; `etag` a hash of it."""

    __tablename__ = "documents"

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    etag: Mapped[str]
    body: Mapped[bytes]
