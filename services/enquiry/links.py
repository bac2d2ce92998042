"""Links that are capabilities: rows that say what a link may still do. The token in the mail is derived, never stored.

A GET of a link changes nothing; whoever holds it presses a button, and that POST comes here.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, writes
from shared.events.enquiry import Link as LinkInEvent
from shared.problems import NotFound

from .db import Base


class Link(Base):
    """A link that was given out. `used_at` ends those that work once, `revoked_at` any."""

    __tablename__ = "links"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    enquiry_id: Mapped[UUID | None] = mapped_column(ForeignKey("enquiries.id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    issued_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


def issue_link(
    session: Session, *, purpose: str, expires_at: datetime, enquiry_id: UUID | None = None, account_id: UUID | None = None
) -> LinkInEvent:
    """A new link, as it travels in a fact. `purpose` is verify, case, account or sign_in."""
    link = LinkInEvent(id=crypto.new_id(), purpose=purpose, expires_at=expires_at.replace(microsecond=0))
    row = {"id": link.id, "purpose": purpose, "enquiry_id": enquiry_id, "account_id": account_id, "expires_at": link.expires_at}
    writes.add(session, Link, [row])
    return link


def find_link(session: Session, *, token: str, purpose: str, link_key: bytes, now: datetime) -> Link:
    """The live link of a token. Raises NotFound(link-invalid), the same for wrong, used, revoked and expired ones."""
    try:
        link = session.get(Link, crypto.link_id_of(token), with_for_update=True)
    except ValueError:
        link = None
    if link is None or link.purpose != purpose or link.used_at or link.revoked_at or link.expires_at <= now:
        raise NotFound("link-invalid")
    if not crypto.link_is_genuine(token, link_key, link_id=link.id, purpose=purpose, expires_at=link.expires_at):
        raise NotFound("link-invalid")
    return link


def enough_sent(
    session: Session, *, purpose: str, enough: int, within: timedelta, enquiry_id: UUID | None = None, account_id: UUID | None = None
) -> bool:
    """Whether the mailbox has had `enough` links of this kind lately that nobody used: they work, another would only be a nuisance."""
    mine = Link.account_id == account_id if account_id else Link.enquiry_id == enquiry_id
    lately = (Link.used_at.is_(None), Link.revoked_at.is_(None), Link.issued_at > func.clock_timestamp() - within)
    return session.scalars(select(func.count()).where(mine, Link.purpose == purpose, *lately)).one() >= enough


def revoke_account_links(session: Session, *, account_id: UUID, purpose: str, now: datetime) -> None:
    """End every link of this purpose to an account."""
    live = (Link.account_id == account_id) & (Link.purpose == purpose) & Link.revoked_at.is_(None)
    session.execute(update(Link).where(live).values(revoked_at=now))
