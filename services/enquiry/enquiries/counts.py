"""How many enquiries an address has, counted behind its lock. Knows addresses by their keyed hash only."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from services.enquiry import patients
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import LIVE_ENQUIRIES, EnquiryState
from services.enquiry.settings import Settings
from shared.problems import Conflict


def lock_address(session: Session, email_hash: bytes) -> None:
    """Enquiries of one address are counted one at a time."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:hash, 7270965))"), {"hash": email_hash.hex()})


def check_count(session: Session, email_hash: bytes, settings: Settings) -> None:
    """Of those that were proved: what strangers send in somebody's name takes nothing from them. Raises Conflict(limit-reached)."""
    if count(session, email_hash, Enquiry.state.in_(LIVE_ENQUIRIES), Enquiry.verified_at.is_not(None)) >= settings.max_open_enquiries:
        raise Conflict("limit-reached", detail="this address has as many live enquiries as it may", limit=settings.max_open_enquiries)


def unproved(session: Session, email_hash: bytes, *, since: datetime) -> int:
    """Enquiries of an address, made after `since`, that wait for its proof."""
    return count(session, email_hash, Enquiry.state == EnquiryState.PENDING_VERIFICATION, Enquiry.created_at > since)


def count(session: Session, email_hash: bytes, *which: ColumnElement[bool]) -> int:
    """By the address first: left to itself, the planner of a young database goes through every live enquiry instead."""
    mine = select(patients.Patient.id).where(patients.Patient.email_hash == email_hash).cte("mine").prefix_with("MATERIALIZED")
    return session.scalars(select(func.count()).select_from(Enquiry).where(Enquiry.patient_id.in_(select(mine.c.id)), *which)).one()
