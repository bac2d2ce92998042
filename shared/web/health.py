"""/health/live: the process answers. /health/ready: it can do its work: database there and migrated, clock right. /metrics for Prometheus."""

import os
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from prometheus_client import REGISTRY as SINGLE
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared import db, log, metrics
from shared.problems import Unavailable

logger = log.get(__name__)


def add_routes(app: Flask, ready: Callable[[], dict[str, str]] | None = None) -> None:
    """Outside of the API's document: they are the operator's. `ready` raises Unavailable; without one the database is asked."""
    app.add_url_rule("/health/live", "live", lambda: {"status": "live"})
    app.add_url_rule("/health/ready", "ready", ready or _ready)
    app.add_url_rule("/metrics", "metrics", _metrics)


def _measure() -> None:
    """Figures that are read from the database when they are asked for; a database that is away leaves them as they were."""
    at = current_app.extensions.get("passage")
    if at is None:  # it has no database: it is ready as soon as it answers
        metrics.ready.set(1)
        return
    metrics.ready.set(0)
    try:
        with Session(at.reader) as session:
            metrics.clock_skew_seconds.set(db.clock_skew(session))
            _refuse_unready(at, session)
            metrics.ready.set(1)
            for measure in at.measures:
                measure(session)
    except Unavailable as fault:
        logger.warning("not ready", reason=fault.detail.get("reason"))
    except SQLAlchemyError as fault:
        logger.warning("figures not read", reason=log.describe(fault))


def _ready() -> dict[str, str]:
    at = current_app.extensions["passage"]
    with Session(at.reader) as session:
        _refuse_unready(at, session)
    return {"status": "ready"}


def _refuse_unready(at: Any, session: Session) -> None:
    """Raises Unavailable with what must be done first."""
    if at.migrations is not None and db.is_behind(session, at.migrations):
        raise Unavailable("not-ready", retry_after=5, reason="the database has not been migrated")
    if at.owed is not None and (owed := at.owed(session)):
        raise Unavailable("not-ready", retry_after=60, reason=owed)
    skew = db.clock_skew(session)
    if abs(skew) > db.MAX_SKEW_SECONDS:
        raise Unavailable("not-ready", retry_after=30, reason=f"the clock is {skew:+.1f} s off the database's")


def _metrics() -> Response:
    _measure()
    registry: CollectorRegistry = SINGLE
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # prometheus_client's own convention
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
