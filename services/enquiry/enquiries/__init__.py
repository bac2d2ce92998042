"""Enquiries: made, opened, ended. The rules of the case; its documents and routes stand in the modules beside this one.

A rule takes a session and plain values and records facts; it sends nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from services.enquiry import consents, intake, invitations, lifecycles, links, listings, patients, timers
from services.enquiry.cases import Enquiry, find_enquiry, locked_enquiry, move_enquiry
from services.enquiry.consents import Given
from services.enquiry.lifecycles import ENQUIRY, LIVE_ENQUIRIES, Actor, EnquiryState
from services.enquiry.patients import Contact
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import crypto, outbox
from shared.events import Case
from shared.events import enquiry as facts
from shared.events.catalog import HospitalState, ProcedureState
from shared.problems import Conflict, Invalid, field_error

MAIL_SPAN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the caller asks for, checked for form, not yet against the catalog."""

    procedure: str
    destination: str
    wants: list[str]
    hospitals: list[str]
    contact: Contact
    person: dict[str, Any]
    request: dict[str, Any]  # intake, message, preferred_times
    consents: list[Given]
    send_as_it_is: bool = False
    client_id: UUID | None = None
    client_reference: str | None = None


def create_enquiry(
    session: Session, vault: Vault, settings: Settings, wish: Wish, *, actor: Actor, trusted: bool, now: datetime
) -> Enquiry:
    """A new case, waiting for proof of its address, or open where a trusted client vouches for it.

    Raises Invalid naming every fault. To a stranger the answer says nothing about the address; only a trusted client hears
    Conflict(limit-reached) with too many live enquiries of one.
    """
    procedure = listings.find_procedure(session, wish.procedure)
    hospitals = _hospitals_named(session, procedure, wish, now)
    intake.check_answers(procedure.intake, wish.request["intake"], as_it_is=wish.send_as_it_is)
    consents.check_consents(procedure, wish.consents, wish.hospitals)
    email_hash = vault.hash_of(wish.contact.email)
    _lock_address(session, email_hash)
    mailed = trusted or _unproved(session, email_hash, since=now - MAIL_SPAN) < settings.proof_mails_at_once
    if trusted:
        _check_count(session, email_hash, settings)
    patient, key = patients.add_patient(session, vault, contact=wish.contact, person=wish.person, now=now)
    enquiry = Enquiry(
        id=crypto.new_id(),
        reference=crypto.new_reference(),
        version=1,
        revision=1,
        state=EnquiryState.PENDING_VERIFICATION,
        patient_id=patient.id,
        client_id=wish.client_id,
        client_reference=wish.client_reference,
        procedure_id=procedure.id,
        procedure_slug=procedure.slug,
        destination=wish.destination,
        wants=wish.wants,
        hospital_ids=[str(hospital.id) for hospital in hospitals],
        language=wish.contact.language,
        sealed_request=key.seal(wish.request, what="request"),
        created_at=now,
    )
    session.add(enquiry)
    session.flush()
    case = Case(id=enquiry.id, version=1, patient_id=patient.id)
    _add_consents(session, case, wish, hospitals, now)
    if trusted:
        open_case(session, settings, case, enquiry, act="open", actor=actor, now=now)
    else:
        _ask_for_proof(session, settings, case, enquiry, actor=actor, now=now, mailed=mailed)
    return enquiry


def _hospitals_named(session: Session, procedure: ProcedureState, wish: Wish, now: datetime) -> list[HospitalState]:
    """The hospitals of the wish, in its order. Raises Invalid(hospital-not-asked) naming each that cannot be asked."""
    destination = listings.find_destination(procedure, wish.destination)
    known = listings.hospitals_by_slug(session, wish.hospitals)
    errors = []
    for at, slug in enumerate(wish.hospitals):
        hospital = known.get(slug)
        if hospital is None or hospital.id not in destination.hospital_ids:
            errors.append(field_error(f"hospitals/{at}", "does not offer the procedure there"))
        elif not listings.can_be_asked(hospital, now.date()):
            errors.append(field_error(f"hospitals/{at}", "is listed, but takes no enquiries"))
    if errors:
        raise Invalid("hospital-not-asked", errors=errors)
    if not wish.hospitals and set(wish.wants) != {facts.Want.ASSISTANCE}:
        raise Invalid("hospital-not-asked", errors=[field_error("hospitals", "name at least one, or want assistance only")])
    return [known[slug] for slug in wish.hospitals]


def _lock_address(session: Session, email_hash: bytes) -> None:
    """Enquiries of one address are counted one at a time."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:hash, 7270965))"), {"hash": email_hash.hex()})


def _check_count(session: Session, email_hash: bytes, settings: Settings) -> None:
    """Of those that were proved: what strangers send in somebody's name takes nothing from them. Raises Conflict(limit-reached)."""
    if _count(session, email_hash, Enquiry.state.in_(LIVE_ENQUIRIES), Enquiry.verified_at.is_not(None)) >= settings.max_open_enquiries:
        raise Conflict("limit-reached", limit=settings.max_open_enquiries)


def _unproved(session: Session, email_hash: bytes, *, since: datetime) -> int:
    """Enquiries of an address, made after `since`, that wait for its proof."""
    return _count(session, email_hash, Enquiry.state == EnquiryState.PENDING_VERIFICATION, Enquiry.created_at > since)


def _count(session: Session, email_hash: bytes, *which: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(Enquiry).join(patients.Patient, patients.Patient.id == Enquiry.patient_id)
    return session.scalars(query.where(patients.Patient.email_hash == email_hash, *which)).one()


def _add_consents(session: Session, case: Case, wish: Wish, hospitals: list[HospitalState], now: datetime) -> None:
    ids = {hospital.slug: hospital.id for hospital in hospitals}
    for given in wish.consents:
        hospital_id = ids[given.hospital] if given.hospital else None
        consents.add_consent(session, case, given, hospital_id=hospital_id, now=now)


def _ask_for_proof(
    session: Session, settings: Settings, case: Case, enquiry: Enquiry, *, actor: Actor, now: datetime, mailed: bool
) -> None:
    """By a mail now, or, where the address has had enough of them, by the reminder: no stranger floods it."""
    ends = now + settings.late_verification_time
    link = links.issue_link(session, purpose="verify", enquiry_id=enquiry.id, expires_at=ends) if mailed else None
    fact = facts.EnquirySubmitted(case=case, reference=enquiry.reference, verify=link)
    lifecycles.record(session, fact, row=ENQUIRY[0], subject="enquiry", subject_id=enquiry.id, actor=actor, at=now)
    _tell_consents(session, case)
    moments = {
        "verification_reminder_1": now + timedelta(hours=1),
        "verification_reminder_24": now + timedelta(hours=24),
        "verification_expiry": now + settings.verification_time,
    }
    timers.schedule(session, enquiry_id=enquiry.id, subject_id=enquiry.id, moments=moments)


def _tell_consents(session: Session, case: Case) -> None:
    told = [
        facts.ConsentGiven(
            case=case, consent_id=row.id, hospital_id=row.hospital_id, purpose=row.purpose, text_version=row.text_version, sha256=row.sha256
        )
        for row in consents.consents_of(session, case.id)
        if row.hospital_id is not None
    ]
    outbox.record_all(session, told)


def open_case(session: Session, settings: Settings, case: Case, enquiry: Enquiry, *, act: str, actor: Actor, now: datetime) -> None:
    """The address is proved: the patient gets the link to the case, each hospital that can be reached is asked."""
    was_new = enquiry.version == 1
    reachable = listings.reachable_among(session, _named(enquiry))
    hospitals = listings.hospitals_by_id(session, [one for one in _named(enquiry) if one in reachable])
    asked = [hospitals[one] for one in _named(enquiry) if one in hospitals and listings.can_be_asked(hospitals[one], now.date())]
    sent = invitations.prepare_invitations(session, enquiry, asked, now=now)
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
    if was_new and act == "open":
        _tell_consents(session, case)
    for invitation in sent:
        invitations.tell_sent(session, case, enquiry, invitation, actor=lifecycles.SYSTEM, now=now)
    if facts.Want.ASSISTANCE in enquiry.wants:
        enquiry.assistance = "asked"
        outbox.record(session, facts.AssistanceAsked(case=case, reference=enquiry.reference))
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
        _lock_address(session, email_hash)
        _check_count(session, email_hash, settings)
    late = enquiry.state == EnquiryState.REJECTED and enquiry.reject_reason == facts.RejectReason.UNVERIFIED
    if late:
        enquiry.reject_reason = None
    open_case(session, settings, case, enquiry, act="verify_late" if late else "verify", actor=actor, now=now)
    return enquiry


def withdraw_enquiry(session: Session, *, reference: str, revision: int | None, actor: Actor, now: datetime) -> Enquiry:
    """The patient ends it; hospitals that were asked are told. Raises NotFound, Conflict, PreconditionFailed."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    lifecycles.check_revision(enquiry.revision, revision)
    move_enquiry(session, enquiry, facts.EnquiryWithdrawn(case=case, reference=enquiry.reference), act="withdraw", actor=actor, now=now)
    _end(session, case, enquiry, cause=actor, now=now)
    return enquiry


def reject_enquiry(session: Session, *, reference: str, reason: str, actor: Actor, now: datetime) -> Enquiry:
    """Operations end it with a reason. Raises NotFound, Conflict."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    _reject(session, case, enquiry, facts.RejectReason(reason), act="reject", actor=actor, now=now)
    return enquiry


def _reject(session: Session, case: Case, enquiry: Enquiry, reason: facts.RejectReason, *, act: str, actor: Actor, now: datetime) -> None:
    fact = facts.EnquiryRejected(case=case, reference=enquiry.reference, reason=reason, verified=enquiry.verified_at is not None)
    move_enquiry(session, enquiry, fact, act=act, actor=actor, now=now)
    enquiry.reject_reason = reason
    _end(session, case, enquiry, cause=actor, now=now)


def _end(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """What hangs below an ended case ends with it, in the same transaction."""
    invitations.revoke_live(session, case, enquiry, cause=cause, now=now)
    if enquiry.assistance is not None:
        enquiry.assistance = "closed"


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
    if email_hash is None:
        return False
    return _count(session, email_hash, Enquiry.state == EnquiryState.PENDING_VERIFICATION, Enquiry.id > enquiry.id) > 0


def send_case_link(session: Session, settings: Settings, enquiry_id: UUID, *, now: datetime) -> None:
    """A new link to the case, to the address it was made with."""
    case, enquiry = locked_enquiry(session, enquiry_id)
    link = links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)
    outbox.record(session, facts.LinkRequested(case=case, reference=enquiry.reference, case_link=link))
