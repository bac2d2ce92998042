"""The end of a hold: what it kept back is due, with as much time left as it had.

Holding itself is services/notification/holds.py; it knows no delivery.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notification import holds
from services.notification.holds import Hold

from .planning import wake

# A link ends when it ends: a mail is not worth sending after its own.
_PROLONG = text(
    """
    UPDATE deliveries d
    SET expires_at = least(
        d.expires_at + (clock_timestamp() - greatest(CAST(:held_at AS timestamptz), d.created_at)),
        greatest(d.expires_at, coalesce(
            CAST(coalesce(d.params->'verify', d.params->'case_link', d.params->'link')->>'expires_at' AS timestamptz), 'infinity'
        ))
    )
    WHERE d.state IN ('pending', 'waiting_contact', 'held', 'retrying') AND CASE :kind
        WHEN 'channel' THEN d.channel = :value
        WHEN 'template' THEN d.template = :value
        ELSE d.recipient = 'hospital' AND d.recipient_id::text = :value
    END
    """
)


def release(session: Session, *, hold_id: UUID, actor: str, because: str) -> Hold:
    """Let it go on; what was kept back lives longer by the time it was kept. Raises NotFound, Conflict."""
    released = holds.release(session, hold_id=hold_id, actor=actor, because=because)
    session.execute(_PROLONG, {"held_at": released.held_at, "kind": released.kind, "value": released.value})
    wake(session)
    return released
