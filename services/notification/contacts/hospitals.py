"""Hospitals, as the catalog says them: name, zone and languages, for the mails that go to them.

Never says who is a partner; that is enquiry's to judge.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, false, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.notification.db import Base
from shared import inbox
from shared.events import Tombstone
from shared.events.catalog import HospitalState
from shared.problems import NotFound, Unavailable

CONSUMER = "notification"  # of this service: whether it has read the catalog


class Hospital(Base):
    """What a mail needs to know of a hospital. Withdrawn from the catalog: the name stays, for what is under way."""

    __tablename__ = "hospitals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    timezone: Mapped[str | None]
    languages: Mapped[list[str]]
    withdrawn: Mapped[bool] = mapped_column(server_default=false())


def apply_hospital(session: Session, state: HospitalState | Tombstone) -> bool:
    """Keep the newest version; False where ours is as new."""
    values: dict[str, Any] = {"version": state.version, "withdrawn": isinstance(state, Tombstone)}
    if not isinstance(state, Tombstone):
        values |= {"name": state.name, "timezone": state.timezone, "languages": state.languages}
    statement = upsert(Hospital).values({"id": state.id, "name": "", "languages": [], **values})
    newer = Hospital.version < statement.excluded.version
    applied = session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values, where=newer).returning(Hospital.id))
    return applied.first() is not None


def require_known(session: Session, hospital_id: UUID) -> None:
    """Raises NotFound for a hospital the catalog has not named; Unavailable(catalog-not-loaded) as long as it was not read once."""
    if session.get(Hospital, hospital_id) is not None:
        return
    if not inbox.is_caught_up(session, CONSUMER):
        raise Unavailable("catalog-not-loaded", retry_after=5)
    raise NotFound("not-found", detail="the catalog has named no such hospital")


def hospitals_by_id(session: Session, ids: Collection[UUID]) -> dict[UUID, Hospital]:
    """Those we know of."""
    return {row.id: row for row in session.scalars(select(Hospital).where(Hospital.id.in_(ids)))} if ids else {}
