"""Records that cannot be published, as an operator sees them: list, try again, give up with a reason.

Giving one up is never silent: the record's name stays in outbox_dropped, and is counted for ever.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shared.outbox import table
from shared.problems import NotFound

_MOST_ID = 2**63 - 1  # of a bigint: PostgreSQL would refuse to compare with more

_RETRY = text("UPDATE outbox SET blocked_because = NULL, blocked_at = NULL WHERE blocked_because IS NOT NULL AND (id = :id OR :every)")

# One statement: the row leaves the outbox, is no longer awaited, and is kept by name.
_DROP = text(
    """
    WITH gone AS (
        DELETE FROM outbox WHERE id = :id AND blocked_because IS NOT NULL RETURNING *
    ), answered AS (
        DELETE FROM outbox_awaiting USING gone WHERE outbox_awaiting.event_id = gone.event_id
    )
    INSERT INTO outbox_dropped
        (id, event_id, topic, key, type, version, sequence, recorded_at, blocked_because, dropped_by, dropped_because)
    SELECT id, event_id, topic, key, type, version, sequence, recorded_at, blocked_because, :actor, :because FROM gone
    RETURNING id
    """
)


@dataclass(frozen=True)
class Blocked:
    """A record that blocks its key. `waiting`: how many stand under that key, itself included."""

    id: int
    topic: str
    key: UUID
    type: str
    version: int
    since: datetime
    waiting: int
    reason: str


def blocked_of(session: Session, *, after: int | None = None, limit: int = 100) -> list[Blocked]:
    """Blocked records by id, at most `limit`, those after an id."""
    behind = table.alias("behind")
    same = (behind.c.topic == table.c.topic) & (behind.c.key == table.c.key) & (behind.c.id >= table.c.id)
    waiting = select(func.count()).select_from(behind).where(same).scalar_subquery()
    c = table.c
    query = select(c.id, c.topic, c.key, c.type, c.version, c.blocked_at, waiting, c.blocked_because)
    query = query.where(c.blocked_because.is_not(None), c.id > (after or 0)).order_by(c.id).limit(limit)
    return [Blocked(*row) for row in session.execute(query)]


def retry(session: Session, record_id: int | None) -> int:
    """Let the relay try a blocked record again, or all of them (None); returns how many. Raises NotFound where that one is not blocked."""
    if record_id is not None and not 0 < record_id <= _MOST_ID:
        raise NotFound("not-found")
    count = session.connection().execute(_RETRY, {"id": record_id or 0, "every": record_id is None}).rowcount
    if record_id is not None and not count:
        raise NotFound("not-found")
    return count


def drop(session: Session, record_id: int, *, actor: str, because: str) -> None:
    """Give a blocked record up: what waits behind it goes on. Raises NotFound where that one is not blocked.

    A fact that is dropped is heard by nobody and will have no outcome: it is counted as dropped, not as accounted for.
    """
    found = {"id": record_id, "actor": actor, "because": because}
    if not 0 < record_id <= _MOST_ID or session.scalars(_DROP, found).first() is None:
        raise NotFound("not-found")
