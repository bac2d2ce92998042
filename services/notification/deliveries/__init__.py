"""Deliveries: one row for each message to one recipient by one channel. The row is the queue, and the proof.

Its modules: schedules (when to try again), planning (rows come), claims and sending (rows go), settling (how they ended), records (what owners see).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.notification.db import Base


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    WAITING_CONTACT = "waiting_contact"  # the contact or the hospital it names has not arrived yet
    HELD = "held"  # waits two minutes for others to join it
    SENDING = "sending"
    RETRYING = "retrying"
    ACCEPTED = "accepted"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SUPPRESSED = "suppressed"
    DISABLED = "disabled"
    EXPIRED = "expired"
    FOLDED = "folded"


WAITING = (State.PENDING, State.WAITING_CONTACT, State.HELD, State.RETRYING)
ENDED = (State.ACCEPTED, State.FAILED, State.UNCERTAIN, State.SUPPRESSED, State.DISABLED, State.EXPIRED, State.FOLDED)
_WAITS = "state IN ('pending', 'waiting_contact', 'held', 'retrying')"

CHANNEL = "delivery_due"  # NOTIFY: a hint that something is due; the loop looks by itself, too


class Delivery(Base):
    """`params` holds opaque ids, references and times only; `case_*` and `event_id` are empty where no fact caused it (a test, a failing endpoint)."""

    __tablename__ = "deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID | None]
    event_at: Mapped[datetime]
    case_id: Mapped[UUID | None]
    case_version: Mapped[int | None] = mapped_column(BigInteger)
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    recipient: Mapped[str]
    recipient_id: Mapped[UUID | None]
    endpoint_id: Mapped[UUID | None]
    channel: Mapped[str]
    template: Mapped[str]
    params: Mapped[dict[str, Any]]
    message_id: Mapped[UUID]
    again_of: Mapped[UUID | None]
    state: Mapped[str]
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default="0")
    token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    folded_into: Mapped[UUID | None]
    reason: Mapped[str | None]
    traceparent: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    settled_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]  # an uncertain one was sent again or left as it is
    forgotten_at: Mapped[datetime | None]  # its person was erased while it was under way

    __table_args__ = (
        Index("deliveries_due_idx", "channel", "due_at", "id", postgresql_where=text(f"endpoint_id IS NULL AND {_WAITS}")),
        Index(
            "deliveries_lanes_idx", "channel", "endpoint_id", "due_at", "id", postgresql_where=text(f"endpoint_id IS NOT NULL AND {_WAITS}")
        ),
        Index("deliveries_expiry_idx", "expires_at", postgresql_where=text(_WAITS)),
        Index("deliveries_sending_idx", "endpoint_id", postgresql_where=text("state = 'sending'")),
        Index("deliveries_lease_idx", "lease_until", postgresql_where=text("state = 'sending'")),
        Index(None, "recipient_id", "id"),
        Index(None, "case_id", "id"),
        Index("deliveries_folded_into_idx", "folded_into", postgresql_where=text("folded_into IS NOT NULL")),
        Index("deliveries_settled_at_idx", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
        Index(None, "state", "id"),
    )


class Attempt(Base):
    """One try to send. Committed as started before anything is sent; without a result after the lease: nobody knows."""

    __tablename__ = "attempts"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    finished_at: Mapped[datetime | None]
    result: Mapped[str | None]
    status: Mapped[int | None]
    reply: Mapped[str | None]
