"""The enquiry service's own database: its Base, and which shared mechanisms have tables in it."""

from pathlib import Path

from sqlalchemy.orm import DeclarativeBase

from shared import db, inbox, outbox
from shared.web import idempotency, limits

MIGRATIONS = Path(__file__).parent / "migrations"
MECHANISMS = (outbox.metadata, inbox.metadata, idempotency.metadata, limits.metadata)


class Base(DeclarativeBase):
    metadata = db.metadata()
    type_annotation_map = db.COLUMN_TYPES
