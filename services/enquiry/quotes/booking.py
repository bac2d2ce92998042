"""An accepted quote and the appointment of its first stage: one that is agreed keeps the quote from lapsing, one that is gone starts the clock again.

Moves no appointment.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import bookings, lifecycles, quotations, quotes, timers
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import AGREED, LIVE_APPOINTMENTS, QuoteState
from services.enquiry.quotations import Quote
from services.enquiry.settings import Settings
from shared.events import Case
from shared.events.quote import QuoteBooked, QuoteUnbooked, QuoteUnsettled

STAGES = (
    "assessment",
    "screening_trial",
    "admission",
)  # kinds of appointments with which a treatment begins; neither a talk nor a visit after it
WARNINGS = {"quote_lapsing_14d": timedelta(days=14), "quote_lapsing_3d": timedelta(days=3)}


def watch(session: Session, one: Quote, now: datetime) -> None:
    """Without an appointment until `book_until` it lapses."""
    assert one.book_until is not None  # noqa: S101
    warned = {kind: one.book_until - lead for kind, lead in WARNINGS.items()}
    moments = {kind: at for kind, at in warned.items() if at > now} | {"quote_lapse": one.book_until}
    timers.schedule(session, enquiry_id=one.enquiry_id, subject_id=one.id, moments=moments)


def book(session: Session, settings: Settings, case: Case, enquiry: Enquiry, hospital_id: UUID, *, now: datetime) -> None:
    """The accepted quote of this hospital has its first appointment. Nothing where it has none, or nothing is accepted."""
    one = _taken(session, enquiry.id, hospital_id)
    if one is None or one.state != QuoteState.ACCEPTED or (found := _first_stage(session, one, now)) is None:
        return
    one.book_until, one.appointment_id = None, found.id
    fact = QuoteBooked(**quotes.named(case, enquiry, one), appointment_id=found.id)
    quotes.move(session, one, fact, act="book", actor=lifecycles.SYSTEM, now=now)
    _watch_settling(session, one, found.ends_at + settings.quote_unsettled)


def unbook(session: Session, settings: Settings, case: Case, enquiry: Enquiry, gone: Appointment, *, now: datetime) -> None:
    """This appointment is cancelled or void: another takes its place where one is agreed already, else the clock starts again."""
    one = _taken(session, enquiry.id, gone.hospital_id)
    if one is None or one.appointment_id != gone.id:
        return
    if (other := _first_stage(session, one, now)) is not None:
        one.appointment_id = other.id
        return
    one.appointment_id, one.book_until = None, now + settings.quote_booking
    fact = QuoteUnbooked(
        **quotes.named(case, enquiry, one), book_until=one.book_until, case_link=quotes.case_link(session, settings, enquiry, now)
    )
    quotes.move(session, one, fact, act="unbook", actor=lifecycles.SYSTEM, now=now)
    watch(session, one, now)


def leave_unsettled(session: Session, settings: Settings, quote_id: UUID, now: datetime) -> bool:
    """Long after its last appointment nobody has said what it cost: so be it. Looked at again where there was a later appointment."""
    case, enquiry, one = quotes.locked(session, quote_id)
    if one.state != QuoteState.BOOKED:
        return False
    here = [other for other in bookings.bookings_of(session, enquiry.id) if other.hospital_id == one.hospital_id and other.kind in STAGES]
    due = max(other.ends_at for other in here) + settings.quote_unsettled
    if due > now:
        _watch_settling(session, one, due)
        return False
    if any(
        other.state in LIVE_APPOINTMENTS for other in here
    ):  # what became of it is still to be said: by a timer of its own at the latest
        _watch_settling(session, one, now + timedelta(days=1))
        return False
    quotes.end(session, one, QuoteUnsettled(**quotes.named(case, enquiry, one)), act="unsettle", actor=lifecycles.SYSTEM, now=now)
    return True


def _taken(session: Session, enquiry_id: UUID, hospital_id: UUID) -> Quote | None:
    found = quotations.taken_of(session, enquiry_id)
    return found if found is not None and found.hospital_id == hospital_id else None


def _first_stage(session: Session, one: Quote, now: datetime) -> Appointment | None:
    """The earliest appointment still to come with which the treatment begins there, agreed by both sides."""
    here = [other for other in bookings.bookings_of(session, one.enquiry_id) if other.hospital_id == one.hospital_id]
    coming = [other for other in here if other.state in AGREED and other.kind in STAGES and other.starts_at > now]
    return min(coming, key=lambda other: other.starts_at, default=None)


def _watch_settling(session: Session, one: Quote, at: datetime) -> None:
    timers.schedule(session, enquiry_id=one.enquiry_id, subject_id=one.id, moments={"quote_unsettle": at})
