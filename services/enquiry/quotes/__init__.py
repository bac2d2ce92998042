"""Quotes: a hospital offers a price, the patient decides. What all these steps do; the steps stand in issuing, deciding, booking and clock.

Tells nobody: it records facts, and none of them says an amount.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import consents, invitations, lifecycles, links
from services.enquiry.cases import Enquiry, locked_enquiry
from services.enquiry.lifecycles import QUOTE, Actor, EnquiryState, QuoteState, Who, possible_acts
from services.enquiry.patients import PatientKey
from services.enquiry.quotations import Quote
from services.enquiry.settings import Settings
from shared.events import Case, Fact
from shared.events.enquiry import Link
from shared.events.quote import QuoteDeclined, QuoteReason, QuoteVoided
from shared.problems import Conflict, NotFound

from .terms import Terms

DECIDING = (
    EnquiryState.OPEN,
    EnquiryState.ANSWERED,
    EnquiryState.UNFULFILLED,
)  # the patient has not chosen yet: a late answer is welcome, too


def find_quote(session: Session, quote_id: UUID) -> Quote:
    """Raises NotFound."""
    found = session.get(Quote, quote_id)
    if found is None:
        raise NotFound("not-found")
    return found


def locked(session: Session, quote_id: UUID, *, revision: int | None = None) -> tuple[Case, Enquiry, Quote]:
    """The case's lock, and the quote as it is under it. Raises NotFound; PreconditionFailed where the caller saw an older one."""
    case, enquiry = locked_enquiry(session, find_quote(session, quote_id).enquiry_id)
    one = session.get_one(Quote, quote_id, populate_existing=True)
    lifecycles.check_revision(one.revision, revision)
    return case, enquiry, one


def acts_on(one: Quote, enquiry: Enquiry, *, who: Who, now: datetime) -> list[str]:
    """What this kind of actor can do with a quote now."""
    valid = one.valid_until > now
    refused = {
        "accept": not (valid and enquiry.is_in(EnquiryState.ANSWERED)),
        "extend": one.extended,
        "reinstate": not (valid and one.reason == QuoteReason.ANOTHER_SELECTED and enquiry.is_in(*DECIDING)),
        "revise": not enquiry.is_in(*DECIDING),
        "issue": not enquiry.is_in(*DECIDING),
    }
    return [act for act in possible_acts(QUOTE, QuoteState(one.state), who) if not refused.get(act, False)]


def check_possible(one: Quote, enquiry: Enquiry, act: str, *, who: Who, now: datetime) -> None:
    """Raises Conflict(invalid-transition)."""
    if act not in (possible := acts_on(one, enquiry, who=who, now=now)):
        raise Conflict("invalid-transition", state=one.state, possible=possible)


def move(session: Session, one: Quote, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """One transition with its fact. Raises Conflict(invalid-transition)."""
    row = lifecycles.check(QUOTE, act, state=QuoteState(one.state) if one.state else None, who=actor.kind)
    one.state = row.to
    one.revision += 1
    lifecycles.record(session, fact, row=row, subject="quote", subject_id=one.id, actor=actor, at=now)


def end(session: Session, one: Quote, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """A transition after which nobody decides on it any more. Where it was accepted, its hospital is not to know any more who asked."""
    move(session, one, fact, act=act, actor=actor, now=now)
    if one.accepted_at is not None:
        consents.end_release(session, one.enquiry_id, one.hospital_id, now=now)
    one.ended_at, one.reason, one.book_until = now, actor.reason, None
    session.flush()  # the next version may take its place in the same transaction


def named(case: Case, enquiry: Enquiry, one: Quote) -> dict[str, Any]:
    """What every fact of a quote says."""
    return {
        "case": case,
        "reference": enquiry.reference,
        "quote_id": one.id,
        "invitation_id": one.invitation_id,
        "hospital_id": one.hospital_id,
        "number": one.number,
    }


def case_link(session: Session, settings: Settings, enquiry: Enquiry, now: datetime) -> Link:
    """For a mail to the patient."""
    return links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)


def sealed(key: PatientKey, quote_id: UUID, terms: Terms) -> bytes:
    """Under the patient's key: what is offered tells what is the matter."""
    return key.seal(terms, what=f"quote:{quote_id}")


def terms_of(key: PatientKey, one: Quote) -> Terms:
    """Raises SealBroken; NotFound where the patient was erased."""
    if one.sealed_terms is None:
        raise NotFound("not-found")
    opened: Terms = key.open(one.sealed_terms, what=f"quote:{one.id}")
    return opened


def decline(session: Session, case: Case, enquiry: Enquiry, one: Quote, reason: QuoteReason, *, actor: Actor, now: datetime) -> None:
    """It is not wanted, or another is."""
    fact = QuoteDeclined(**named(case, enquiry, one), reason=reason)
    end(session, one, fact, act="decline", actor=replace(actor, reason=reason), now=now)


def void(session: Session, case: Case, enquiry: Enquiry, one: Quote, *, actor: Actor, now: datetime, link: Link | None) -> None:
    """It was a mistake, or a draft of a case that has ended."""
    fact = QuoteVoided(**named(case, enquiry, one), was_issued=one.issued_at is not None, case_link=link)
    end(session, one, fact, act="void", actor=actor, now=now)


def look_again(session: Session, settings: Settings, case: Case, enquiry: Enquiry, *, now: datetime) -> None:
    """A quote is gone: the case is open again where nothing is left to decide on, and has found nobody where nobody is left to answer."""
    session.flush()
    invitations.reopen(session, settings, case, enquiry, now=now)
    invitations.end_search(session, settings, case, enquiry, now=now)
