"""The catalog's tables, its fold for search, and the outbox."""

from pathlib import Path

from alembic import op

import shared
from shared import db

revision = "0001"
down_revision = None


def upgrade():
    for mechanism in ("outbox_0001", "backups_0001"):
        op.execute((Path(shared.__file__).parent / "sql" / f"{mechanism}.sql").read_text(encoding="utf-8"))
    op.execute(db.statements_of(__file__))


def downgrade():
    raise NotImplementedError
