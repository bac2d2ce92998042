"""Erasures: what is kept of a patient goes, for ever, and enquiry is answered. What stays is the id and the version that was erased.

Never decides who is erased.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import outbox
from shared.events import Case, Envelope, Tombstone
from shared.events.enquiry import PATIENTS
from shared.events.erasure import PatientErased
from shared.events.notification import PatientForgotten
from shared.inbox import parked

from . import facts
from .contacts.people import apply_patient
from .deliveries.planning import forget_person

CONSUMER = "notification"  # as enquiry has it registered

# Facts that were held back hold links; those published and archived do, too. Addresses that were refused are theirs, if by a keyed hash.
_WIPE = (
    "DELETE FROM withheld WHERE case_id = :enquiry_id OR patient_id = :patient_id",
    "DELETE FROM outbox_archive WHERE key = :enquiry_id",
    "DELETE FROM suppressions WHERE person_id = :patient_id",
    "UPDATE deliveries SET params = params - 'verify' - 'case_link' - 'link' WHERE patient_id = :patient_id AND recipient_id = :patient_id",
)


def on_patient_erased(session: Session, fact: PatientErased, envelope: Envelope) -> None:
    """Forget, and say so; each time it is said again, too. The fact itself is accounted for: it plans nothing."""
    patient_id = fact.case.id
    apply_patient(session, Tombstone(topic=PATIENTS, id=patient_id, version=fact.erased_version))
    forget_person(session, patient_id)
    for statement in _WIPE:
        session.execute(text(statement), {"patient_id": patient_id, "enquiry_id": fact.enquiry_id})
    parked.forget_keys(session, [str(patient_id)])  # facts that wait under the case's key name nobody, and others must still hear of them
    case: Case = facts.case_of(session, patient_id, version=fact.case.version, patient_id=patient_id)
    facts.record_outcome(session, case, event_id=envelope.id, planned=0)
    outbox.record(session, PatientForgotten(case=case, erasure_id=fact.erasure_id, consumer=CONSUMER, erased_version=fact.erased_version))
