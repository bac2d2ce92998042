# ruff: noqa: INP001  (alembic finds it by path)
"""Run by alembic: all revisions in one transaction."""

from alembic import context

from shared import db

db.run_migrations(context)  # type: ignore[arg-type]  # alembic's stand-in of that type
