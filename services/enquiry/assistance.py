"""Assistance: the wish for help by operations. It begins with the opening of a case and ends with it.

A column of the case; whoever calls holds the case's lock.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.events import Case
from shared.events.enquiry import AssistanceAsked, AssistanceClosed

from . import lifecycles
from .cases import Enquiry
from .lifecycles import ASSISTANCE, Actor, AssistanceState


def ask_assistance(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """Operations are asked: they have one business day."""
    _move(
        session, enquiry, AssistanceAsked(case=case, reference=enquiry.reference), act="ask", actor=cause.cascade("enquiry_opened"), now=now
    )


def close_assistance(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """The case has ended: nobody waits for help any more. Nothing where nobody did."""
    if enquiry.assistance == AssistanceState.ASKED:
        fact = AssistanceClosed(case=case, reference=enquiry.reference)
        _move(session, enquiry, fact, act="close", actor=cause.cascade("enquiry_ended"), now=now)


def _move(session: Session, enquiry: Enquiry, fact: AssistanceAsked | AssistanceClosed, *, act: str, actor: Actor, now: datetime) -> None:
    state = AssistanceState(enquiry.assistance) if enquiry.assistance else None
    row = lifecycles.check(ASSISTANCE, act, state=state, who=actor.kind)
    enquiry.assistance = row.to
    lifecycles.record(session, fact, row=row, subject="assistance", subject_id=enquiry.id, actor=actor, at=now)
