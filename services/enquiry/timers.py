"""Timers: rows that come due. Requests only insert them; firing re-reads the state, then acts or does nothing.

One transaction a timer: the row by SKIP LOCKED, the case lock, the transition, the delete. No lease.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, ForeignKey, Row, Select, UniqueConstraint, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, db, log, metrics, writes
from shared.cli.loops import repeat
from shared.clock import Clock

from .db import Base

logger = log.get(__name__)

POLL_SECONDS = 1.0
RETRY = timedelta(minutes=1)

# (session, enquiry id, subject id, now) -> whether it still had a meaning
Firing = Callable[[Session, UUID, UUID, datetime], bool]


class Timer(Base):
    """Something to be looked at again at `due_at`, about `subject_id` of an enquiry."""

    __tablename__ = "timers"
    __table_args__ = (UniqueConstraint("subject_id", "kind", "due_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"), index=True)
    subject_id: Mapped[UUID]
    kind: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(index=True)
    failures: Mapped[int] = mapped_column(default=0)


def schedule(session: Session, *, enquiry_id: UUID, subject_id: UUID, moments: Mapping[str, datetime]) -> None:
    """Look at it at each of these moments, by kind; scheduling the same twice is once."""
    of = {"enquiry_id": enquiry_id, "subject_id": subject_id, "failures": 0}
    rows = [{"id": crypto.new_id(), "kind": kind, "due_at": due_at, **of} for kind, due_at in moments.items()]
    writes.add(session, Timer, rows, on_conflict="ON CONFLICT DO NOTHING")


def fire_due(engine: Engine, firings: Mapping[str, Firing], clock: Clock) -> int:
    """Fire everything that is due; returns how many rows were taken."""
    taken = 0
    while _fire_one(engine, firings, clock):
        taken += 1
    return taken


def _fire_one(engine: Engine, firings: Mapping[str, Firing], clock: Clock) -> bool:
    row: Row[Any] | None = None
    try:
        with db.transaction(engine) as session:
            row = session.execute(_oldest_due(clock())).first()
            if row is None:
                return False
            acted = firings[row.kind](session, row.enquiry_id, row.subject_id, clock())
            session.execute(delete(Timer).where(Timer.id == row.id))
        metrics.timers_fired.labels(row.kind, "acted" if acted else "past").inc()
    except Exception as fault:
        if row is None or db.is_transient(fault):
            raise
        logger.exception("timer failed", kind=row.kind, timer_id=str(row.id))
        _put_off(engine, row.id, clock())
    return True


def _oldest_due(now: datetime) -> Select[*tuple[Any, ...]]:
    query = select(Timer.id, Timer.kind, Timer.enquiry_id, Timer.subject_id).where(Timer.due_at <= now)
    return query.order_by(Timer.due_at, Timer.id).limit(1).with_for_update(skip_locked=True)


def _put_off(engine: Engine, timer_id: UUID, now: datetime) -> None:
    """A timer that fails is tried again later and delays no other."""
    with db.transaction(engine) as session:
        session.execute(update(Timer).where(Timer.id == timer_id).values(due_at=now + RETRY, failures=Timer.failures + 1))


def run(engine: Engine, firings: Mapping[str, Firing], clock: Clock, *, stop: threading.Event, beat: Callable[[], None]) -> None:
    """The loop: fire what is due, wait, look again. With a clock that is off nothing fires: another worker's may be right, and what is done early is not undone."""

    def turn() -> bool:
        with db.transaction(engine) as session:
            skew = db.clock_skew(session, clock)
        if abs(skew) > db.MAX_SKEW_SECONDS:
            logger.error("the clock is off: no timer fires", seconds=round(skew, 1))
            return False
        return fire_due(engine, firings, clock) > 0

    repeat(turn, stop=stop, beat=beat, seconds=POLL_SECONDS)
