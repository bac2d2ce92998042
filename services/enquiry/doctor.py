"""What `doctor` looks at in enquiry alone: whether sealed rows open, and erasures that take too long.

Opens the oldest and the newest row of each kind and shows none of it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import crypto
from shared.cli.doctor import Finding, Mark, Own, Sealed, judged, known_key

from . import patients
from .cases import Enquiry
from .erasures import Erasure, figures
from .erasures.wiping import open_contact
from .partners import accounts
from .partners.accounts import Account
from .patients import Patient
from .settings import Settings
from .vault import Vault


def sealed(session: Session, settings: Settings) -> Iterator[Sealed]:
    """Requesters, what they asked, people of partners, addresses of receipts, stored answers."""
    vault = Vault.of(settings)
    for patient in _ends(session, Patient, Patient.wrapped_key.is_not(None)):
        yield Sealed("a patient's key", "CASE_KEYS", partial(_open_patient, session, vault, patient))
    for enquiry in _ends(session, Enquiry, Enquiry.sealed_request.is_not(None)):
        yield Sealed("an enquiry", "CASE_KEYS", partial(_open_request, session, vault, enquiry))
    for account in _ends(session, Account, Account.wrapped_key.is_not(None)):
        yield Sealed("an account's key", "CASE_KEYS", partial(_open_account, vault, account))
    for erasure in _ends(session, Erasure, Erasure.sealed_contact.is_not(None)):
        yield Sealed("a receipt's address", "CASE_KEYS", partial(open_contact, vault, erasure.id, erasure.sealed_contact or b""))
    for body in session.scalars(text("SELECT sealed_body FROM idempotency_keys ORDER BY created_at LIMIT 1")):
        yield Sealed("a stored answer", "CASE_KEYS", partial(known_key, vault.case_ring, bytes(body)))


def _ends(session: Session, table: Any, *where: Any) -> Iterator[Any]:
    """The oldest and the newest row."""
    for order in (table.id, table.id.desc()):
        yield from session.scalars(select(table).where(*where).order_by(order).limit(1))


def _open_patient(session: Session, vault: Vault, patient: Patient) -> None:
    patients.contact_of(session, vault, patient.id)
    patients.person_of(session, vault, patient.id)


def _open_request(session: Session, vault: Vault, enquiry: Enquiry) -> None:
    patients.key_of(session, vault, enquiry.patient_id).open(enquiry.sealed_request or b"", what="request")


def _open_account(vault: Vault, account: Account) -> None:
    key = accounts.key_of(vault, account)
    crypto.unseal(key, account.sealed_contact or b"", bound_to=f"account:{account.id}:contact")


def erasures(session: Session, _: Settings) -> Finding:
    """Those that somebody has not answered in time."""
    overdue, running = figures.count_overdue(session), figures.count_running(session)
    late = [f"erasures that somebody has not answered in time: {overdue}"]
    return judged(late if overdue else [], mark=Mark.WRONG, entry="ErasuresOverdue", otherwise=f"{running} under way, none overdue")


OWN = Own(sealed=sealed, checks={"erasures": erasures})
