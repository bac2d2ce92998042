"""Who was told what, and when: what the notification service says of its deliveries, kept for the case's timeline."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import outbox
from shared.events import Envelope
from shared.events.notification import DeliverySettled, OutcomeRecorded, Recipient

from .db import Base
from .lifecycles import HistoryRow


class Telling(Base):
    """One delivery that has ended. `accepted` means by the mail server or the endpoint, never more."""

    __tablename__ = "tellings"

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(index=True)
    event_id: Mapped[UUID]
    recipient: Mapped[str]
    hospital_id: Mapped[UUID | None]
    channel: Mapped[str]
    template: Mapped[str]
    ending: Mapped[str]
    at: Mapped[datetime]


def on_outcome_recorded(session: Session, event: OutcomeRecorded, _envelope: Envelope) -> None:
    """The fact is accounted for."""
    outbox.account_for(session, [event.event_id])


def on_delivery_settled(session: Session, event: DeliverySettled, _envelope: Envelope) -> None:
    """A line of the timeline; an `uncertain` one that was settled later is overwritten by what is newer. Mails to accounts belong to no case."""
    if event.recipient is Recipient.ACCOUNT:
        return
    values: dict[str, Any] = {
        "enquiry_id": event.case.id,
        "event_id": event.event_id,
        "recipient": event.recipient,
        "hospital_id": event.hospital_id,
        "channel": event.channel,
        "template": event.template,
        "ending": event.ending,
        "at": event.at,
    }
    row = insert(Telling).values(delivery_id=event.delivery_id, **values)
    session.execute(row.on_conflict_do_update(index_elements=["delivery_id"], set_=values, where=Telling.at <= event.at))


def timeline_of(session: Session, enquiry_id: UUID) -> list[dict[str, Any]]:
    """What happened and who was told, in the order of time: rows of `{at, kind, …}` that name no person: states and reason codes."""
    happened = session.scalars(select(HistoryRow).where(HistoryRow.enquiry_id == enquiry_id))
    told = session.scalars(select(Telling).where(Telling.enquiry_id == enquiry_id))
    rows = [
        {
            "at": one.at,
            "kind": "transition",
            "subject": one.subject,
            "subject_id": one.subject_id,
            "state": one.state,
            "by": one.actor_kind,
            "reason": one.reason,
        }
        for one in happened
    ] + [
        {
            "at": one.at,
            "kind": "told",
            "recipient": one.recipient,
            "hospital_id": one.hospital_id,
            "channel": one.channel,
            "about": one.template,
            "ending": one.ending,
        }
        for one in told
    ]
    return sorted(rows, key=lambda row: row["at"])
