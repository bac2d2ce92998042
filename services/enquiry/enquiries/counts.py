"""How many enquiries an address has, counted behind its lock. Knows addresses by their keyed hash only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.enquiry.lifecycles import LIVE_ENQUIRIES
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared.problems import Conflict

# By the address first: left to itself, the planner of a young database goes through every live enquiry instead.
_COUNT = "WITH mine AS MATERIALIZED (SELECT id FROM patients WHERE email_hash = :hash) SELECT count(*) FROM enquiries WHERE patient_id IN (SELECT id FROM mine)"
_PROVED = text(f"{_COUNT} AND state = ANY(:states) AND verified_at IS NOT NULL")
_UNPROVED = text(f"{_COUNT} AND state = 'pending_verification' AND created_at > :since")
_LATER_UNPROVED = text(f"{_COUNT} AND state = 'pending_verification' AND id > :id")


def lock_address(session: Session, email_hash: bytes) -> None:
    """Enquiries of one address are counted one at a time."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:hash, 7270965))"), {"hash": email_hash.hex()})


def check_count(session: Session, email_hash: bytes, settings: Settings) -> None:
    """Of those that were proved: what strangers send in somebody's name takes nothing from them. Raises Conflict(limit-reached)."""
    held = session.scalars(_PROVED, {"hash": email_hash, "states": [*map(str, LIVE_ENQUIRIES)]}).one()
    if held >= settings.max_open_enquiries:
        raise Conflict("limit-reached", detail="this address has as many live enquiries as it may", limit=settings.max_open_enquiries)


def unproved(session: Session, email_hash: bytes, *, since: datetime) -> int:
    """Enquiries of an address, made after `since`, that wait for its proof."""
    return int(session.scalars(_UNPROVED, {"hash": email_hash, "since": since}).one())


def has_later_unproved(session: Session, email_hash: bytes, enquiry_id: UUID) -> bool:
    """Whether an enquiry of the address that waits for its proof was made after this one."""
    return bool(session.scalars(_LATER_UNPROVED, {"hash": email_hash, "id": enquiry_id}).one())


def address_in(body: Any, vault: Vault) -> str:
    """A stranger is the address that a new enquiry names: by its hash, and wherever the phone has gone meanwhile."""
    requester = body.get("requester") if isinstance(body, dict) else None
    email = requester.get("email") if isinstance(requester, dict) else None
    return vault.hash_of(email).hex() if isinstance(email, str) else ""
