"""Contacts, endpoints, deliveries and what operations see of them; the shared mechanisms."""

from pathlib import Path

from alembic import op

import shared
from shared import db

revision = "0001"
down_revision = None

SHARED_SQL = Path(shared.__file__).parent / "sql"


def upgrade() -> None:
    for name in ("outbox_0001.sql", "backups_0001.sql", "inbox_0001.sql", "web_0001.sql"):
        op.execute((SHARED_SQL / name).read_text(encoding="utf-8"))
    op.execute(db.statements_of(__file__))
