"""Appointments as rows: what is held, asked for and agreed in a case. Below the rooms that move them or have to know whether there are any.

Moves none itself.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, exists, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .db import Base
from .lifecycles import LIVE_APPOINTMENTS, AppointmentState

_CAME_TO_NOTHING = (
    AppointmentState.DECLINED,
    AppointmentState.EXPIRED,
    AppointmentState.CANCELLED,
    AppointmentState.MISSED,
    AppointmentState.VOIDED,
)


class Appointment(Base):
    """One meeting. `revision` is its ETag, `sequence` that of its calendar entry; `expires_at` is when its present state ends by itself.

    While no slot is chosen `resource_id` is None, and `starts_at` to `ends_at` is the span of the days that suit the patient.
    `local_start` is the wall clock of `timezone` as it was agreed, `starts_at` what that meant then; from `late_from` on a cancellation is late.
    """

    __tablename__ = "appointments"
    __table_args__ = (
        Index("appointments_hospital_id_starts_at_id_idx", "hospital_id", "starts_at", "id"),
        Index("appointments_hospital_id_state_starts_at_idx", "hospital_id", "state", "starts_at"),
        Index("appointments_hold_key", "enquiry_id", "hospital_id", unique=True, postgresql_where=text("state = 'held'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"), index=True)
    invitation_id: Mapped[UUID] = mapped_column(ForeignKey("invitations.id"))
    hospital_id: Mapped[UUID]
    resource_id: Mapped[UUID | None] = mapped_column(ForeignKey("resources.id"))
    revision: Mapped[int]
    state: Mapped[str]
    kind: Mapped[str | None]
    mode: Mapped[str | None]
    companions: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    timezone: Mapped[str]
    local_start: Mapped[str]
    late_from: Mapped[datetime]
    sequence: Mapped[int]
    expires_at: Mapped[datetime | None]
    windows: Mapped[list[Any] | None]  # [{since, until}]: days that suit the patient, in `timezone`
    offers: Mapped[list[Any] | None]  # [{resource, start, end, expires_at}]: what the hospital keeps to choose from
    proposal: Mapped[dict[str, Any] | None]  # {resource, start, end, by}: another time, and who asked for it
    reason: Mapped[str | None]
    late: Mapped[bool | None]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    reminded: Mapped[str | None]  # the last timer that told somebody, and of which start: those of an earlier time come, too
    outcome: Mapped[str | None]
    disputed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_APPOINTMENTS


def bookings_of(session: Session, enquiry_id: UUID) -> list[Appointment]:
    """All appointments of a case, in the order in which they began."""
    return list(session.scalars(select(Appointment).where(Appointment.enquiry_id == enquiry_id).order_by(Appointment.id)))


def stand(session: Session, enquiry_id: UUID) -> bool:
    """Whether a case has an appointment that did not come to nothing."""
    mine = (Appointment.enquiry_id == enquiry_id, Appointment.state.not_in(_CAME_TO_NOTHING))
    return bool(session.scalar(select(exists().where(*mine))))
