"""States heard: contacts of patients and accounts, hospitals, and their erasure. What waited for one is due.

Keeps them as they come; opens none.
"""

from sqlalchemy.orm import Session

from shared.events import Tombstone
from shared.events.catalog import HospitalState
from shared.events.enquiry import AccountState, PatientState

from .contacts.hospitals import apply_hospital
from .contacts.people import apply_account, apply_patient
from .deliveries.planning import forget_person, release_waiting


def on_patient(session: Session, state: PatientState | Tombstone) -> None:
    """A requester's contact, or its erasure."""
    if apply_patient(session, state):
        _go_on(session, state)


def on_account(session: Session, state: AccountState | Tombstone) -> None:
    """A person's contact, or its erasure."""
    if apply_account(session, state):
        _go_on(session, state)


def _go_on(session: Session, state: PatientState | AccountState | Tombstone) -> None:
    if isinstance(state, Tombstone):
        forget_person(session, state.id)
    release_waiting(session, state.id)


def on_hospital(session: Session, state: HospitalState | Tombstone) -> None:
    """What the catalog says of a hospital."""
    if apply_hospital(session, state):
        release_waiting(session, state.id)
