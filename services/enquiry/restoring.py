"""A restored database of enquiry: versions go on above all that was published, the journal of erasures is owed, contacts are said again.

Erases nobody; that is erasures.journal.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import outbox
from shared.cli.backups import Restoring
from shared.events import Tombstone
from shared.events.enquiry import PATIENTS

from . import patients
from .erasures import Forgotten
from .partners import accounts
from .patients import Patient
from .vault import Vault

BATCH = 500
RESTORING = Restoring(
    statements=(
        "UPDATE enquiries SET version = version + :step",
        "UPDATE patients SET version = version + :step",
        "UPDATE accounts SET version = version + :step",
        "INSERT INTO restorations DEFAULT VALUES",
    )
)


def say_contacts_again(session: Session, vault: Vault, *, after: UUID | None) -> UUID | None:
    """The next contacts of patients, under the versions they have; returns the last id, None when done."""
    query = select(Patient).where(Patient.wrapped_key.is_not(None)).order_by(Patient.id).limit(BATCH).with_for_update()
    last = None
    for patient in session.scalars(query if after is None else query.where(Patient.id > after)):
        last = patient.id
        key = patients.key_or_alarm(session, vault, patient.id)
        if key is not None:
            outbox.retract(session, PATIENTS, patient.id)
            patients.tell_contact(session, vault, key, version=patient.version, sealed=patient.sealed_contact)
    return last


def say_the_rest_again(session: Session, vault: Vault) -> int:
    """People of partners, and who has been erased; returns how many."""
    people = accounts.say_again(session, vault)
    gone = session.execute(
        select(Forgotten.patient_id, Forgotten.erased_version, Patient.version).outerjoin(Patient, Patient.id == Forgotten.patient_id)
    ).all()
    for patient_id, erased, present in gone:
        outbox.retract(session, PATIENTS, patient_id)
        outbox.record(session, Tombstone(topic=PATIENTS, id=patient_id, version=max(erased, present or 0)))
    return people + len(gone)
