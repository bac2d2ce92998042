"""The patient's side: a quote is accepted, which declines the others and lets one hospital know who asks; declined; or given up after that by either side."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import consents, listings, quotations, quotes
from services.enquiry.cases import Enquiry, move_enquiry
from services.enquiry.consents import RELEASE_IDENTITY, Given
from services.enquiry.lifecycles import QUOTE, TAKEN_QUOTES, Actor, QuoteState, check
from services.enquiry.quotations import Quote
from services.enquiry.settings import Settings
from shared import outbox
from shared.events import Case
from shared.events.enquiry import ConsentGiven, EnquiryAccepted, Link
from shared.events.quote import QuoteAccepted, QuoteCancelled, QuoteExtended, QuoteReason, Side
from shared.problems import Conflict, refuse

from . import booking


def accept_quote(
    session: Session, settings: Settings, *, quote_id: UUID, consent: Given, revision: int, actor: Actor, now: datetime
) -> Quote:
    """The patient takes it, risks and price acknowledged; this hospital learns who they are, the other quotes are declined, in one transaction.

    Raises Conflict (invalid-transition, quote-expired), Invalid (consent-outdated), PreconditionFailed.
    """
    case, enquiry, one = quotes.locked(session, quote_id, revision=revision)
    check(QUOTE, "accept", state=QuoteState(one.state), who=actor.kind)
    if one.valid_until <= now:
        raise Conflict("quote-expired", valid_until=one.valid_until)
    refuse(consents.release_faults(listings.find_procedure(session, enquiry.procedure_slug), consent))
    given = consents.add_consent(session, case, consent, hospital_id=one.hospital_id, now=now)
    one.book_until = now + settings.quote_booking
    fact = QuoteAccepted(
        **quotes.named(case, enquiry, one),
        consent_id=given.id,
        book_until=one.book_until,
        case_link=quotes.case_link(session, settings, enquiry, now),
    )
    quotes.move(session, one, fact, act="accept", actor=actor, now=now)
    one.accepted_at = now
    session.flush()
    outbox.record(session, _consent_fact(case, given), at=now)
    booking.watch(session, one, now)
    move_enquiry(session, enquiry, EnquiryAccepted(case=case, reference=enquiry.reference), act="accept", actor=actor, now=now)
    _decline_others(session, case, enquiry, cause=actor, now=now)
    booking.book(session, settings, case, enquiry, one.hospital_id, now=now)
    return one


def _consent_fact(case: Case, given: consents.Consent) -> ConsentGiven:
    assert given.hospital_id is not None  # noqa: S101
    return ConsentGiven(
        case=case, consent_id=given.id, hospital_id=given.hospital_id, purpose=RELEASE_IDENTITY, text_version=given.text_version, sha256=given.sha256
    )  # fmt: skip


def _decline_others(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    for other in quotations.quotes_of(session, enquiry.id):
        if other.state == QuoteState.ISSUED:
            actor = cause.cascade(QuoteReason.ANOTHER_SELECTED)
            quotes.decline(session, case, enquiry, other, QuoteReason.ANOTHER_SELECTED, actor=actor, now=now)


def decline_quote(
    session: Session, settings: Settings, *, quote_id: UUID, reason: str, revision: int, actor: Actor, now: datetime
) -> Quote:
    """The patient does not want it. Raises Conflict(invalid-transition), PreconditionFailed."""
    case, enquiry, one = quotes.locked(session, quote_id, revision=revision)
    quotes.decline(session, case, enquiry, one, QuoteReason(reason), actor=actor, now=now)
    quotes.look_again(session, settings, case, enquiry, now=now)
    return one


def cancel_quote(
    session: Session, settings: Settings, *, quote_id: UUID, reason: str, revision: int | None, actor: Actor, now: datetime
) -> Quote:
    """One side steps back from what was accepted: the case is open again. Raises Conflict(invalid-transition), PreconditionFailed."""
    case, enquiry, one = quotes.locked(session, quote_id, revision=revision)
    link = quotes.case_link(session, settings, enquiry, now)
    _cancel(session, case, enquiry, one, QuoteReason(reason), actor=actor, now=now, link=link)
    quotes.look_again(session, settings, case, enquiry, now=now)
    return one


def _cancel(
    session: Session, case: Case, enquiry: Enquiry, one: Quote, reason: QuoteReason, *, actor: Actor, now: datetime, link: Link | None
) -> None:
    fact = QuoteCancelled(**quotes.named(case, enquiry, one), by=Side(actor.kind), reason=reason, case_link=link)
    quotes.end(session, one, fact, act="cancel", actor=replace(actor, reason=reason), now=now)


def extend_booking(session: Session, settings: Settings, *, quote_id: UUID, revision: int | None, actor: Actor, now: datetime) -> Quote:
    """More time to find an appointment, once. Raises Conflict(invalid-transition), PreconditionFailed."""
    case, enquiry, one = quotes.locked(session, quote_id, revision=revision)
    quotes.check_possible(one, enquiry, "extend", who=actor.kind, now=now)
    assert one.book_until is not None  # noqa: S101
    one.extended, one.book_until = True, one.book_until + settings.quote_booking
    link = quotes.case_link(session, settings, enquiry, now)
    fact = QuoteExtended(**quotes.named(case, enquiry, one), by=Side(actor.kind), book_until=one.book_until, case_link=link)
    quotes.move(session, one, fact, act="extend", actor=actor, now=now)
    booking.watch(session, one, now)
    return one


def end_all(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """The case has ended: drafts are void, what is offered is declined, what was accepted is cancelled."""
    ended = QuoteReason.ENQUIRY_ENDED
    actor = cause.cascade(ended)
    for one in quotations.quotes_of(session, enquiry.id):
        if one.state == QuoteState.DRAFT:
            quotes.void(session, case, enquiry, one, actor=actor, now=now, link=None)
        elif one.state == QuoteState.ISSUED:
            quotes.decline(session, case, enquiry, one, ended, actor=actor, now=now)
        elif one.state in TAKEN_QUOTES:
            _cancel(session, case, enquiry, one, ended, actor=actor, now=now, link=None)
