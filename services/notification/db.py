"""The tables of notification: their Base, the mechanisms that live beside them, where the migrations are.

Knows no table by name; each stands in the module it belongs to.
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Session

from shared import db, inbox, outbox
from shared.web import idempotency, limits


class Base(DeclarativeBase):
    """Of every table that is notification's own."""

    metadata = db.metadata()
    type_annotation_map = db.COLUMN_TYPES


MECHANISMS = (outbox.metadata, inbox.metadata, idempotency.metadata, limits.metadata)
MIGRATIONS = Path(__file__).parent / "migrations"
_NOW = "the database's time"


def now(session: Session) -> datetime:
    """The database's time, asked once a session: what one transaction writes happened at one moment."""
    if _NOW not in session.info:
        session.info[_NOW] = session.scalars(select(func.clock_timestamp())).one()
    found: datetime = session.info[_NOW]
    return found


def told_now(session: Session, at: datetime) -> None:
    """The same where a statement has told it along the way."""
    session.info.setdefault(_NOW, at)
