"""Figures of erasures: how many are late, and when each topic with personal data was last made to forget."""

from collections.abc import Callable

from prometheus_client import Gauge
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.enquiry.lifecycles import ErasureState
from services.enquiry.settings import Settings

from . import Erasure

overdue = Gauge("erasures_overdue", "erasures that somebody has not answered in time; must be 0", multiprocess_mode="mostrecent")
heartbeat_late = Gauge(
    "heartbeat_late_seconds",
    "by which a topic with personal data was appended to later than KAFKA_PERSONAL_LAG allows; near 0 or below",
    ["topic"],
    multiprocess_mode="mostrecent",
)

_RUNNING = (Erasure.state == ErasureState.RUNNING, Erasure.contact_erased_at.is_(None))
_BEATEN = text("SELECT topic, extract(epoch FROM clock_timestamp() - beaten_at) FROM heartbeats")


def count_running(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Erasure).where(*_RUNNING)).one()


def count_overdue(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Erasure).where(*_RUNNING, Erasure.overdue_at.is_not(None))).one()


def measuring(settings: Settings) -> Callable[[Session], None]:
    """What sets them."""

    def measure(session: Session) -> None:
        overdue.set(count_overdue(session))
        for topic, seconds in session.execute(_BEATEN):
            heartbeat_late.labels(topic).set(float(seconds) - settings.kafka_personal_lag.total_seconds())

    return measure
