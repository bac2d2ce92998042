"""Enquiries: made, opened, ended. The rules of the case; its documents and routes stand in the modules beside this one.

A rule takes a session and plain values and records facts; it sends nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import assistance, invitations, lifecycles, links, listings, patients
from services.enquiry.appointments import ending
from services.enquiry.cases import Enquiry, find_enquiry, locked_enquiry, move_enquiry
from services.enquiry.consents import Consent
from services.enquiry.lifecycles import ENQUIRY, Actor, EnquiryState
from services.enquiry.quotes import deciding
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import outbox
from shared.events import Case
from shared.events import enquiry as facts
from shared.problems import Conflict

from . import counts


def tell_consents(session: Session, case: Case, given: Sequence[Consent], *, now: datetime) -> None:
    """One fact for each hospital that may see the case."""
    told = [
        facts.ConsentGiven(
            case=case, consent_id=row.id, hospital_id=row.hospital_id, purpose=row.purpose, text_version=row.text_version, sha256=row.sha256
        )
        for row in given
        if row.hospital_id is not None
    ]
    outbox.record_all(session, told, at=now)


def open_case(
    session: Session,
    settings: Settings,
    case: Case,
    enquiry: Enquiry,
    *,
    act: str,
    actor: Actor,
    now: datetime,
    consented: Sequence[Consent] = (),
) -> None:
    """The address is proved: the patient gets the link to the case, each hospital that can be reached is asked. `consented` is what is not told yet."""
    reachable = listings.reachable_among(session, _named(enquiry))
    hospitals = listings.hospitals_by_id(session, [one for one in _named(enquiry) if one in reachable])
    asked = [hospitals[one] for one in _named(enquiry) if one in hospitals and listings.can_be_asked(hospitals[one], now.date())]
    sent = invitations.prepare_invitations(session, settings, enquiry, asked, now=now)
    enquiry.promised_at = max((one.answer_due for one in sent), default=None)
    enquiry.verified_at = now
    link = links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)
    fact = facts.EnquiryOpened(
        case=case,
        reference=enquiry.reference,
        wants=[facts.Want(want) for want in enquiry.wants],
        hospital_ids=[hospital.id for hospital in asked],
        promised_at=enquiry.promised_at,
        case_link=link,
    )
    move_enquiry(session, enquiry, fact, act=act, actor=actor, now=now)
    tell_consents(session, case, consented, now=now)
    for invitation in sent:
        invitations.tell_sent(session, case, enquiry, invitation, actor=lifecycles.SYSTEM, now=now)
    if facts.Want.ASSISTANCE in enquiry.wants:
        assistance.ask_assistance(session, case, enquiry, cause=actor, now=now)
    if _named(enquiry) and not sent:
        outbox.record(session, facts.EnquiryUnattended(case=case, reference=enquiry.reference))


def _named(enquiry: Enquiry) -> list[UUID]:
    return [UUID(one) for one in enquiry.hospital_ids]


def verify_enquiry(session: Session, vault: Vault, settings: Settings, *, token: str, actor: Actor, now: datetime) -> Enquiry:
    """The link in the mail was used: the case opens. Pressing it twice is once.

    Raises NotFound(link-invalid), Conflict (ended meanwhile; limit-reached with too many live enquiries of the address).
    """
    link = links.find_link(session, token=token, purpose="verify", link_key=vault.link_key, now=now)
    assert link.enquiry_id is not None  # noqa: S101
    case, enquiry = locked_enquiry(session, link.enquiry_id)
    if enquiry.verified_at is not None:
        return enquiry
    email_hash = session.get_one(patients.Patient, enquiry.patient_id).email_hash
    if email_hash is not None:
        counts.lock_address(session, email_hash)
        counts.check_count(session, email_hash, settings)
    late = enquiry.state == EnquiryState.REJECTED and enquiry.reject_reason == facts.RejectReason.UNVERIFIED
    if late:
        enquiry.reject_reason = None
    open_case(session, settings, case, enquiry, act="verify_late" if late else "verify", actor=actor, now=now)
    return enquiry


def verify_for_patient(session: Session, settings: Settings, *, reference: str, actor: Actor, now: datetime) -> Enquiry:
    """Operations vouch for the address: the case opens, also beyond the limit of live ones, which is for those whom nobody vouches for. Raises NotFound, Conflict."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    lifecycles.check(ENQUIRY, "verify", state=EnquiryState(enquiry.state), who=actor.kind)
    open_case(session, settings, case, enquiry, act="verify", actor=actor, now=now)
    return enquiry


def find_nobody(session: Session, settings: Settings, *, reference: str, actor: Actor, now: datetime) -> Enquiry:
    """Operations end the search. Raises NotFound, Conflict, also while somebody may still answer."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    possible = invitations.acts_on(session, enquiry, actor.kind)
    if "find_nobody" not in possible:
        raise Conflict("invalid-transition", state=enquiry.state, possible=possible)
    invitations.find_nobody(session, settings, case, enquiry, actor=actor, now=now)
    return enquiry


def withdraw_enquiry(session: Session, *, reference: str, revision: int | None, actor: Actor, now: datetime) -> Enquiry:
    """The patient, or operations for the patient, end it; hospitals that were asked are told. Raises NotFound, Conflict, PreconditionFailed."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    lifecycles.check_revision(enquiry.revision, revision)
    fact = facts.EnquiryWithdrawn(case=case, reference=enquiry.reference, verified=enquiry.verified_at is not None)
    move_enquiry(session, enquiry, fact, act="withdraw", actor=actor, now=now)
    _end(session, case, enquiry, cause=actor, now=now)
    return enquiry


def reject_enquiry(session: Session, *, reference: str, reason: str, actor: Actor, now: datetime) -> Enquiry:
    """Operations end it with a reason. Raises NotFound, Conflict."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    _reject(session, case, enquiry, facts.RejectReason(reason), act="reject", actor=actor, now=now)
    return enquiry


def _reject(session: Session, case: Case, enquiry: Enquiry, reason: facts.RejectReason, *, act: str, actor: Actor, now: datetime) -> None:
    fact = facts.EnquiryRejected(case=case, reference=enquiry.reference, reason=reason, verified=enquiry.verified_at is not None)
    move_enquiry(session, enquiry, fact, act=act, actor=replace(actor, reason=reason), now=now)
    enquiry.reject_reason = reason
    _end(session, case, enquiry, cause=actor, now=now)


def _end(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """What hangs below an ended case ends with it, in the same transaction."""
    deciding.end_all(session, case, enquiry, cause=cause, now=now)
    ending.cancel_unconfirmed(session, case, enquiry, cause=cause, now=now)
    invitations.revoke_open(session, case, enquiry, cause=cause, now=now)
    assistance.close_assistance(session, case, enquiry, cause=cause, now=now)


def give_up_unverified(session: Session, enquiry_id: UUID, now: datetime) -> bool:
    """The time to prove the address is over. False where it was proved, or the case has ended, meanwhile."""
    case, enquiry = locked_enquiry(session, enquiry_id)
    if not enquiry.is_in(EnquiryState.PENDING_VERIFICATION):
        return False
    _reject(session, case, enquiry, facts.RejectReason.UNVERIFIED, act="give_up", actor=lifecycles.SYSTEM, now=now)
    return True


def ask_again(session: Session, settings: Settings, enquiry_id: UUID, *, why: facts.Reminder) -> bool:
    """Send the link that proves the address again; earlier ones stay valid. False where it is no longer waited for."""
    case, enquiry = locked_enquiry(session, enquiry_id)
    unverified = enquiry.state == EnquiryState.REJECTED and enquiry.reject_reason == facts.RejectReason.UNVERIFIED
    if not enquiry.is_in(EnquiryState.PENDING_VERIFICATION) and not (unverified and why is facts.Reminder.RESEND):
        return False
    if why is not facts.Reminder.RESEND and _is_followed(session, enquiry):
        return False
    link = links.issue_link(
        session, purpose="verify", enquiry_id=enquiry.id, expires_at=enquiry.created_at + settings.late_verification_time
    )
    outbox.record(session, facts.VerificationRequested(case=case, reference=enquiry.reference, why=why, verify=link))
    return True


def _is_followed(session: Session, enquiry: Enquiry) -> bool:
    """Whether a later enquiry of its address waits for proof, too: only the latest is reminded of."""
    email_hash = session.get_one(patients.Patient, enquiry.patient_id).email_hash
    return email_hash is not None and counts.has_later_unproved(session, email_hash, enquiry.id)


def send_case_link(session: Session, settings: Settings, enquiry_id: UUID, *, now: datetime) -> None:
    """A new link to the case, to the address it was made with."""
    case, enquiry = locked_enquiry(session, enquiry_id)
    link = links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)
    outbox.record(session, facts.LinkRequested(case=case, reference=enquiry.reference, case_link=link))
