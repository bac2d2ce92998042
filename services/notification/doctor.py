"""What `doctor` looks at in notification alone: whether sealed rows open, and what waits for somebody's decision.

Opens the oldest and the newest row of each kind and shows none of it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared.cli.doctor import Finding, Mark, Own, Sealed, judged, known_key
from shared.crypto import KeyRing, SealBroken

from .backlog import count_uncertain
from .contacts.endpoints import Endpoint
from .contacts.people import Account, Patient, Unopenable, open_contact
from .settings import Settings


def sealed(session: Session, settings: Settings) -> Iterator[Sealed]:
    """Copies of contacts, addresses and secrets of endpoints, stored answers."""
    theirs, ours = KeyRing.parse(settings.contact_keys), KeyRing.parse(settings.notification_keys)
    for what, table in (("a patient's contact", Patient), ("an account's contact", Account)):
        for row in _ends(session, table, table.wrapped_key.is_not(None)):
            yield Sealed(what, "CONTACT_KEYS", partial(_open_person, row, theirs))
    for endpoint in _ends(session, Endpoint, Endpoint.sealed_address.is_not(None)):
        yield Sealed("an endpoint's address", "NOTIFICATION_KEYS", partial(endpoint.address, ours))
    for endpoint in _ends(session, Endpoint, Endpoint.sealed_secret.is_not(None)):
        yield Sealed("an endpoint's secret", "NOTIFICATION_KEYS", partial(_open_secret, endpoint, ours))
    for body in session.scalars(text("SELECT sealed_body FROM idempotency_keys ORDER BY created_at LIMIT 1")):
        yield Sealed("a stored answer", "NOTIFICATION_KEYS", partial(known_key, ours, bytes(body)))


def _ends(session: Session, table: Any, *where: Any) -> Iterator[Any]:
    """The oldest and the newest row."""
    for order in (table.id, table.id.desc()):
        yield from session.scalars(select(table).where(*where).order_by(order).limit(1))


def _open_person(row: Patient | Account, ring: KeyRing) -> None:
    try:
        open_contact(row, ring)
    except Unopenable as fault:
        raise SealBroken from fault


def _open_secret(endpoint: Endpoint, ring: KeyRing) -> None:
    ring.open(endpoint.sealed_secret or b"", bound_to=f"endpoint:{endpoint.id}:secret")


def deliveries(session: Session, _: Settings) -> Finding:
    """Those of which a crash hid whether they arrived."""
    count = count_uncertain(session)
    doubtful = [f"mails that may or may not have arrived: {count}; `deliveries --undecided` lists them"]
    return judged(doubtful if count else [], mark=Mark.WRONG, entry="DeliveriesUncertain", otherwise="none waits for a decision")


OWN = Own(sealed=sealed, checks={"deliveries": deliveries})
