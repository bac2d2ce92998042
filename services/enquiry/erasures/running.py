"""The loop that waits an erasure out: wipe what was confirmed, ask who has not answered, read the log, send the receipt, wipe its address.

Speaks to Kafka through a StateLog only, and never inside a transaction.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import Engine, exists, select, text, update
from sqlalchemy.orm import Session

from services.enquiry import lifecycles
from services.enquiry.cases import locked_enquiry
from services.enquiry.lifecycles import ErasureState
from services.enquiry.patients import PatientKey, tell_contact
from services.enquiry.settings import Settings
from services.enquiry.tellings import Telling
from services.enquiry.vault import Vault
from shared import crypto, db, outbox
from shared.cli.loops import repeat
from shared.clock import Clock
from shared.crypto import SealBroken
from shared.events import Case, Tombstone
from shared.events.enquiry import PATIENTS
from shared.events.erasure import ErasureDone, ErasureOverdue

from . import Erasure, missing_answers, move_erasure
from .wiping import open_contact, start_erasure, tell_consumers

POLL_SECONDS = 1.0
BATCH = 500
RECEIPT = "erasure_done"  # the letter's name


class Log(Protocol):
    """What is needed of a topic; shared.bus.state_logs.StateLog is one."""

    def keys_with_values(self, ids: Collection[UUID]) -> set[UUID] | None: ...
    def beat(self) -> bool: ...


def run(
    engine: Engine, settings: Settings, logs: Mapping[str, Log], clock: Clock, *, stop: threading.Event, beat: Callable[[], None]
) -> None:
    """Until `stop`. `logs`: every topic with personal data, by name; one of them is enquiry.patients."""
    vault = Vault.of(settings)

    def turn() -> bool:
        for topic, log in logs.items():
            if _heartbeat_due(engine, topic, settings.kafka_personal_lag) and log.beat():
                _heartbeat_done(engine, topic)
        return advance(engine, settings, vault, logs[PATIENTS.name], now=clock())

    repeat(turn, stop=stop, beat=beat, seconds=POLL_SECONDS)


def advance(engine: Engine, settings: Settings, vault: Vault, log: Log, *, now: datetime) -> bool:
    """One turn; True where something was wiped, so that more may wait."""
    with db.transaction(engine) as session:
        started = _start_next(session, vault, now)
    with db.transaction(engine) as session:
        _press(session, settings, now)
    with db.transaction(engine) as session:
        _end_receipts(session, settings, now)
    with db.transaction(engine) as session:
        sought = _due_for_search(session, settings, now)
    if sought:
        left = log.keys_with_values(sought.values())
        if left is not None:
            for erasure_id in [one for one, key in sought.items() if key not in left]:
                with db.transaction(engine) as session:
                    _found_nothing(session, vault, erasure_id, now)
    return started


def _heartbeat_due(engine: Engine, topic: str, lag: timedelta) -> bool:
    """Whether it is this worker's turn: once per lag, whoever comes first; sooner where that failed."""
    with db.transaction(engine) as session:
        return session.execute(_BEAT, {"topic": topic, "lag": lag}).first() is not None


_BEAT = text(
    """
    INSERT INTO heartbeats AS h (topic, beaten_at, tried_at) VALUES (:topic, clock_timestamp(), clock_timestamp())
    ON CONFLICT (topic) DO UPDATE SET tried_at = excluded.tried_at
    WHERE h.beaten_at <= clock_timestamp() - :lag AND h.tried_at <= clock_timestamp() - least(:lag, interval '30 seconds')
    RETURNING topic
    """
)


def _heartbeat_done(engine: Engine, topic: str) -> None:
    with db.transaction(engine) as session:
        session.execute(text("UPDATE heartbeats SET beaten_at = clock_timestamp() WHERE topic = :topic"), {"topic": topic})


def _start_next(session: Session, vault: Vault, now: datetime) -> bool:
    query = select(Erasure).where(Erasure.state == ErasureState.VERIFIED, Erasure.contact_erased_at.is_(None))
    erasure = session.scalar(query.order_by(Erasure.id).limit(1).with_for_update(skip_locked=True))
    if erasure is None:
        return False
    start_erasure(session, vault, erasure, now=now)
    return True


def _press(session: Session, settings: Settings, now: datetime) -> None:
    """Whoever has not answered is told again, in the end operations are."""
    running = (Erasure.state == ErasureState.RUNNING, Erasure.contact_erased_at.is_(None))
    silent = (
        select(Erasure).where(*running, Erasure.told_at <= now - settings.erasure_repeat).limit(BATCH).with_for_update(skip_locked=True)
    )
    for erasure in session.scalars(silent):
        if missing_answers(session, erasure, settings):
            tell_consumers(session, erasure, now=now)
    late = (
        select(Erasure.id).where(*running, Erasure.started_at <= now - settings.erasure_overdue, Erasure.overdue_at.is_(None)).limit(BATCH)
    )
    for erasure_id in session.scalars(late).all():
        _tell_operations(session, settings, erasure_id, now)


def _tell_operations(session: Session, settings: Settings, erasure_id: UUID, now: datetime) -> None:
    erasure = session.get_one(Erasure, erasure_id)
    case, enquiry = locked_enquiry(session, erasure.enquiry_id)
    session.refresh(erasure)
    if erasure.overdue_at is None and erasure.state == ErasureState.RUNNING:
        erasure.overdue_at = now
        missing = missing_answers(session, erasure, settings)
        outbox.record(session, ErasureOverdue(case=case, reference=enquiry.reference, erasure_id=erasure.id, missing=missing))


def _end_receipts(session: Session, settings: Settings, now: datetime) -> None:
    """The receipt was sent, or never will be: its address is published as gone."""
    settled = exists().where(Telling.enquiry_id == Erasure.enquiry_id, Telling.template == RECEIPT)
    query = select(Erasure).where(Erasure.state == ErasureState.DONE, Erasure.receipt_ended_at.is_(None))
    over = query.where(settled | (Erasure.done_at <= now - settings.erasure_receipt_time)).limit(BATCH).with_for_update(skip_locked=True)
    for erasure in session.scalars(over):
        erasure.receipt_ended_at = now
        outbox.record(session, Tombstone(topic=PATIENTS, id=erasure.id, version=2))


def _due_for_search(session: Session, settings: Settings, now: datetime) -> dict[UUID, UUID]:
    """Erasures with the key that must not be in the log: the patient's, and after the receipt that of its address. Their tombstones are published."""
    due = (
        Erasure.searched_at.is_(None) | (Erasure.searched_at <= now - settings.erasure_search_pause),
        Erasure.contact_erased_at.is_(None),
    )
    waiting = (Erasure.state == ErasureState.RUNNING) | (Erasure.receipt_ended_at.is_not(None))
    sought = {}
    for erasure in session.scalars(select(Erasure).where(*due, waiting).limit(BATCH).with_for_update(skip_locked=True)):
        key = erasure.patient_id if erasure.state == ErasureState.RUNNING else erasure.id
        unpublished = session.scalars(
            select(outbox.table.c.id).where(outbox.table.c.topic == PATIENTS.name, outbox.table.c.key == key)
        ).first()
        if unpublished is None and not (erasure.state == ErasureState.RUNNING and missing_answers(session, erasure, settings)):
            sought[erasure.id] = key
    if sought:
        session.execute(update(Erasure).where(Erasure.id.in_(sought)).values(searched_at=now))
    return sought


def _found_nothing(session: Session, vault: Vault, erasure_id: UUID, now: datetime) -> None:
    """The log is clean of the patient: done, and the receipt goes. Or of the receipt's address: that is gone here, too."""
    erasure = session.get_one(Erasure, erasure_id)
    case, enquiry = locked_enquiry(session, erasure.enquiry_id)
    session.refresh(erasure)
    if erasure.state == ErasureState.RUNNING:
        _finish(session, vault, erasure, case, enquiry.reference, now)
    elif erasure.receipt_ended_at is not None:
        erasure.sealed_contact, erasure.contact_erased_at = None, now


def _finish(session: Session, vault: Vault, erasure: Erasure, case: Case, reference: str, now: datetime) -> None:
    told = _publish_address(session, vault, erasure)
    fact = ErasureDone(case=case, reference=reference, erasure_id=erasure.id, contact_id=erasure.id if told else None)
    move_erasure(session, erasure, fact, act="finish", actor=lifecycles.SYSTEM, now=now)
    erasure.done_at, erasure.searched_at = now, None
    if not told:
        erasure.sealed_contact, erasure.receipt_ended_at, erasure.contact_erased_at = None, now, now


def _publish_address(session: Session, vault: Vault, erasure: Erasure) -> bool:
    """The receipt's address on the one topic that may hold one, under the erasure's id and a key of its own. False where there is none."""
    if erasure.sealed_contact is None:
        return False
    try:
        contact = open_contact(vault, erasure.id, erasure.sealed_contact)
    except SealBroken:
        return False
    key = PatientKey(erasure.id, crypto.new_key())
    tell_contact(session, vault, key, version=1, sealed=key.seal(contact.__dict__, what="contact"))
    return True
