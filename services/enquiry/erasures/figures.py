"""Figures of erasures: how many are late, and when each topic with personal data was last made to forget."""

from prometheus_client import Gauge
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.enquiry.lifecycles import ErasureState

from . import Erasure

overdue = Gauge("erasures_overdue", "erasures that somebody has not answered in time; must be 0", multiprocess_mode="mostrecent")
heartbeat_seconds = Gauge(
    "heartbeat_age_seconds",
    "since a topic with personal data was last appended to in each partition",
    ["topic"],
    multiprocess_mode="mostrecent",
)

_RUNNING = (Erasure.state == ErasureState.RUNNING, Erasure.contact_erased_at.is_(None))
_BEATEN = text("SELECT topic, extract(epoch FROM clock_timestamp() - beaten_at) FROM heartbeats")


def count_running(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Erasure).where(*_RUNNING)).one()


def count_overdue(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Erasure).where(*_RUNNING, Erasure.overdue_at.is_not(None))).one()


def measure(session: Session) -> None:
    """Set them."""
    overdue.set(count_overdue(session))
    for topic, seconds in session.execute(_BEATEN):
        heartbeat_seconds.labels(topic).set(float(seconds))
