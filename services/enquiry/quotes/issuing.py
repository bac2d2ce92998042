"""The hospital's side: a draft, a quote, the next version of it, taken back, offered again."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import invitations, listings, patients, quotations, quotes, timers
from services.enquiry.cases import Enquiry, locked_enquiry
from services.enquiry.invitations import Invitation
from services.enquiry.lifecycles import ENQUIRY, Actor, EnquiryState, InvitationState, QuoteState, possible_acts
from services.enquiry.quotations import Quote
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import crypto
from shared.events import Case
from shared.events.catalog import ProcedureState
from shared.events.quote import QuoteDrafted, QuoteIssued, QuoteReason, QuoteReinstated, QuoteRevised, QuoteWithdrawn
from shared.problems import Conflict, Fault, Invalid, NotFound, field_error, refuse

from . import terms as pricing
from .terms import Terms

ANSWERABLE = (InvitationState.SENT, InvitationState.VIEWED, InvitationState.LAPSED, InvitationState.ANSWERED)
WARNINGS = {"quote_expiring_72h": timedelta(hours=72), "quote_expiring_24h": timedelta(hours=24)}


def write_quote(
    session: Session,
    vault: Vault,
    settings: Settings,
    *,
    invitation_id: UUID,
    hospital_id: UUID | None,
    terms: Terms,
    valid_until: datetime | None,
    price_reason: str | None,
    draft: bool,
    actor: Actor,
    now: datetime,
) -> Quote:
    """A quote for a case that was asked for; a second one is the next version and takes the place of the first. A draft takes the place of a draft.

    `hospital_id` is None where operations write for a hospital. Raises NotFound, Conflict (invalid-transition), Invalid: the hospital cannot quote,
    every fault of the terms at once, price-implausible without a reason.
    """
    invitation = _invitation(session, invitation_id, hospital_id)
    case, enquiry = locked_enquiry(session, invitation.enquiry_id)
    session.refresh(invitation)
    _check_open(enquiry, invitation, actor)
    _check_authorised(session, invitation.hospital_id, now)
    procedure = listings.find_procedure(session, enquiry.procedure_slug)
    until = valid_until or now + settings.quote_validity
    implausible = False
    if not draft:
        refuse([*pricing.faults_of(terms, procedure, today=now.date()), *_validity_faults(settings, until, now)])
        implausible = _is_implausible(settings, enquiry, procedure, terms)
        if implausible and price_reason is None:
            raise Invalid("price-implausible", errors=[field_error("price_reason", "is required: the total is far from confirmed prices")])
    mine = [one for one in quotations.quotes_of(session, enquiry.id) if one.invitation_id == invitation.id]
    key = patients.key_of(session, vault, enquiry.patient_id)
    one = next((old for old in mine if old.state == QuoteState.DRAFT), None) or _new(invitation, number=len(mine) + 1, now=now)
    said = terms | ({"price_reason": price_reason} if price_reason else {})
    one.sealed_terms, one.valid_until, one.implausible = quotes.sealed(key, one.id, said), until, implausible
    if draft:
        _keep_draft(session, case, enquiry, one, actor=actor, now=now)
        return one
    before = next((old for old in mine if old.state == QuoteState.ISSUED), None)
    if before is not None:
        _supersede(session, settings, case, enquiry, before, one, actor=actor, now=now)
    _issue(session, settings, case, enquiry, invitation, one, actor=actor, now=now)
    return one


def _invitation(session: Session, invitation_id: UUID, hospital_id: UUID | None) -> Invitation:
    if hospital_id is not None:
        return invitations.find_invitation(session, invitation_id, hospital_id=hospital_id)
    if (found := session.get(Invitation, invitation_id)) is None:
        raise NotFound("not-found")
    return found


def _check_authorised(session: Session, hospital_id: UUID, now: datetime) -> None:
    """Only a partner whose authorisation is valid today offers anything. Raises Invalid."""
    hospital = listings.hospitals_by_id(session, [hospital_id]).get(hospital_id)
    if hospital is None or not listings.can_be_asked(hospital, now.date()):
        raise Invalid("hospital-not-asked", errors=[field_error("hospital", "has no valid authorisation, or is no partner")])


def _check_open(enquiry: Enquiry, invitation: Invitation, actor: Actor) -> None:
    """Raises Conflict where the hospital may not answer any more, or the case has ended or is decided."""
    if not enquiry.is_in(*quotes.DECIDING):
        raise Conflict("invalid-transition", state=enquiry.state, possible=possible_acts(ENQUIRY, EnquiryState(enquiry.state), actor.kind))
    if invitation.state not in ANSWERABLE:
        raise Conflict("invalid-transition", state=invitation.state, possible=[])


def _validity_faults(settings: Settings, until: datetime, now: datetime) -> list[Fault]:
    least, most = now + settings.quote_validity_least, now + settings.quote_validity_most
    if least <= until <= most:
        return []
    days = f"{settings.quote_validity_least.days} to {settings.quote_validity_most.days} days"
    return [Fault("invalid", field_error("valid_until", f"must be {days} from now"))]


def _is_implausible(settings: Settings, enquiry: Enquiry, procedure: ProcedureState, terms: Terms) -> bool:
    there = [one.prices for one in procedure.destinations if one.country == enquiry.destination]
    confirmed = there[0] if there else []
    return not pricing.is_plausible(pricing.total_of(terms), confirmed, factor=settings.quote_implausible)


def _new(invitation: Invitation, *, number: int, now: datetime) -> Quote:
    return Quote(
        id=crypto.new_id(),
        enquiry_id=invitation.enquiry_id,
        invitation_id=invitation.id,
        hospital_id=invitation.hospital_id,
        number=number,
        revision=0,
        extended=False,
        implausible=False,
        created_at=now,
    )


def _keep_draft(session: Session, case: Case, enquiry: Enquiry, one: Quote, *, actor: Actor, now: datetime) -> None:
    """Writing a draft again is no transition: it changes nothing that anybody else sees."""
    if one.state == QuoteState.DRAFT:
        one.revision += 1
    else:
        quotes.move(session, one, QuoteDrafted(**quotes.named(case, enquiry, one)), act="draft", actor=actor, now=now)
    session.add(one)
    session.flush()


def _supersede(
    session: Session, settings: Settings, case: Case, enquiry: Enquiry, before: Quote, after: Quote, *, actor: Actor, now: datetime
) -> None:
    link = quotes.case_link(session, settings, enquiry, now)
    fact = QuoteRevised(**quotes.named(case, enquiry, before), next_quote_id=after.id, case_link=link)
    quotes.end(session, before, fact, act="revise", actor=actor, now=now)


def _issue(
    session: Session, settings: Settings, case: Case, enquiry: Enquiry, invitation: Invitation, one: Quote, *, actor: Actor, now: datetime
) -> None:
    fact = QuoteIssued(
        **quotes.named(case, enquiry, one),
        valid_until=one.valid_until,
        implausible=one.implausible,
        case_link=quotes.case_link(session, settings, enquiry, now),
    )
    quotes.move(session, one, fact, act="issue", actor=actor, now=now)
    one.issued_at = now
    session.add(one)
    session.flush()
    _watch(session, one, now)
    invitations.answer(session, case, enquiry, invitation, actor=actor, now=now)
    invitations.enquiry_answered(session, case, enquiry, now=now)


def _watch(session: Session, one: Quote, now: datetime) -> None:
    """Time counts towards its end."""
    warned = {kind: one.valid_until - lead for kind, lead in WARNINGS.items()}
    moments = {kind: at for kind, at in warned.items() if at > now} | {"quote_expiry": one.valid_until}
    timers.schedule(session, enquiry_id=one.enquiry_id, subject_id=one.id, moments=moments)


def withdraw_quote(
    session: Session, settings: Settings, *, quote_id: UUID, reason: str, revision: int | None, actor: Actor, now: datetime
) -> Quote:
    """The hospital takes it back. Raises Conflict(invalid-transition), PreconditionFailed."""
    case, enquiry, one = quotes.locked(session, quote_id, revision=revision)
    link = quotes.case_link(session, settings, enquiry, now)
    fact = QuoteWithdrawn(**quotes.named(case, enquiry, one), reason=QuoteReason(reason), case_link=link)
    quotes.end(session, one, fact, act="withdraw", actor=replace(actor, reason=reason), now=now)
    quotes.look_again(session, settings, case, enquiry, now=now)
    return one


def reinstate_quote(session: Session, settings: Settings, *, quote_id: UUID, revision: int, actor: Actor, now: datetime) -> Quote:
    """What was declined for another that came to nothing is offered again as it was.

    Raises Conflict (invalid-transition, also where it was declined for another reason or its time is over), PreconditionFailed.
    """
    case, enquiry, one = quotes.locked(session, quote_id, revision=revision)
    newer = any(
        old.invitation_id == one.invitation_id and old.state == QuoteState.ISSUED for old in quotations.quotes_of(session, enquiry.id)
    )
    quotes.check_possible(one, enquiry, "reinstate", who=actor.kind, now=now)
    if newer:
        raise Conflict("invalid-transition", state=one.state, possible=[])
    link = quotes.case_link(session, settings, enquiry, now)
    fact = QuoteReinstated(**quotes.named(case, enquiry, one), valid_until=one.valid_until, case_link=link)
    quotes.move(session, one, fact, act="reinstate", actor=actor, now=now)
    one.ended_at = one.reason = None
    session.flush()
    _watch(session, one, now)
    invitations.enquiry_answered(session, case, enquiry, now=now)
    return one


def void_quote(session: Session, settings: Settings, *, quote_id: UUID, actor: Actor, now: datetime) -> Quote:
    """Operations: it was entered in error. Raises Conflict(invalid-transition)."""
    case, enquiry, one = quotes.locked(session, quote_id)
    link = quotes.case_link(session, settings, enquiry, now) if one.issued_at is not None else None
    quotes.void(session, case, enquiry, one, actor=actor, now=now, link=link)
    quotes.look_again(session, settings, case, enquiry, now=now)
    return one
