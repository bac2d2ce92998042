"""What operations see and mend: what waits, what failed, what is held back. Every act takes a reason and is kept in the audit.

Decides nothing on its own; each act is a rule of another room.
"""

from sqlalchemy.orm import Session

from services.notification import audit
from shared.inbox import Hearing, parked
from shared.problems import Conflict

# -- rules --------------------------------------------------------------------


def replay_parked(session: Session, hearing: Hearing, *, topic: str, key: str, actor: str, because: str) -> int:
    """Handle what waits under a key and let it go on; returns how many. Raises NotFound, Conflict where one fails again: nothing is changed then."""
    audit.note(session, actor=actor, act="parked.replay", subject=f"{topic} {key}", because=because)
    try:
        return parked.replay_key(session, hearing, topic=topic, key=key)
    except parked.StillFailing as fault:
        raise Conflict("invalid-transition", state="parked", possible=["drop"], reason=fault.reason) from fault
