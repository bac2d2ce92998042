"""A slot is held for a patient, then asked for: the hospital's answer is awaited, or has been given in advance."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import appointments, bookings, invitations, lifecycles, slots
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry, find_enquiry, locked_enquiry
from services.enquiry.clocks import add_business_days
from services.enquiry.invitations import Invitation
from services.enquiry.lifecycles import APPOINTMENT, ENQUIRY, Actor, AppointmentState, EnquiryState, InvitationState, possible_acts
from services.enquiry.settings import Settings
from services.enquiry.slots import resources
from services.enquiry.slots.free import Slot
from shared import crypto
from shared.clock import Clock
from shared.events.appointment import AppointmentHeld, AppointmentSubmitted
from shared.problems import Conflict, Invalid, field_error

from . import answering

BOOKABLE = (EnquiryState.OPEN, EnquiryState.ANSWERED, EnquiryState.ACCEPTED)
OPEN_INVITATIONS = (InvitationState.SENT, InvitationState.VIEWED, InvitationState.ANSWERED, InvitationState.LAPSED)


def hold_slot(
    session: Session, settings: Settings, *, reference: str, resource_id: UUID, start: datetime, actor: Actor, clock: Clock
) -> Appointment:
    """Keep a slot for a patient, once per hospital; touching it does not prolong it.

    Raises NotFound, Invalid (no slot; the hospital is not asked), Conflict (slot-taken, already-held, the enquiry is not open).
    """
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    refuse_unless_open(enquiry, actor)
    resource = resources.find_resource(session, resource_id)
    invitation = invitation_of(session, enquiry, resource.hospital_id, field="resource")
    hospital = appointments.calendar_of(session, resource.hospital_id)
    _refuse_second_hold(session, enquiry.id, resource.hospital_id)
    appointment_id = crypto.new_id()
    claim = slots.claim(
        session,
        resource_id=resource_id,
        appointment_id=appointment_id,
        start=start,
        hold_for=settings.hold_time,
        hospital=hospital,
        clock=clock,
    )
    now, start = clock(), start.astimezone(UTC)
    one = Appointment(
        id=appointment_id,
        enquiry_id=enquiry.id,
        invitation_id=invitation.id,
        hospital_id=resource.hospital_id,
        revision=0,
        companions=0,
        sequence=0,
        created_at=now,
    )
    appointments.place(one, Slot(start, start + timedelta(minutes=resource.slot_minutes), resource.id), resource, hospital)
    assert claim.expires_at is not None  # noqa: S101
    fact = AppointmentHeld(
        case=case,
        reference=enquiry.reference,
        appointment_id=one.id,
        invitation_id=invitation.id,
        hospital_id=one.hospital_id,
        start=one.starts_at,
        end=one.ends_at,
        expires_at=claim.expires_at,
    )
    appointments.move(session, one, fact, act="hold", actor=actor, now=now)
    appointments.ends_at(session, one, claim.expires_at)
    session.add(one)
    session.flush()
    return one


def refuse_unless_open(enquiry: Enquiry, actor: Actor) -> None:
    """Raises Conflict(invalid-transition)."""
    if not enquiry.is_in(*BOOKABLE):
        raise Conflict("invalid-transition", state=enquiry.state, possible=possible_acts(ENQUIRY, EnquiryState(enquiry.state), actor.kind))


def invitation_of(session: Session, enquiry: Enquiry, hospital_id: UUID | None, *, field: str) -> Invitation:
    """The invitation of a hospital that may be met: it was asked, and has not said no. Raises Invalid, naming the `field` that led to the hospital."""
    for one in invitations.invitations_of(session, enquiry.id):
        if one.hospital_id == hospital_id and one.state in OPEN_INVITATIONS:
            return one
    raise Invalid("hospital-not-asked", errors=[field_error(field, "is of a hospital that this enquiry does not ask")])


def _refuse_second_hold(session: Session, enquiry_id: UUID, hospital_id: UUID) -> None:
    for one in bookings.bookings_of(session, enquiry_id):
        if one.hospital_id == hospital_id and one.state == AppointmentState.HELD:
            raise Conflict("already-held", appointment=str(one.id), expires_at=one.expires_at)


def submit_appointment(
    session: Session,
    settings: Settings,
    *,
    appointment_id: UUID,
    kind: str,
    mode: str,
    companions: int,
    revision: int,
    actor: Actor,
    clock: Clock,
) -> Appointment:
    """The form is complete: the hospital is asked for the slot, or has let it be confirmed at once.

    A hold whose time is over, but is not recorded as expired, is claimed anew. Raises Conflict (hold-expired, slot-taken, appointment-exists), PreconditionFailed.
    """
    case, enquiry, one = appointments.locked(session, appointment_id)
    if one.state == AppointmentState.EXPIRED and one.kind is None:
        raise Conflict("hold-expired")
    lifecycles.check_revision(one.revision, revision)
    lifecycles.check(APPOINTMENT, "submit", state=AppointmentState(one.state), who=actor.kind)
    refuse_same_kind(session, enquiry_id=one.enquiry_id, hospital_id=one.hospital_id, kind=kind)
    one.kind, one.mode, one.companions = kind, mode, companions
    resource, hospital = (
        resources.find_resource(session, appointments.slot_of(one).resource_id),
        appointments.calendar_of(session, one.hospital_id),
    )
    if resource.instant:
        answering.confirm(
            session, settings, case, enquiry, one, act="confirm_instantly", actor=actor.cascade("instant_booking"), clock=clock
        )
        return one
    lead = timedelta(minutes=resource.lead_minutes)
    due = min(add_business_days(hospital, clock(), settings.appointment_answer), one.starts_at - lead)
    slots.keep(session, slot=appointments.slot_of(one), appointment_id=one.id, expires_at=due, hospital=hospital, clock=clock)
    now = clock()
    fact = AppointmentSubmitted(
        **appointments.named(case, enquiry, one),
        start=one.starts_at,
        end=one.ends_at,
        timezone=one.timezone,
        answer_due=due,
        case_link=appointments.case_link(session, settings, enquiry, now),
    )
    appointments.move(session, one, fact, act="submit", actor=actor, now=now)
    appointments.ends_at(session, one, due)
    return one


def refuse_same_kind(session: Session, *, enquiry_id: UUID, hospital_id: UUID, kind: str) -> None:
    """One live appointment of a kind at a hospital: the next one is another kind, or a change of this one. Raises Conflict(appointment-exists)."""
    for other in bookings.bookings_of(session, enquiry_id):
        if other.is_live and (other.hospital_id, other.kind) == (hospital_id, kind):
            raise Conflict("appointment-exists", appointment=str(other.id))
