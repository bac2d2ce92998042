"""The catalog's tables, its fold for search, and the outbox."""

from pathlib import Path

from alembic import op

import shared
from shared import db

revision = "0001"
down_revision = None


def upgrade():
    op.execute((Path(shared.__file__).parent / "sql" / "outbox_0001.sql").read_text(encoding="utf-8"))
    op.execute(db.statements_of(__file__))


def downgrade():
    raise NotImplementedError
