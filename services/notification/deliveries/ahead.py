"""What planning asks for each fact of a batch, asked once for all of them. Without it each asks for itself, with the same answer.

Decides nothing, and keeps nothing beyond its transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.notification.contacts.endpoints import Endpoint, usable_among, usable_of
from services.notification.mails import LETTERS

from . import Delivery

FOLDING = [name for name, letter in LETTERS.items() if letter.folds]
_AHEAD = "what planning knows ahead"


@dataclass(frozen=True)
class _Ahead:
    """Usable endpoints of hospitals; cases that were looked up, and those of them that have a letter that may fold."""

    endpoints: dict[UUID, list[Endpoint]]
    cases: set[UUID]
    folding: set[UUID]


def look(session: Session, *, hospital_ids: Collection[UUID], case_ids: Collection[UUID]) -> None:
    """Facts of a case are heard one after the other, so what is read here is still so when its facts are planned."""
    query = select(Delivery.case_id).where(Delivery.case_id.in_(case_ids), Delivery.template.in_(FOLDING)).distinct()
    folding = {found for found in session.scalars(query) if found}
    session.info[_AHEAD] = _Ahead(usable_among(session, hospital_ids), set(case_ids), folding)


def endpoints_of(session: Session, hospital_id: UUID) -> Sequence[Endpoint]:
    """Those that are told of alerts, oldest first."""
    known: _Ahead | None = session.info.get(_AHEAD)
    return known.endpoints[hospital_id] if known and hospital_id in known.endpoints else usable_of(session, hospital_id)


def is_first_to_fold(session: Session, case_id: UUID) -> bool:
    """Whether no letter of this case can be there for another to fold with; the next one is told otherwise."""
    known: _Ahead | None = session.info.get(_AHEAD)
    if known is None or case_id not in known.cases or case_id in known.folding:
        return False
    known.folding.add(case_id)
    return True
