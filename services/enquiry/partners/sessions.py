"""Sessions: what a bearer token points to and what can be revoked. A write looks whether its session still lives."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry.db import Base
from shared import auth, crypto


class SignedIn(Base):
    """One session. `refresh_hash` renews it; each use replaces it."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str]
    subject: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(index=True)
    enquiry_id: Mapped[UUID | None] = mapped_column(index=True)
    refresh_hash: Mapped[bytes | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
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


def is_live(session: Session, principal: auth.Principal) -> bool:
    """Whether the session of a token has not been revoked; a token of another issuer has none here, and is not ours to judge."""
    try:
        sid = UUID(principal.sid)
    except ValueError:
        return True
    row = session.get(SignedIn, sid)
    return row is None or (row.revoked_at is None and row.expires_at > datetime.now(UTC))


def find_by_refresh(session: Session, secret: str, *, now: datetime) -> SignedIn | None:
    """The live session of a refresh token, locked."""
    query = select(SignedIn).where(SignedIn.refresh_hash == crypto.secret_hash(secret)).with_for_update()
    row = session.scalar(query)
    return row if row and row.revoked_at is None and row.expires_at > now else None


def revoke_all(session: Session, *, account_id: UUID | None = None, enquiry_id: UUID | None = None, now: datetime) -> None:
    """End every session of an account, or of a case."""
    mine = SignedIn.account_id == account_id if account_id else SignedIn.enquiry_id == enquiry_id
    session.execute(update(SignedIn).where(mine, SignedIn.revoked_at.is_(None)).values(revoked_at=now))
