"""The backlog: how much waits in each state and since when, for whoever asks whether all is well."""

from typing import Any

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.orm import Session

_BACKLOG = text(
    """
    SELECT channel, state, count(*) AS count, min(created_at) AS oldest
    FROM deliveries WHERE state IN ('pending', 'waiting_contact', 'held', 'retrying', 'sending', 'uncertain') AND decided_at IS NULL
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)
_UNCERTAIN = text("SELECT count(*) FROM deliveries WHERE state = 'uncertain' AND decided_at IS NULL")
uncertain = Gauge(
    "deliveries_uncertain",
    "mails of which a crash hid whether they were accepted; for operations to decide",
    multiprocess_mode="mostrecent",
)
endpoints_disabled = Gauge(
    "endpoints_disabled", "endpoints that failed for so long that nothing is sent to them", multiprocess_mode="mostrecent"
)
hospitals_hooked = Gauge("hospitals_with_webhooks", "hospitals that are told by webhook", multiprocess_mode="mostrecent")
hospitals_failing = Gauge(
    "hospitals_with_failing_webhooks", "those of them of which the last attempt at a webhook failed", multiprocess_mode="mostrecent"
)
facts_withheld = Gauge(
    "facts_withheld", "facts that came too late to alert anybody; for operations to release", multiprocess_mode="mostrecent"
)
tasks_open = Gauge("tasks_open", "work that waits for a person of operations", multiprocess_mode="mostrecent")
_WAITING = text(
    """
    SELECT (SELECT count(*) FROM endpoints WHERE disabled_at IS NOT NULL AND deleted_at IS NULL),
        (SELECT count(*) FROM withheld WHERE released_at IS NULL), (SELECT count(*) FROM tasks WHERE done_at IS NULL)
    """
)
_HOOKS = text(
    """
    SELECT count(DISTINCT hospital_id), count(DISTINCT hospital_id) FILTER (WHERE failures > 0)
    FROM endpoints WHERE kind = 'webhook' AND NOT paused AND disabled_at IS NULL AND deleted_at IS NULL
    """
)
_OUTBOX = text("SELECT count(*) AS count, min(recorded_at) AS oldest FROM outbox")


def backlog_of(session: Session) -> list[dict[str, Any]]:
    """Rows of `{channel, state, count, oldest}`; the outbox is one of them."""
    rows = [dict(row) for row in session.execute(_BACKLOG).mappings()]
    outbox = session.execute(_OUTBOX).mappings().one()
    return [*rows, {"channel": "kafka", "state": "outbox", **outbox}]


def count_uncertain(session: Session) -> int:
    """Mails of which a crash hid whether they were accepted, and that nobody has decided about."""
    return int(session.scalars(_UNCERTAIN).one())


def measure(session: Session) -> None:
    """Set the figures of what waits for somebody's decision, and of how widely webhooks fail."""
    uncertain.set(count_uncertain(session))
    disabled, withheld, tasks = session.execute(_WAITING).one()
    endpoints_disabled.set(disabled)
    facts_withheld.set(withheld)
    tasks_open.set(tasks)
    hooked, failing = session.execute(_HOOKS).one()
    hospitals_hooked.set(hooked)
    hospitals_failing.set(failing)
