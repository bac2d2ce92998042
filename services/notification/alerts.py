"""Alerts: the handler that plans whom a fact tells, by the table in told.py.

Writes rows only; nothing is sent here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import db, log, metrics
from shared.clock import Clock
from shared.events import REGISTRY, Case, Envelope, Fact
from shared.events.notification import Recipient
from shared.events.schemas import schema_of
from shared.problems import Conflict, NotFound

from . import audit, facts
from .db import Base
from .db import now as db_now
from .deliveries import ahead
from .deliveries.planning import Cause, plan_alerts, plan_mail, tell_operations, wake
from .settings import Settings
from .told import TOLD, Alert

logger = log.get(__name__)


class Withheld(Base):
    """A fact that came too late to alert anybody, kept until operations release it or never."""

    __tablename__ = "withheld"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    case_id: Mapped[UUID]
    case_version: Mapped[int] = mapped_column(BigInteger)
    patient_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    traceparent: Mapped[str | None]
    withheld_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)
    released_at: Mapped[datetime | None]

    __table_args__ = (Index("withheld_waiting_idx", "event_id", postgresql_where=text("released_at IS NULL")),)


def handlers(clock: Clock, settings: Settings) -> Mapping[type[Fact], Callable[[Session, Any, Envelope], None]]:
    """One handler for every fact of the table."""

    def on_fact(session: Session, fact: Fact, envelope: Envelope) -> None:
        """Plan what the table says, and answer with how many deliveries it made, in the same transaction."""
        case = facts.case_of(session, fact.case.id, version=fact.case.version, patient_id=fact.case.patient_id)
        planned = 0
        now = min(clock(), db_now(session))  # a clock of ours that is off silences nobody
        if now - envelope.occurred_at <= settings.withheld_after:
            planned = plan(session, fact, Cause(at=envelope.occurred_at, case=case, event_id=envelope.id), fold=settings.fold_window)
        elif TOLD[type(fact)]:
            _withhold(session, fact, envelope)
        facts.record_outcome(session, case, event_id=envelope.id, planned=planned)

    return dict.fromkeys(TOLD, on_fact)


def look_ahead(session: Session, envelopes: Sequence[Envelope]) -> None:
    """Ask at once what planning asks for each of these facts."""
    told = [one.event for one in envelopes if isinstance(one.event, Fact)]
    asked = {fact.hospital_id for fact in told if any(alert.recipient == Recipient.HOSPITAL for alert in TOLD.get(type(fact), ()))}  # type: ignore[attr-defined]
    ahead.look(session, hospital_ids=asked, case_ids={fact.case.id for fact in told})
    facts.draw_ahead(session, len(told))


def plan(session: Session, fact: Fact, cause: Cause, *, fold: timedelta) -> int:
    """Rows for everybody the table names; returns how many."""
    params = schema_of(type(fact)).dump(fact)
    planned = sum(_plan_one(session, fact, alert, cause, params, fold) for alert in TOLD[type(fact)] if alert.only_if(fact))
    if planned:
        wake(session)
    return planned


def _plan_one(session: Session, fact: Fact, alert: Alert, cause: Cause, params: dict[str, Any], fold: timedelta) -> int:
    hospital_id: UUID | None = getattr(fact, "hospital_id", None)
    match alert.recipient:
        case Recipient.HOSPITAL:
            assert hospital_id is not None  # noqa: S101  # the table names hospitals only for facts that do
            return len(plan_alerts(session, cause=cause, hospital_id=hospital_id, template=alert.letter, params=params))
        case Recipient.OPERATIONS:
            tell_operations(session, cause=cause, kind=alert.letter, hospital_id=hospital_id, details=_details(params))
        case Recipient.PATIENT:
            person_id: UUID | None = getattr(fact, alert.addressee) if alert.addressee else fact.case.patient_id
            assert person_id is not None  # noqa: S101  # else its key is parked: a row that names nobody would end the delivery loop
            plan_mail(
                session, cause=cause, recipient=alert.recipient, recipient_id=person_id, template=alert.letter, params=params, fold=fold
            )
        case Recipient.ACCOUNT:
            plan_mail(session, cause=cause, recipient=alert.recipient, recipient_id=fact.case.id, template=alert.letter, params=params)
    return 1


def _details(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the work list shows: references and ids, never a link that opens a case."""
    return {name: params[name] for name in ("reference", "invitation_id", "hospital_id") if name in params}


# -- facts that came too late -------------------------------------------------


def _withhold(session: Session, fact: Fact, envelope: Envelope) -> None:
    row = {
        "event_id": envelope.id,
        "type": fact.type,
        "case_id": fact.case.id,
        "case_version": fact.case.version,
        "patient_id": fact.case.patient_id,
        "occurred_at": envelope.occurred_at,
        "data": schema_of(type(fact)).dump(fact),
        "traceparent": envelope.traceparent,
    }
    session.execute(upsert(Withheld).values(**row).on_conflict_do_nothing())
    metrics.deliveries.labels("none", "withheld").inc()
    logger.warning("fact withheld: it came too late", type=fact.type, event_id=str(envelope.id))


def withheld_of(session: Session, *, after: UUID | None, limit: int) -> list[Withheld]:
    """Those not released, oldest first; one more than `limit`."""
    query = select(Withheld).where(Withheld.released_at.is_(None))
    return list(session.scalars(db.oldest_first(query, Withheld.event_id, after=after, limit=limit)))


def release_withheld(session: Session, settings: Settings, *, event_id: UUID, actor: str, because: str) -> int:
    """Tell now whom the fact would have told; returns how many deliveries. Its outcome stays as it was answered: 0. Raises NotFound, Conflict."""
    row = session.get(Withheld, event_id, with_for_update=True)
    if row is None:
        raise NotFound("not-found")
    if row.released_at is not None:
        raise Conflict("invalid-transition", state="released", possible=[])
    row.released_at = db_now(session)
    case = Case(id=row.case_id, version=row.case_version, patient_id=row.patient_id)
    cls = REGISTRY[row.type]
    assert issubclass(cls, Fact)  # noqa: S101
    fact = cls(case=case, **schema_of(cls).load(row.data))
    numbered = facts.case_of(session, case.id, version=case.version, patient_id=case.patient_id)
    audit.note(session, actor=actor, act="withheld.release", subject=str(event_id), because=because)
    return plan(session, fact, Cause(at=row.occurred_at, case=numbered, event_id=event_id), fold=settings.fold_window)
