"""The case and what hangs below it; partners; the shared mechanisms."""

from pathlib import Path

from alembic import op

import shared
from shared import db

revision = "0001"
down_revision = None

SHARED = Path(shared.__file__).parent / "sql"


def upgrade():
    for mechanism in ("outbox_0001", "backups_0001", "inbox_0001", "web_0001"):
        op.execute((SHARED / f"{mechanism}.sql").read_text(encoding="utf-8"))
    op.execute(db.statements_of(__file__))


def downgrade():
    raise NotImplementedError
