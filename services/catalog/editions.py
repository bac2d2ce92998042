"""The edition of what is served: a number that grows in each transaction that changes a row or a document.

One row, so that a process can ask with one cheap SELECT whether anything it remembers has changed.
"""

from sqlalchemy import Engine, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .db import Base


class Edition(Base):
    """The one row."""

    __tablename__ = "editions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]


def begin_edition(session: Session) -> None:
    """Something was changed in this transaction."""
    session.execute(text("INSERT INTO editions (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = editions.number + 1"))


def current_edition(engine: Engine) -> int | None:
    """The number now; None before the first import."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        number: int | None = connection.scalar(text("SELECT number FROM editions"))
        return number
