"""When the last backup of a service's database was taken: noted by whoever takes one, told to Prometheus.

Takes none itself (shared/cli/backups.py).
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import metrics


def note_taken(session: Session) -> None:
    """A backup of this database has just come to its end, and is where it is to be kept."""
    session.execute(text("UPDATE backup_taken SET taken_at = clock_timestamp()"))


def measure(session: Session) -> None:
    """Set the figure. Of a database that was never backed up: when it was made."""
    metrics.backup_taken.set(session.scalars(text("SELECT extract(epoch FROM taken_at)::float FROM backup_taken")).one())
