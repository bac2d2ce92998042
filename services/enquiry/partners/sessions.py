"""Sessions: what a bearer token points to and what can be revoked. A write looks whether its session still lives.

A refresh token is `psr_<family>.<secret>`: the family stays the session's own, the secret is replaced by each use.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry.db import Base
from shared import auth, crypto

REUSE_SECONDS = 30


class SignedIn(Base):
    """One session. `refresh_hash` renews it; each use replaces it. `family_hash` tells a token that was used before from one that never was."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str]
    subject: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(index=True)
    enquiry_id: Mapped[UUID | None] = mapped_column(index=True)
    family_hash: Mapped[bytes | None] = mapped_column(unique=True)
    refresh_hash: Mapped[bytes | None]
    refreshed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]


def begin(
    session: Session,
    *,
    scope: str,
    subject: str,
    expires_at: datetime,
    now: datetime,
    account_id: UUID | None = None,
    enquiry_id: UUID | None = None,
) -> SignedIn:
    """A new session."""
    row = SignedIn(
        id=crypto.new_id(),
        scope=scope,
        subject=subject,
        account_id=account_id,
        enquiry_id=enquiry_id,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row


def session_of(session: Session, principal: auth.Principal) -> SignedIn | None:
    """The session a token points to; None for one of another issuer, who keeps none here."""
    try:
        return session.get(SignedIn, UUID(principal.sid))
    except ValueError:
        return None


def is_live(session: Session, principal: auth.Principal, *, now: datetime) -> bool:
    """Whether the session of a token has neither been revoked nor run out; a token of another issuer is not ours to judge."""
    row = session_of(session, principal)
    return row is None or (row.revoked_at is None and row.expires_at > now)


def next_refresh(row: SignedIn, used: str | None, *, now: datetime) -> str:
    """The session's next refresh token, of the family of the one that was `used`; it works once."""
    family = _family(used) if used else crypto.new_secret("psr")
    token = f"{family}.{secrets.token_urlsafe(32)}"
    row.family_hash, row.refresh_hash, row.refreshed_at = crypto.secret_hash(family), crypto.secret_hash(token), now
    return token


def _family(token: str) -> str:
    return token.partition(".")[0]


def find_by_refresh(session: Session, token: str) -> SignedIn | None:
    """The session a refresh token belongs to; `lock_for_renewal` says whether it still renews it."""
    return session.scalar(select(SignedIn).where(SignedIn.family_hash == crypto.secret_hash(_family(token))))


def lock_for_renewal(session: Session, row: SignedIn, token: str, *, now: datetime) -> bool:
    """Whether this token is the one that renews the session, looked at behind the session's lock."""
    session.refresh(row, with_for_update=True)
    return row.refresh_hash == crypto.secret_hash(token) and row.revoked_at is None and row.expires_at > now


def end_if_reused(session: Session, token: str, *, now: datetime) -> None:
    """A token that was used up comes again: it or the newer one was stolen, nobody knows which, so the session ends (RFC 9700, 4.14.2).

    Not within REUSE_SECONDS of the last renewal: two pages opened at once, or an answer that was lost.
    """
    mine = (SignedIn.family_hash == crypto.secret_hash(_family(token)), SignedIn.refresh_hash != crypto.secret_hash(token))
    late = SignedIn.refreshed_at < now - timedelta(seconds=REUSE_SECONDS)
    session.execute(update(SignedIn).where(*mine, late, SignedIn.revoked_at.is_(None)).values(revoked_at=now))


def revoke_all(session: Session, *, account_id: UUID, now: datetime) -> None:
    """End every session of an account."""
    session.execute(update(SignedIn).where(SignedIn.account_id == account_id, SignedIn.revoked_at.is_(None)).values(revoked_at=now))
