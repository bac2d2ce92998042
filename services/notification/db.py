"""The tables of notification: their Base, the mechanisms that live beside them, where the migrations are.

Knows no table by name; each stands in the module it belongs to.
"""

from pathlib import Path

from sqlalchemy.orm import DeclarativeBase

from shared import db, inbox, outbox
from shared.web import idempotency, limits


class Base(DeclarativeBase):
    """Of every table that is notification's own."""

    metadata = db.metadata()
    type_annotation_map = db.COLUMN_TYPES


MECHANISMS = (outbox.metadata, inbox.metadata, idempotency.metadata, limits.metadata)
MIGRATIONS = Path(__file__).parent / "migrations"
