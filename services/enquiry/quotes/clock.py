"""What happens to quotes when nobody does anything: they expire, and what was accepted lapses. Each re-reads the state first."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import lifecycles, quotes
from services.enquiry.lifecycles import QuoteState
from services.enquiry.settings import Settings
from services.enquiry.timers import Firing
from shared import outbox
from shared.events.quote import QuoteExpired, QuoteExpiring, QuoteLapsed, QuoteLapsing

from . import booking, issuing

WARNINGS = (*issuing.WARNINGS, *booking.WARNINGS)  # kinds of timers that only tell the patient


def firings(settings: Settings) -> dict[str, Firing]:
    """The timers of a quote, by kind."""
    return {
        "quote_expiry": lambda session, _, its_id, now: _expire(session, settings, its_id, now),
        "quote_lapse": lambda session, _, its_id, now: _lapse(session, settings, its_id, now),
        "quote_unsettle": lambda session, _, its_id, now: booking.leave_unsettled(session, settings, its_id, now),
        **{kind: _warning_of_expiry(settings, kind) for kind in issuing.WARNINGS},
        **{kind: _warning_of_lapse(settings, kind) for kind in booking.WARNINGS},
    }


def _is_time(warnings: dict[str, timedelta], kind: str, end: datetime, now: datetime) -> bool:
    """Late is pointless: when the next warning is due, or the end has come, this one is dropped; so is one of an end that was put off."""
    lead = warnings[kind]
    later = max((other for other in warnings.values() if other < lead), default=timedelta(0))
    return end - lead <= now < end - later


def _warning_of_expiry(settings: Settings, kind: str) -> Firing:
    def warn(session: Session, _case_id: UUID, quote_id: UUID, now: datetime) -> bool:
        case, enquiry, one = quotes.locked(session, quote_id)
        if one.state != QuoteState.ISSUED or not _is_time(issuing.WARNINGS, kind, one.valid_until, now):
            return False
        link = quotes.case_link(session, settings, enquiry, now)
        outbox.record(session, QuoteExpiring(**quotes.named(case, enquiry, one), valid_until=one.valid_until, case_link=link), at=now)
        return True

    return warn


def _expire(session: Session, settings: Settings, quote_id: UUID, now: datetime) -> bool:
    case, enquiry, one = quotes.locked(session, quote_id)
    if one.state != QuoteState.ISSUED or one.valid_until > now:
        return False
    fact = QuoteExpired(**quotes.named(case, enquiry, one), case_link=quotes.case_link(session, settings, enquiry, now))
    quotes.end(session, one, fact, act="expire", actor=lifecycles.SYSTEM, now=now)
    quotes.look_again(session, settings, case, enquiry, now=now)
    return True


def _warning_of_lapse(settings: Settings, kind: str) -> Firing:
    def warn(session: Session, _case_id: UUID, quote_id: UUID, now: datetime) -> bool:
        case, enquiry, one = quotes.locked(session, quote_id)
        if one.state != QuoteState.ACCEPTED or one.book_until is None or not _is_time(booking.WARNINGS, kind, one.book_until, now):
            return False
        link = quotes.case_link(session, settings, enquiry, now)
        outbox.record(session, QuoteLapsing(**quotes.named(case, enquiry, one), book_until=one.book_until, case_link=link), at=now)
        return True

    return warn


def _lapse(session: Session, settings: Settings, quote_id: UUID, now: datetime) -> bool:
    case, enquiry, one = quotes.locked(session, quote_id)
    if one.state != QuoteState.ACCEPTED or one.book_until is None or one.book_until > now:
        return False
    fact = QuoteLapsed(**quotes.named(case, enquiry, one), case_link=quotes.case_link(session, settings, enquiry, now))
    quotes.end(session, one, fact, act="lapse", actor=lifecycles.SYSTEM, now=now)
    quotes.look_again(session, settings, case, enquiry, now=now)
    return True
