"""API keys of systems: 256 random bits, shown once, stored hashed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry import context
from services.enquiry.db import Base
from services.enquiry.wording import one_line
from shared import auth, crypto, web
from shared.problems import Conflict, Forbidden, Invalid, NotFound, field_error
from shared.web.idempotency import idempotent

from . import accounts, sessions
from .accounts import Account

MAX_KEYS = 10

# -- table --------------------------------------------------------------------


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    label: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


# -- schema -------------------------------------------------------------------


class NewKeySchema(web.Schema):
    label = fields.String(
        required=True, validate=[validate.Length(1, 100), one_line], metadata={"examples": ["Booking system, production"]}
    )
    account = fields.UUID(
        metadata={"description": "operations only: the system's account; a hospital's person makes keys for the own hospital"}
    )


class KeySchema(web.Schema):
    id = fields.UUID()
    label = fields.String()
    created_at = fields.AwareDateTime()
    revoked_at = fields.AwareDateTime(allow_none=True)


class KeyShownSchema(KeySchema):
    api_key = fields.String(metadata={"description": "shown this once; exchange it at POST /v1/tokens", "examples": ["psg_…"]})


# -- rules --------------------------------------------------------------------


def add_key(session: Session, account: Account, *, label: str, now: datetime) -> tuple[ApiKey, str]:
    """A new key and its secret. Raises Conflict(limit-reached), Invalid for a person's account."""
    if account.is_person:
        raise Invalid("invalid", errors=[field_error("account", "people sign in by link and code; keys are for systems")])
    live = [key for key in keys_of(session, account.id) if key.revoked_at is None]
    if len(live) >= MAX_KEYS:
        raise Conflict("limit-reached", detail=f"at most {MAX_KEYS} keys live at a time", limit=MAX_KEYS)
    secret = crypto.new_secret("psg")
    key = ApiKey(id=crypto.new_id(), account_id=account.id, secret_hash=crypto.secret_hash(secret), label=label, created_at=now)
    session.add(key)
    session.flush()
    return key, secret


def keys_of(session: Session, account_id: UUID) -> list[ApiKey]:
    return list(session.scalars(select(ApiKey).where(ApiKey.account_id == account_id).order_by(ApiKey.id)))


def keys_of_hospital(session: Session, hospital_id: UUID) -> list[ApiKey]:
    """Keys of every system of a hospital."""
    query = select(ApiKey).join(Account, Account.id == ApiKey.account_id).where(Account.hospital_id == hospital_id)
    return list(session.scalars(query.order_by(ApiKey.id)))


def require_person(session: Session, account_id: str) -> None:
    """People make and end keys, keys do not: a stolen one must not outlive its end, nor end the others. Raises Forbidden."""
    try:
        found = session.get(Account, UUID(account_id))
    except ValueError:  # another issuer's
        found = None
    if found is None or found.deactivated_at or not found.is_person:
        raise Forbidden("not-allowed")


def check_minting(session: Session, hospital_id: UUID) -> None:
    """Raises Conflict(limit-reached)."""
    if len([key for key in keys_of_hospital(session, hospital_id) if key.revoked_at is None]) >= MAX_KEYS:
        raise Conflict("limit-reached", detail=f"at most {MAX_KEYS} keys live at a time", limit=MAX_KEYS)


def account_of_key(session: Session, secret: str) -> Account | None:
    """The active account a secret belongs to; key and account are locked, so that neither ends before the session it begins can be seen."""
    live = select(ApiKey).where(ApiKey.secret_hash == crypto.secret_hash(secret), ApiKey.revoked_at.is_(None))
    key = session.scalar(live.with_for_update(read=True))
    if key is None:
        return None
    try:
        return accounts.lock_account(session, key.account_id, share=True)
    except NotFound:
        return None


def revoke_key(session: Session, *, key_id: UUID, hospital_id: UUID | None, now: datetime) -> ApiKey:
    """End a key and the sessions it began. Raises NotFound, also for another hospital's."""
    key = session.get(ApiKey, key_id, with_for_update=True)
    if key is None or (hospital_id and accounts.find_account(session, key.account_id).hospital_id != hospital_id):
        raise NotFound("not-found")
    key.revoked_at = key.revoked_at or now
    sessions.revoke_all(session, account_id=key.account_id, now=now)
    return key


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("api_keys", __name__, url_prefix="/v1/api-keys", description="Keys of systems")


@bp.route("", methods=["POST"])
@auth.requires("hospital", "ops")
@idempotent
@bp.arguments(NewKeySchema())
@bp.response(201, KeyShownSchema())
def create(body: dict[str, Any]) -> dict[str, Any]:
    """Make a key; it is shown this once."""
    with web.transaction() as session:
        now = context.now()
        if auth.current().kind == "hospital":
            require_person(session, auth.current().id)
            check_minting(session, auth.hospital_id())
            account = accounts.add_system(
                session, kind="hospital", label=body["label"], hospital_id=auth.hospital_id(), origins=[], now=now
            )
        elif "account" in body:
            account = accounts.find_account(session, body["account"])
        else:
            raise Invalid("invalid", errors=[field_error("account", "is required")])
        key, secret = add_key(session, account, label=body["label"], now=now)
        return {"id": key.id, "label": key.label, "created_at": key.created_at, "revoked_at": None, "api_key": secret}


@bp.route("", methods=["GET"])
@auth.requires("hospital")
@bp.response(200, KeySchema(many=True))
def index() -> list[ApiKey]:
    """The keys of your hospital's systems."""
    with web.reading() as session:
        return keys_of_hospital(session, auth.hospital_id())


@bp.route("/<uuid:key_id>", methods=["DELETE"])
@auth.requires("hospital", "ops")
@bp.response(200, KeySchema())
def revoke(key_id: UUID) -> ApiKey:
    """End a key now; of a hospital, people may."""
    hospital_id = auth.hospital_id() if auth.current().kind == "hospital" else None
    with web.transaction() as session:
        if hospital_id is not None:
            require_person(session, auth.current().id)
        return revoke_key(session, key_id=key_id, hospital_id=hospital_id, now=context.now())
