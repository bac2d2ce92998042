"""The hospital's answer to a slot that was asked for."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, invitations, lifecycles, slots
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry
from services.enquiry.invitations import Invitation
from services.enquiry.lifecycles import APPOINTMENT, Actor, AppointmentState, Who
from services.enquiry.quotes import booking
from services.enquiry.settings import Settings
from shared.clock import Clock
from shared.events import Case
from shared.events.appointment import AppointmentConfirmed, AppointmentDecline, AppointmentDeclined, Party
from shared.problems import Invalid, field_error

from . import reminding


def confirm_appointment(
    session: Session, settings: Settings, *, appointment_id: UUID, revision: int, actor: Actor, clock: Clock
) -> Appointment:
    """The hospital says yes: the claim is for good. Raises Conflict (invalid-transition, slot-taken), PreconditionFailed."""
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    lifecycles.check(APPOINTMENT, "confirm", state=AppointmentState(one.state), who=actor.kind)
    confirm(session, settings, case, enquiry, one, act="confirm", actor=actor, clock=clock)
    return one


def confirm(
    session: Session, settings: Settings, case: Case, enquiry: Enquiry, one: Appointment, *, act: str, actor: Actor, clock: Clock
) -> None:
    """The claim is for good, the hospital has answered. Raises Conflict(slot-taken)."""
    hospital = appointments.calendar_of(session, one.hospital_id)
    slots.keep(session, slot=appointments.slot_of(one), appointment_id=one.id, expires_at=None, hospital=hospital, clock=clock)
    now = clock()
    fact = AppointmentConfirmed(
        **appointments.named(case, enquiry, one),
        start=one.starts_at,
        end=one.ends_at,
        timezone=one.timezone,
        sequence=one.sequence,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.move(session, one, fact, act=act, actor=actor, now=now)
    one.confirmed_at, one.expires_at = now, None
    reminding.follow(session, settings, one, now)
    invitation = session.get_one(Invitation, one.invitation_id, populate_existing=True)
    invitations.answer(session, case, enquiry, invitation, actor=actor, now=now)
    session.flush()
    booking.book(session, settings, case, enquiry, one.hospital_id, now=now)


def decline_appointment(
    session: Session, settings: Settings, *, appointment_id: UUID, reason: str, revision: int, actor: Actor, now: datetime
) -> Appointment:
    """One side says no before anything was agreed: what was kept is free again.

    Raises Invalid where it is not this side's reason, Conflict(invalid-transition), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id, revision=revision)
    if actor.kind is Who.PATIENT and reason != AppointmentDecline.TIME_DOES_NOT_SUIT:
        raise Invalid("invalid", errors=[field_error("reason", "of a patient is time_does_not_suit")])
    fact = AppointmentDeclined(
        **appointments.named(case, enquiry, one),
        by=Party(actor.kind),
        reason=AppointmentDecline(reason),
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.end(session, one, fact, act="decline", actor=replace(actor, reason=reason), now=now)
    if actor.kind is not Who.PATIENT:  # who may ask for other times
        invitations.end_search(session, settings, case, enquiry, now=now)
    return one
