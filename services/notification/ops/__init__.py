"""What operations see and mend: what waits, what failed, what is held back. Every act takes a reason and is kept in the audit.

Decides nothing on its own; each act is a rule of another room.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from services.notification import audit
from services.notification.contacts.endpoints import Endpoint
from services.notification.endpoints import register_endpoint
from services.notification.settings import Settings
from shared.inbox import Hearing, parked
from shared.problems import Conflict

# -- rules --------------------------------------------------------------------


def replay_parked(session: Session, hearing: Hearing, *, topic: str, key: str, actor: str, because: str) -> int:
    """Handle what waits under a key and let it go on; returns how many. Raises NotFound, Conflict where one fails again: nothing is changed then."""
    audit.note(session, actor=actor, act="parked.replay", subject=f"{topic} {key}", because=because)
    try:
        return parked.replay_key(session, hearing, topic=topic, key=key, actor=actor, because=because)
    except parked.StillFailing as fault:
        raise Conflict("invalid-transition", state="parked", possible=["drop"], reason=fault.reason) from fault


def register_for_hospital(
    session: Session, settings: Settings, *, hospital_id: UUID, kind: str, place: str, trusted: bool, actor: str, because: str
) -> tuple[Endpoint, str | None]:
    """As `register_endpoint`, audited: `endpoint.trust` where the address is used without proof, else `endpoint.add`."""
    made, secret = register_endpoint(session, settings, hospital_id=hospital_id, kind=kind, place=place, trusted=trusted)
    audit.note(session, actor=actor, act="endpoint.trust" if trusted else "endpoint.add", subject=str(made.id), because=because)
    return made, secret
