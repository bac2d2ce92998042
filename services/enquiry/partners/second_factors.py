"""Second factors of people: TOTP (RFC 6238), 30 seconds, one step of tolerance, each code once."""

from datetime import datetime
from typing import Any

import pyotp
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from services.enquiry import context, links
from services.enquiry.vault import Vault
from shared import crypto, web
from shared.problems import Forbidden, NotFound
from shared.web.limits import limited

from . import accounts
from .accounts import Account

STEP_SECONDS = 30


# -- schema -------------------------------------------------------------------


class SetUpSchema(web.Schema):
    link = fields.String(required=True, validate=validate.Length(1, 200), metadata={"description": "token of the mailed link"})


class SecretSchema(web.Schema):
    secret = fields.String(metadata={"description": "base32, for an authenticator app; shown until it is confirmed"})
    uri = fields.String(metadata={"description": "the same as otpauth:// for a QR code"})


class ConfirmSchema(SetUpSchema):
    code = fields.String(required=True, validate=validate.Regexp(r"^\d{6}$"))


# -- rules --------------------------------------------------------------------


def set_up(session: Session, vault: Vault, *, token: str, now: datetime) -> str:
    """A new secret for the account of a link, not yet in force; asking again makes a new one. Raises NotFound(link-invalid)."""
    account = _account_of(session, vault, token, now)
    if account.totp_confirmed_at is not None:  # an older link must not replace what is in force
        raise NotFound("link-invalid")
    secret = pyotp.random_base32()
    account.sealed_totp = crypto.seal(accounts.key_of(vault, account), secret.encode(), bound_to=f"account:{account.id}:totp")
    return secret


def confirm(session: Session, vault: Vault, *, token: str, code: str, now: datetime) -> Account:
    """The person's app shows the right code: the second factor is in force, the link used up. Raises NotFound, Forbidden(sign-in-refused)."""
    link = links.find_link(session, token=token, purpose="account", link_key=vault.link_key, now=now)
    account = _account_of(session, vault, token, now)
    if account.totp_confirmed_at is not None:
        raise NotFound("link-invalid")
    account.totp_confirmed_at = now
    check_code(vault, account, code, now)
    link.used_at = now
    links.revoke_account_links(session, account_id=account.id, purpose="account", now=now)
    return account


def check_code(vault: Vault, account: Account, code: str, now: datetime) -> None:
    """Accept a code once. Raises Forbidden(sign-in-refused)."""
    if account.sealed_totp is None or account.totp_confirmed_at is None:
        raise Forbidden("sign-in-refused")
    secret = crypto.unseal(accounts.key_of(vault, account), account.sealed_totp, bound_to=f"account:{account.id}:totp").decode()
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    for step in (present - 1, present, present + 1):
        if step > account.totp_last_step and pyotp.utils.strings_equal(totp.at(step * STEP_SECONDS), code):
            account.totp_last_step = step
            return
    raise Forbidden("sign-in-refused")


def _account_of(session: Session, vault: Vault, token: str, now: datetime) -> Account:
    link = links.find_link(session, token=token, purpose="account", link_key=vault.link_key, now=now)
    assert link.account_id is not None  # noqa: S101
    return accounts.lock_account(session, link.account_id)


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("second_factors", __name__, url_prefix="/v1/second-factors", description="The second factor of people")


@bp.route("", methods=["POST"])
@limited("tokens", lambda: context.settings().tokens_per_address)
@bp.arguments(SetUpSchema())
@bp.response(201, SecretSchema())
def create(body: dict[str, Any]) -> dict[str, str]:
    """Begin to set up: put the secret into an authenticator app, then confirm."""
    with web.transaction() as session:
        secret = set_up(session, context.vault(), token=body["link"], now=context.now())
        return {"secret": secret, "uri": pyotp.TOTP(secret).provisioning_uri(name="Passage", issuer_name="Passage")}


@bp.route("/confirm", methods=["POST"])
@limited("tokens", lambda: context.settings().tokens_per_address)
@bp.arguments(ConfirmSchema())
@bp.response(204)
def confirm_it(body: dict[str, Any]) -> None:
    """Show a code of the app: from now on sign-ins ask for one."""
    with web.transaction() as session:
        confirm(session, context.vault(), token=body["link"], code=body["code"], now=context.now())
