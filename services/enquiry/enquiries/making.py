"""How an enquiry is made: what is wished for, checked against the catalog and the calendar, every fault named at once.

Opens nothing itself and sends nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import consents, intake, lifecycles, links, listings, patients, timers
from services.enquiry.cases import Enquiry
from services.enquiry.consents import Consent, Given
from services.enquiry.lifecycles import ENQUIRY, Actor, EnquiryState
from services.enquiry.patients import Contact, PatientKey
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import crypto, writes
from shared.events import Case
from shared.events import enquiry as facts
from shared.events.catalog import Destination, HospitalState, ProcedureState
from shared.problems import Fault, field_error, refuse

from . import counts, open_case, tell_consents

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

    Raises Invalid: for what is not listed, else naming every fault. To a stranger the answer says nothing about the address; only a trusted
    client hears Conflict(limit-reached) with too many live enquiries of one.
    """
    procedure = listings.find_procedure(session, wish.procedure)
    destination = listings.find_destination(procedure, wish.destination)
    known = listings.hospitals_by_slug(session, wish.hospitals)
    refuse(_faults_of(wish, procedure, destination, known, now))
    email_hash = vault.hash_of(wish.contact.email)
    counts.lock_address(session, email_hash)
    mailed = trusted or counts.unproved(session, email_hash, since=now - MAIL_SPAN) < settings.proof_mails_at_once
    if trusted:
        counts.check_count(session, email_hash, settings)
    key = patients.add_patient(session, vault, contact=wish.contact, person=wish.person, now=now)
    row = _row(wish, procedure, [known[slug] for slug in wish.hospitals], key, now)
    writes.add(session, Enquiry, [row])
    case = Case(id=row["id"], version=1, patient_id=key.patient_id)
    given = [
        consents.add_consent(session, case, one, hospital_id=known[one.hospital].id if one.hospital else None, now=now)
        for one in wish.consents
    ]
    if trusted:
        enquiry = session.get_one(Enquiry, case.id)
        open_case(session, settings, case, enquiry, act="open", actor=actor, now=now, consented=given)
    else:
        enquiry = Enquiry(**row)
        _ask_for_proof(session, settings, case, enquiry, given, actor=actor, now=now, mailed=mailed)
    return enquiry


def _row(wish: Wish, procedure: ProcedureState, hospitals: list[HospitalState], key: PatientKey, now: datetime) -> dict[str, Any]:
    return {
        "id": crypto.new_id(),
        "reference": crypto.new_reference(),
        "version": 1,
        "revision": 1,
        "state": EnquiryState.PENDING_VERIFICATION,
        "patient_id": key.patient_id,
        "client_id": wish.client_id,
        "client_reference": wish.client_reference,
        "procedure_id": procedure.id,
        "procedure_slug": procedure.slug,
        "destination": wish.destination,
        "wants": wish.wants,
        "hospital_ids": [str(hospital.id) for hospital in hospitals],
        "language": wish.contact.language,
        "sealed_request": key.seal(wish.request, what="request"),
        "created_at": now,
    }


def _faults_of(
    wish: Wish, procedure: ProcedureState, destination: Destination, known: dict[str, HospitalState], now: datetime
) -> Iterator[Fault]:
    yield from patients.faults_of(wish.person, now=now)
    yield from _hospital_faults(wish, destination, known, now)
    yield from intake.faults_of(procedure.intake, wish.request["intake"], as_it_is=wish.send_as_it_is)
    yield from consents.faults_of(procedure, wish.consents, wish.hospitals)


def _hospital_faults(wish: Wish, destination: Destination, known: dict[str, HospitalState], now: datetime) -> Iterator[Fault]:
    """Each hospital that cannot be asked."""
    for at, slug in enumerate(wish.hospitals):
        hospital = known.get(slug)
        if hospital is None or hospital.id not in destination.hospital_ids:
            yield Fault("hospital-not-asked", field_error(f"hospitals/{at}", "does not offer the procedure there"))
        elif not listings.can_be_asked(hospital, now.date()):
            yield Fault("hospital-not-asked", field_error(f"hospitals/{at}", "is listed, but takes no enquiries"))
    if not wish.hospitals and set(wish.wants) != {facts.Want.ASSISTANCE}:
        yield Fault("hospital-not-asked", field_error("hospitals", "name at least one, or want assistance only"))


def _ask_for_proof(
    session: Session, settings: Settings, case: Case, enquiry: Enquiry, given: list[Consent], *, actor: Actor, now: datetime, mailed: bool
) -> None:
    """By a mail now, or, where the address has had enough of them, by the reminder: no stranger floods it."""
    ends = now + settings.late_verification_time
    link = links.issue_link(session, purpose="verify", enquiry_id=enquiry.id, expires_at=ends) if mailed else None
    fact = facts.EnquirySubmitted(case=case, reference=enquiry.reference, verify=link)
    row = lifecycles.check(ENQUIRY, "submit", state=None, who=actor.kind)
    lifecycles.record(session, fact, row=row, subject="enquiry", subject_id=enquiry.id, actor=actor, at=now)
    tell_consents(session, case, given, now=now)
    moments = {
        "verification_reminder": now + settings.verification_reminder,
        "verification_last_reminder": now + settings.verification_last_reminder,
        "verification_expiry": now + settings.verification_time,
    }
    timers.schedule(session, enquiry_id=enquiry.id, subject_id=enquiry.id, moments=moments)
