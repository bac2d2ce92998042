"""Accounts: named people of hospitals and operations, and systems that speak for a hospital or a web client.

People's names and addresses are encrypted under a key of their own, as patients' are.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Index, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry import context, links, listings
from services.enquiry.db import Base
from services.enquiry.lifecycles import Who
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from services.enquiry.wording import mail_address, one_line, person_name
from shared import auth, crypto, outbox, web
from shared.events import Case, Tombstone
from shared.events.enquiry import ACCOUNTS, AccountInvited, AccountState
from shared.problems import Conflict, Invalid, NotFound, field_error
from shared.web.idempotency import idempotent

from . import sessions

# -- table --------------------------------------------------------------------

KINDS = ("hospital", "ops", "client")
ROLES = ("member", "support", "clinical", "admin")


class Account(Base):
    """A person (with an address and a second factor) or a system (with a label and keys)."""

    __tablename__ = "accounts"
    __table_args__ = (Index("accounts_kind_email_hash_key", "kind", "email_hash", unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    kind: Mapped[str]
    role: Mapped[str]
    hospital_id: Mapped[UUID | None] = mapped_column(index=True)
    label: Mapped[str | None]
    origins: Mapped[list[str]] = mapped_column(default=list)
    email_hash: Mapped[bytes | None]
    wrapped_key: Mapped[bytes | None]
    sealed_contact: Mapped[bytes | None]
    sealed_totp: Mapped[bytes | None]
    totp_confirmed_at: Mapped[datetime | None]
    totp_last_step: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    deactivated_at: Mapped[datetime | None]

    @property
    def is_person(self) -> bool:
        return self.email_hash is not None


# -- schema -------------------------------------------------------------------


def _origin(text: str) -> None:
    """As a browser names it (RFC 6454, 6.2)."""
    parts = urlsplit(text)
    if text != f"{parts.scheme}://{parts.netloc}" or "@" in text or text != text.lower():
        raise ValidationError("must be an origin, as https://www.example.org")


class NewAccountSchema(web.Schema):
    """A person has `email`, `name` and `language`; a system has a `label`."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    hospital = fields.String(
        validate=validate.Length(1, 120), metadata={"description": "slug; for kind hospital", "examples": ["sample-hospital"]}
    )
    email = fields.Email(validate=[validate.Length(max=254), mail_address])
    name = fields.String(validate=[validate.Length(1, 200), person_name])
    language = fields.String(load_default="en", validate=validate.OneOf(("en", "tr", "ar")))
    role = fields.String(load_default="member", validate=validate.OneOf(ROLES))
    label = fields.String(validate=[validate.Length(1, 100), one_line], metadata={"examples": ["Agency web site"]})
    origins = fields.List(
        fields.Url(schemes={"http", "https"}, require_tld=False, validate=[validate.Length(max=200), _origin]),
        load_default=list,
        validate=validate.Length(max=10),
    )

    @validates_schema
    def person_or_system(self, data: dict[str, Any], **_: Any) -> None:
        if data["origins"] and ("email" in data or data["kind"] != Who.CLIENT):
            raise ValidationError("only a client's system has origins", "origins")
        if (wanted := "name" if "email" in data else "label") not in data:
            raise ValidationError("a system needs a label, a person with an e-mail address a name", wanted)


class AccountSchema(web.Schema):
    id = fields.UUID()
    kind = fields.String()
    role = fields.String()
    hospital_id = fields.UUID(allow_none=True)
    label = fields.String(allow_none=True)
    origins = fields.List(fields.String())
    created_at = fields.AwareDateTime()
    deactivated_at = fields.AwareDateTime(allow_none=True)


# -- rules --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who is to have an account."""

    kind: str
    email: str
    name: str
    language: str
    role: str
    hospital_id: UUID | None


def add_person(session: Session, vault: Vault, settings: Settings, person: Person, *, now: datetime) -> Account:
    """A named person; the link by which they set up their second factor is mailed. Raises Conflict(account-exists)."""
    account, key = _sealed_account(vault, person, now=now)
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError as fault:  # of two that come at once, one
        raise Conflict("account-exists") from fault
    _tell(session, vault, account, key)
    invite(session, settings, account, now=now)
    return account


def _sealed_account(vault: Vault, person: Person, *, now: datetime) -> tuple[Account, bytes]:
    """The row, and the key of its own under which it holds name and address."""
    account_id, key = crypto.new_id(), crypto.new_key()
    contact = orjson.dumps({"name": person.name, "email": person.email, "language": person.language})
    account = Account(
        id=account_id,
        kind=person.kind,
        role=person.role,
        hospital_id=person.hospital_id,
        email_hash=vault.hash_of(person.email),
        wrapped_key=vault.case_ring.seal(key, bound_to=f"account:{account_id}:key"),
        sealed_contact=crypto.seal(key, contact, bound_to=f"account:{account_id}:contact"),
        created_at=now,
    )
    return account, key


def _tell(session: Session, vault: Vault, account: Account, key: bytes) -> None:
    assert account.sealed_contact is not None  # noqa: S101
    wrapped = base64.b64encode(vault.contact_ring.seal(key, bound_to=f"account:{account.id}:key")).decode()
    sealed = base64.b64encode(account.sealed_contact).decode()
    state = AccountState(id=account.id, version=account.version, hospital_id=account.hospital_id, wrapped_key=wrapped, sealed=sealed)
    outbox.record(session, state)


def say_again(session: Session, vault: Vault) -> int:
    """The state of every account, under the version it has, for topics that were lost; returns how many."""
    everybody = session.scalars(select(Account).with_for_update()).all()
    for account in everybody:
        outbox.retract(session, ACCOUNTS, account.id)
        if account.deactivated_at is not None:
            outbox.record(session, Tombstone(topic=ACCOUNTS, id=account.id, version=account.version))
        elif account.sealed_contact is not None:
            _tell(session, vault, account, key_of(vault, account))
    return len(everybody)


def rewrap_keys(session: Session, vault: Vault) -> int:
    """Wrap the keys of all people under the current ones of both rings; returns how many."""
    people = session.scalars(select(Account).where(Account.wrapped_key.is_not(None)).with_for_update()).all()
    for account in people:
        key = key_of(vault, account)
        account.wrapped_key = vault.case_ring.seal(key, bound_to=f"account:{account.id}:key")
        if account.deactivated_at is None:  # its tombstone is the last that is said of it
            account.version += 1
            _tell(session, vault, account, key)
    return len(people)


def invite(session: Session, settings: Settings, account: Account, *, now: datetime) -> None:
    """Mail the link that sets up the second factor."""
    link = links.issue_link(session, purpose="account", account_id=account.id, expires_at=now + settings.account_link_time)
    outbox.record(session, AccountInvited(case=next_case(session, account), link=link))


def next_case(session: Session, account: Account) -> Case:
    """The account as the subject of facts, locked, with its next version."""
    session.refresh(account, with_for_update=True)
    account.version += 1
    return Case(id=account.id, version=account.version)


def add_system(session: Session, *, kind: str, label: str, hospital_id: UUID | None, origins: list[str], now: datetime) -> Account:
    """A system that signs in by API keys."""
    account = Account(id=crypto.new_id(), kind=kind, role="member", hospital_id=hospital_id, label=label, origins=origins, created_at=now)
    session.add(account)
    session.flush()
    return account


def lock_account(session: Session, account_id: UUID, *, share: bool = False) -> Account:
    """An active account, as it stands behind its lock: of a sign-in and an end that meet, one sees what the other did. Raises NotFound.

    `share`: others may sign in by it at the same time. Lock order: account, then its sessions.
    """
    query = select(Account).where(Account.id == account_id).with_for_update(read=share)
    account = session.scalar(query.execution_options(populate_existing=True))
    if account is None or account.deactivated_at:
        raise NotFound("not-found")
    return account


def find_account(session: Session, account_id: UUID) -> Account:
    """An active account. Raises NotFound."""
    account = session.get(Account, account_id)
    if account is None or account.deactivated_at:
        raise NotFound("not-found")
    return account


def people_with(session: Session, email_hash: bytes) -> list[Account]:
    """Active people with this address: one may work for a hospital and for operations."""
    query = select(Account).where(Account.email_hash == email_hash, Account.deactivated_at.is_(None))
    return list(session.scalars(query))


def key_of(vault: Vault, account: Account) -> bytes:
    """The person's own key. Raises crypto.SealBroken."""
    assert account.wrapped_key is not None  # noqa: S101
    return vault.case_ring.open(account.wrapped_key, bound_to=f"account:{account.id}:key")


def origins_of_clients(session: Session) -> set[str]:
    """Every origin from which an active client's pages may call."""
    rows = session.scalars(select(Account.origins).where(Account.kind == Who.CLIENT, Account.deactivated_at.is_(None)))
    return {origin for row in rows for origin in row}


def deactivate_account(session: Session, *, account_id: UUID, now: datetime) -> Account:
    """No more sign-ins; every session of it ends now, and whoever hears of accounts forgets it: people and systems alike. Raises NotFound."""
    account = lock_account(session, account_id)
    account.deactivated_at = now
    account.version += 1
    sessions.revoke_all(session, account_id=account_id, now=now)
    outbox.record(session, Tombstone(topic=ACCOUNTS, id=account.id, version=account.version))
    return account


def hospital_id_of(session: Session, slug: str | None) -> UUID:
    """Raises Invalid where the slug is missing or unknown."""
    found = listings.hospitals_by_slug(session, [slug or ""])
    if slug not in found:
        raise Invalid("slug-unknown", errors=[field_error("hospital", "is no listed hospital")])
    return found[slug].id


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("accounts", __name__, url_prefix="/v1/accounts", description="People and systems of partners; operations only")


@bp.route("", methods=["POST"])
@auth.requires("ops")
@idempotent
@bp.arguments(NewAccountSchema())
@bp.response(201, AccountSchema())
def create(body: dict[str, Any]) -> Account:
    """Give a person or a system an account."""
    with web.transaction() as session:
        hospital_id = hospital_id_of(session, body.get("hospital")) if body["kind"] == "hospital" else None
        now = context.now()
        if "email" not in body:
            return add_system(session, kind=body["kind"], label=body["label"], hospital_id=hospital_id, origins=body["origins"], now=now)
        person = Person(**{name: body[name] for name in ("kind", "email", "name", "language", "role")}, hospital_id=hospital_id)
        return add_person(session, context.vault(), context.settings(), person, now=now)


@bp.route("/<uuid:account_id>/deactivate", methods=["POST"])
@auth.requires("ops")
@bp.response(200, AccountSchema())
def deactivate(account_id: UUID) -> Account:
    """End an account and all its sessions."""
    with web.transaction() as session:
        return deactivate_account(session, account_id=account_id, now=context.now())
