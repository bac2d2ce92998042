"""Erasures: a person is forgotten, in steps that can be proved: asked for, confirmed, wiped, waited out, receipted.

Its modules: wiping (what goes), running (the loop that waits it out), journal (what is never forgotten: whom we forgot), kept (what must stay), routes.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry import enquiries, lifecycles, links
from services.enquiry.appointments import ending
from services.enquiry.cases import Enquiry, find_enquiry, lock_case, locked_enquiry
from services.enquiry.db import Base
from services.enquiry.lifecycles import ENQUIRY, ERASURE, Actor, EnquiryState, ErasureState, possible_acts
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import crypto, outbox
from shared.events import Envelope, Fact
from shared.events.erasure import ErasureRequested, ErasureVerified
from shared.events.notification import PatientForgotten
from shared.problems import Forbidden, NotFound

# -- table --------------------------------------------------------------------


class Erasure(Base):
    """One person's. `sealed_contact` is for the receipt and goes last; the row stays, with ids and times only."""

    __tablename__ = "erasures"
    __table_args__ = (Index("erasures_open_idx", "state", "id", postgresql_where=text("contact_erased_at IS NULL")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(unique=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"), index=True)
    revision: Mapped[int]
    state: Mapped[str]
    requested_by: Mapped[str]  # kind and id of the actor: a second person must confirm for operations
    erased_version: Mapped[int | None]
    sealed_contact: Mapped[bytes | None]
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    times_told: Mapped[int] = mapped_column(server_default="0")
    searched_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    receipt_ended_at: Mapped[datetime | None]
    contact_erased_at: Mapped[datetime | None]


class Answer(Base):
    """A consumer has forgotten the patient, too."""

    __tablename__ = "erasure_answers"

    erasure_id: Mapped[UUID] = mapped_column(primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    answered_at: Mapped[datetime]


class Forgotten(Base):
    """The journal: whom we forgot, kept for ever. It is exported on its own, so that a restored database forgets again."""

    __tablename__ = "erasure_journal"

    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    erased_version: Mapped[int]
    erased_at: Mapped[datetime]


class Heartbeat(Base):
    """When a topic with personal data was last made to turn over."""

    __tablename__ = "heartbeats"

    topic: Mapped[str] = mapped_column(primary_key=True)
    beaten_at: Mapped[datetime]
    tried_at: Mapped[datetime]


# -- rules --------------------------------------------------------------------


def find_erasure(session: Session, erasure_id: UUID) -> Erasure:
    """Raises NotFound."""
    found = session.get(Erasure, erasure_id)
    if found is None:
        raise NotFound("not-found")
    return found


def erasure_of(session: Session, patient_id: UUID) -> Erasure:
    """Raises NotFound where none was asked for."""
    found = session.scalar(select(Erasure).where(Erasure.patient_id == patient_id))
    if found is None:
        raise NotFound("not-found")
    return found


def open_erasures(session: Session, *, limit: int) -> list[Erasure]:
    """Those whose address is not gone yet, the oldest first."""
    query = select(Erasure).where(Erasure.contact_erased_at.is_(None)).order_by(Erasure.id).limit(limit)
    return list(session.scalars(query))


def missing_answers(session: Session, erasure: Erasure, settings: Settings) -> list[str]:
    """Registered consumers that have not answered yet."""
    answered = set(session.scalars(select(Answer.consumer).where(Answer.erasure_id == erasure.id)))
    return [name for name in settings.erasure_consumers if name not in answered]


def request_erasure(session: Session, settings: Settings, *, reference: str, actor: Actor, now: datetime) -> Erasure:
    """Ask that a case's patient be erased; a link that confirms it is mailed, again where one was asked for before. Raises NotFound."""
    case, enquiry = locked_enquiry(session, find_enquiry(session, reference).id)
    erasure = session.scalar(select(Erasure).where(Erasure.patient_id == enquiry.patient_id).with_for_update())
    if erasure is not None and erasure.state != ErasureState.REQUESTED:
        return erasure
    link = links.issue_link(session, purpose="erase", enquiry_id=enquiry.id, expires_at=now + settings.erasure_link_time)
    if erasure is not None:
        outbox.record(session, ErasureRequested(case=case, reference=enquiry.reference, erasure_id=erasure.id, link=link))
        return erasure
    erasure = Erasure(
        id=crypto.new_id(),
        patient_id=enquiry.patient_id,
        enquiry_id=enquiry.id,
        revision=0,
        requested_by=f"{actor.kind}:{actor.id}",
        requested_at=now,
        times_told=0,
    )
    fact = ErasureRequested(case=case, reference=enquiry.reference, erasure_id=erasure.id, link=link)
    move_erasure(session, erasure, fact, act="request", actor=actor, now=now)
    session.add(erasure)
    session.flush()
    return erasure


def confirm_by_link(session: Session, vault: Vault, *, token: str, actor: Actor, now: datetime) -> Erasure:
    """The button behind the mailed link: the enquiry ends, the erasure goes its way. Twice is once. Raises NotFound(link-invalid)."""
    link = links.find_link(session, token=token, purpose="erase", link_key=vault.link_key, now=now)
    assert link.enquiry_id is not None  # noqa: S101
    return _confirm(session, link.enquiry_id, actor=actor, now=now)


def confirm_by_colleague(session: Session, *, erasure_id: UUID, actor: Actor, now: datetime) -> Erasure:
    """Where the patient cannot use a link: a second person of operations confirms. Raises NotFound, Forbidden(second-person-needed) for the one who asked."""
    erasure = find_erasure(session, erasure_id)
    if erasure.requested_by == f"{actor.kind}:{actor.id}":
        raise Forbidden("second-person-needed")
    return _confirm(session, erasure.enquiry_id, actor=actor, now=now)


def _confirm(session: Session, enquiry_id: UUID, *, actor: Actor, now: datetime) -> Erasure:
    _, enquiry = locked_enquiry(session, enquiry_id)
    erasure = erasure_of(session, enquiry.patient_id)
    session.refresh(erasure)  # what it was before the lock may be over by now
    if erasure.state != ErasureState.REQUESTED:
        return erasure
    end_enquiry(session, enquiry, actor=actor, now=now)
    case = lock_case(session, enquiry_id)
    ending.cancel_all(session, case, enquiry, actor=actor, now=now)
    fact = ErasureVerified(case=case, reference=enquiry.reference, erasure_id=erasure.id)
    move_erasure(session, erasure, fact, act="verify", actor=actor, now=now)
    return erasure


def end_enquiry(session: Session, enquiry: Enquiry, *, actor: Actor, now: datetime) -> None:
    """Withdrawn with all that hangs below it, where it has not ended yet."""
    if "withdraw" in possible_acts(ENQUIRY, EnquiryState(enquiry.state), actor.kind):
        enquiries.withdraw_enquiry(session, reference=enquiry.reference, revision=None, actor=actor, now=now)


def move_erasure(session: Session, erasure: Erasure, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """One transition with its fact. Raises Conflict(invalid-transition)."""
    state = ErasureState(erasure.state) if erasure.state else None
    row = lifecycles.check(ERASURE, act, state=state, who=actor.kind)
    erasure.state = row.to
    erasure.revision += 1
    lifecycles.record(session, fact, row=row, subject="erasure", subject_id=erasure.id, actor=actor, at=now)


# -- heard --------------------------------------------------------------------


def on_patient_forgotten(session: Session, event: PatientForgotten, envelope: Envelope) -> None:
    """A consumer's answer; one about an older version is none."""
    erasure = session.get(Erasure, event.erasure_id)
    if erasure is not None and erasure.erased_version is not None and event.erased_version >= erasure.erased_version:
        row = insert(Answer).values(erasure_id=erasure.id, consumer=event.consumer, answered_at=envelope.occurred_at)
        session.execute(row.on_conflict_do_nothing())
