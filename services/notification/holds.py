"""Holds: what operations keep from being sent for a while: a channel, a template or a hospital.

What is held back waits in its row; nothing is lost by it, and nothing expires meanwhile.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, db, writes
from shared.events.notification import Channel
from shared.problems import Conflict, Invalid, NotFound, field_error

from . import audit
from .db import Base
from .mails import LETTERS

KINDS = ("channel", "template", "hospital")


class Hold(Base):
    """One hold, kept after its release."""

    __tablename__ = "holds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    value: Mapped[str]
    because: Mapped[str]
    held_by: Mapped[str]
    held_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    released_at: Mapped[datetime | None]

    __table_args__ = (Index("holds_live_idx", "kind", "value", unique=True, postgresql_where=text("released_at IS NULL")),)


def hold(session: Session, *, kind: str, value: str, actor: str, because: str) -> Hold:
    """Keep back from now on. Raises Invalid where there is no such thing, Conflict where it is held already."""
    value = _checked(kind, value)
    held = Hold(id=crypto.new_id(), kind=kind, value=value, because=because, held_by=actor)
    try:
        with writes.savepoint(session):
            session.add(held)
    except IntegrityError as fault:  # of two that come at once, one
        raise Conflict("invalid-transition", state="held", possible=["release"]) from fault
    session.refresh(held)
    audit.note(session, actor=actor, act="hold", subject=f"{kind} {value}", because=because)
    return held


def release(session: Session, *, hold_id: UUID, actor: str, because: str) -> Hold:
    """Let it go on. Raises NotFound, Conflict."""
    held = session.get(Hold, hold_id, with_for_update=True)
    if held is None:
        raise NotFound("not-found")
    if held.released_at is not None:
        raise Conflict("invalid-transition", state="released", possible=[])
    held.released_at = session.scalars(select(func.clock_timestamp())).one()
    audit.note(session, actor=actor, act="release", subject=f"{held.kind} {held.value}", because=because)
    return held


def find_live(session: Session, *, kind: str, value: str) -> Hold:
    """Raises Invalid, NotFound."""
    value = _checked(kind, value)
    found = session.scalars(select(Hold).where(Hold.kind == kind, Hold.value == value, Hold.released_at.is_(None))).first()
    if found is None:
        raise NotFound("not-found")
    return found


def holds_of(session: Session, *, live: bool, after: UUID | None, limit: int) -> list[Hold]:
    """Newest first; one more than `limit`."""
    query = select(Hold).where(Hold.released_at.is_(None) if live else Hold.released_at.is_not(None))
    return list(session.scalars(db.newest_first(query, Hold.id, after=after, limit=limit)))


def _checked(kind: str, value: str) -> str:
    """As deliveries have it. Raises Invalid."""
    known = {"channel": {str(one) for one in Channel}, "template": set(LETTERS)}.get(kind)
    if known is not None and value not in known:
        raise Invalid("invalid", errors=[field_error("value", f"must be one of {', '.join(sorted(known))}")])
    if kind == "hospital":
        try:
            return str(UUID(value))
        except ValueError as fault:
            raise Invalid("invalid", errors=[field_error("value", "must be the id of a hospital")]) from fault
    return value
