"""How notification's own facts are numbered and recorded: outcomes, and how deliveries ended.

Never decides who is told.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import outbox
from shared.events import Case
from shared.events.notification import Channel, DeliverySettled, Ending, OutcomeRecorded, Recipient

FURTHER = 4  # numbers that are drawn when those expected are used up
_NUMBERS = "numbers of facts"
_DRAW = text("SELECT nextval('fact_numbers') FROM generate_series(1, :count)")


def case_of(session: Session, case_id: UUID, *, version: int, patient_id: UUID | None) -> Case:
    """The case of a fact heard, as the case of a fact of ours: the version is that of the fact heard.

    Several facts of one version and many deliveries lead to facts of ours, so their sequence is drawn from one PostgreSQL sequence for all
    cases: unique within (case, version) until it has gone round 2^31 times. No lock on the case is needed, because the order of our facts has a meaning
    only within one delivery, and there each is recorded after the one before was committed: planned, then settled.
    """
    return Case(id=case_id, version=version, patient_id=patient_id, sequences=_numbers(session))


def draw_ahead(session: Session, count: int) -> None:
    """So many facts of ours are to be expected: their numbers are drawn at once. What is not used is lost, and nobody misses it."""
    drawn_ahead(session, _drawn(session, count))


def drawn_ahead(session: Session, numbers: Sequence[int]) -> None:
    """The same where a statement has drawn them along the way."""
    session.info[_NUMBERS] = _in_turn(session, numbers)


def _numbers(session: Session) -> Iterator[int]:
    if _NUMBERS not in session.info:
        draw_ahead(session, 1)
    numbers: Iterator[int] = session.info[_NUMBERS]
    return numbers


def _in_turn(session: Session, numbers: Sequence[int]) -> Iterator[int]:
    while True:
        yield from numbers
        numbers = _drawn(session, FURTHER)


def _drawn(session: Session, count: int) -> Sequence[int]:
    return session.scalars(_DRAW, {"count": count}).all()


def record_outcome(session: Session, case: Case, *, event_id: UUID, planned: int) -> None:
    """Answer a fact heard: `planned` deliveries come of it, none included."""
    outbox.record(session, OutcomeRecorded(case=case, event_id=event_id, planned=planned))


def record_settled(
    session: Session,
    case: Case,
    *,
    delivery_id: UUID,
    event_id: UUID,
    recipient: str,
    channel: str,
    template: str,
    ending: str,
    at: datetime,
    hospital_id: UUID | None,
) -> None:
    """Say how a delivery ended."""
    settled = DeliverySettled(
        case=case,
        delivery_id=delivery_id,
        event_id=event_id,
        recipient=Recipient(recipient),
        channel=Channel(channel),
        template=template,
        ending=Ending(ending),
        at=at,
        hospital_id=hospital_id,
    )
    outbox.record(session, settled)
