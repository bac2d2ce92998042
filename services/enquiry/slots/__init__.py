"""Slots: when a hospital's people can be met, and who has taken which moment. Two live claims on one moment of a resource cannot stand in the database.

Knows resources and claims, no lifecycle: what a claim is for stands in appointments.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, delete, func, text, update
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry.clocks import Calendar
from services.enquiry.db import Base
from shared import crypto, writes
from shared.clock import Clock
from shared.problems import Conflict, Invalid, NotFound, field_error

from . import free
from .free import Slot
from .resources import Resource

NEXT_FREE = 3  # are named where a slot is taken
NEXT_DAYS = 4  # are looked at first: others wait for the resource meanwhile
_TAKEN = {"23P01", "40P01"}  # exclusion_violation, deadlock_detected

# -- table --------------------------------------------------------------------


class SlotClaim(Base):
    """A moment of a resource that an appointment has. `during` ends with the buffer behind the appointment; `expires_at` is None where it is firm."""

    __tablename__ = "slot_claims"
    __table_args__ = (
        # an appointment may overlap with itself: it moves over its own old slot
        ExcludeConstraint(
            ("resource_id", "="), ("during", "&&"), ("appointment_id", "<>"), name="slot_claims_no_double_booking", using="gist"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID] = mapped_column(ForeignKey("resources.id"))
    appointment_id: Mapped[UUID] = mapped_column(index=True)
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    expires_at: Mapped[datetime | None]


# -- rules --------------------------------------------------------------------


def claim(
    session: Session,
    *,
    resource_id: UUID,
    appointment_id: UUID,
    start: datetime,
    hold_for: timedelta | None,
    hospital: Calendar,
    clock: Clock,
) -> SlotClaim:
    """Take a slot for an appointment, for `hold_for` or for good. The case is locked by the caller, the resource here, and the time is read after that.

    Raises NotFound (no such resource), Invalid (not one of its slots), Conflict(slot-taken) with the next free ones.
    """
    resource = _locked(session, resource_id)
    if resource.retired_at is not None:
        raise NotFound("not-found")
    now = clock()
    slot = free.slot_at(resource.calendar(hospital), resource, start, now=now)
    if slot is None:
        raise Invalid("invalid", errors=[field_error("start", "is not the beginning of a slot that can be asked for")])
    return _take(
        session, resource, slot, appointment_id=appointment_id, expires_at=now + hold_for if hold_for else None, hospital=hospital, now=now
    )


def keep(session: Session, *, slot: Slot, appointment_id: UUID, expires_at: datetime | None, hospital: Calendar, clock: Clock) -> None:
    """What an appointment has, it has until `expires_at`, or for good. Where its time was over and somebody else asked meanwhile, it is taken anew if it is free.

    Hours that were changed since then do not count. Raises NotFound, Conflict(slot-taken).
    """
    resource = _locked(session, slot.resource_id)
    mine = (
        SlotClaim.appointment_id == appointment_id,
        SlotClaim.resource_id == slot.resource_id,
        func.lower(SlotClaim.during) == slot.start,
    )
    if not session.execute(update(SlotClaim).where(*mine).values(expires_at=expires_at).returning(SlotClaim.id)).all():
        _take(session, resource, slot, appointment_id=appointment_id, expires_at=expires_at, hospital=hospital, now=clock())


def _take(
    session: Session,
    resource: Resource,
    slot: Slot,
    *,
    appointment_id: UUID,
    expires_at: datetime | None,
    hospital: Calendar,
    now: datetime,
) -> SlotClaim:
    """Under the resource's lock. Claims whose time is over give way. Raises Conflict(slot-taken)."""
    over = (SlotClaim.resource_id == resource.id, SlotClaim.expires_at <= now)
    session.execute(delete(SlotClaim).where(*over).execution_options(synchronize_session=False))
    row = SlotClaim(
        id=crypto.new_id(),
        resource_id=resource.id,
        appointment_id=appointment_id,
        during=Range(slot.start, slot.end + timedelta(minutes=resource.buffer_minutes), bounds="[)"),
        expires_at=expires_at,
    )
    try:
        with writes.savepoint(session):
            session.add(row)
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) not in _TAKEN:
            raise
        after = _next_free(session, resource, slot.start, hospital=hospital, now=now)
        raise Conflict("slot-taken", next=[{"resource": str(one.resource_id), "start": one.start.isoformat()} for one in after]) from fault
    return row


def _next_free(session: Session, resource: Resource, since: datetime, *, hospital: Calendar, now: datetime) -> list[Slot]:
    """Those of the next days; only where there are not enough, of all the days that are shown."""
    found: list[Slot] = []
    for days in (NEXT_DAYS, free.MOST_DAYS):
        found = free_slots(session, [resource], hospital=hospital, since=since, until=since + timedelta(days=days), now=now)[:NEXT_FREE]
        if len(found) == NEXT_FREE:
            break
    return found


def _locked(session: Session, resource_id: UUID) -> Resource:
    """Writers of one resource come one after the other: without it some of them would meet in a deadlock. Raises NotFound."""
    resource = session.get(Resource, resource_id, with_for_update=True, populate_existing=True)
    if resource is None:
        raise NotFound("not-found")
    return resource


def release(session: Session, appointment_id: UUID, *, but: Slot | None = None) -> None:
    """Give back what an appointment has, `but` one slot."""
    given = SlotClaim.appointment_id == appointment_id
    if but is not None:
        given &= (SlotClaim.resource_id != but.resource_id) | (func.lower(SlotClaim.during) != but.start)
    session.execute(delete(SlotClaim).where(given))


def free_slots(
    session: Session, resources: Sequence[Resource], *, hospital: Calendar, since: datetime, until: datetime, now: datetime
) -> list[Slot]:
    """What can be asked for at these resources, by time."""
    taken = _taken(session, [one.id for one in resources], since, until, now)
    found = [
        slot
        for one in resources
        for slot in free.slots_between(one.calendar(hospital), one, since, until, now=now)
        if not any(start < slot.end + timedelta(minutes=one.buffer_minutes) and slot.start < end for start, end in taken.get(one.id, ()))
    ]
    return sorted(found, key=lambda slot: (slot.start, str(slot.resource_id)))


def _taken(
    session: Session, ids: Sequence[UUID], since: datetime, until: datetime, now: datetime
) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """Claims by resource, those whose time is over left out; the index of the constraint answers it."""
    taken: dict[UUID, list[tuple[datetime, datetime]]] = {}
    for row in session.execute(_LIVE, {"ids": list(ids), "since": since, "until": until, "now": now}):
        taken.setdefault(row.resource_id, []).append((row.start, row.end))
    return taken


_LIVE = text(
    """
    SELECT resource_id, lower(during) AS start, upper(during) AS "end" FROM slot_claims
    WHERE resource_id = ANY(:ids) AND during && tstzrange(:since, :until) AND (expires_at IS NULL OR expires_at > :now)
    """
)
