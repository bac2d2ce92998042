"""Tasks: the work list of operations. "O is told" means a row here and a mail.

Never decides what is to be done.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, db
from shared.problems import Conflict, NotFound

from . import audit
from .db import Base


class Task(Base):
    """Something that waits for a person of operations. `details` holds opaque ids and references only."""

    __tablename__ = "tasks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    case_id: Mapped[UUID | None]
    hospital_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    done_because: Mapped[str | None]

    __table_args__ = (
        Index("tasks_open_idx", "id", postgresql_where=text("done_at IS NULL")),
        Index("tasks_done_at_idx", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    )


def open_task(session: Session, *, kind: str, case_id: UUID | None, hospital_id: UUID | None, details: dict[str, Any]) -> Task:
    """Put it on the work list."""
    task = Task(id=crypto.new_id(), kind=kind, case_id=case_id, hospital_id=hospital_id, details=details)
    session.add(task)
    session.flush()
    return task


def tasks_of(session: Session, *, done: bool, after: UUID | None, limit: int) -> list[Task]:
    """Oldest first; `limit` + 1 at most, so that the caller sees whether there are more."""
    query = select(Task).where(Task.done_at.is_not(None) if done else Task.done_at.is_(None))
    return list(session.scalars(db.oldest_first(query, Task.id, after=after, limit=limit)))


def finish_task(session: Session, *, task_id: UUID, actor: str, because: str) -> Task:
    """Mark it done. Raises NotFound, Conflict."""
    task = session.get(Task, task_id, with_for_update=True)
    if task is None:
        raise NotFound("not-found")
    if task.done_at is not None:
        raise Conflict("invalid-transition", state="done", possible=[])
    task.done_at, task.done_by, task.done_because = session.scalars(select(func.clock_timestamp())).one(), actor, because
    audit.note(session, actor=actor, act="task.done", subject=str(task_id), because=because)
    return task
