"""Bearer tokens: five minutes each, got by an API key, by a case's link, by a sign-in link with a code, or by a refresh token.

POST /v1/tokens is the only door; a refused attempt says nothing about why.
"""

from datetime import datetime
from typing import Any

from flask import Response, jsonify
from marshmallow import fields, validate, validates_schema
from marshmallow.exceptions import ValidationError
from sqlalchemy.orm import Session

from services.enquiry import context, links
from services.enquiry.cases import Enquiry
from services.enquiry.settings import Settings
from services.enquiry.vault import Vault
from shared import auth, web
from shared.auth import TOKEN_SECONDS, Issuer
from shared.problems import Forbidden, NotFound
from shared.web.limits import limit, limited

from . import accounts, api_keys, second_factors, sessions
from .accounts import Account
from .sessions import SignedIn

CODES_PER_LINK = "5/day"  # six digits must not be guessed

# -- schema -------------------------------------------------------------------

_SECRET = validate.Length(1, 200)


class AskSchema(web.Schema):
    """Exactly one of api_key, case_link, sign_in_link (with code), refresh_token."""

    api_key = fields.String(validate=_SECRET, metadata={"examples": ["psg_…"]})
    case_link = fields.String(validate=_SECRET, metadata={"description": "token of the link to a case: its patient's"})
    sign_in_link = fields.String(validate=_SECRET, metadata={"description": "token of a sign-in link; `code` goes with it"})
    refresh_token = fields.String(validate=_SECRET)
    code = fields.String(validate=validate.Regexp(r"^\d{6}$"), metadata={"description": "of the authenticator app"})

    @validates_schema
    def one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        ways = [name for name in data if name != "code"]
        if len(ways) != 1:
            raise ValidationError("give exactly one of api_key, case_link, sign_in_link, refresh_token")
        if ("sign_in_link" in data) != ("code" in data):
            raise ValidationError("code and sign_in_link go together")


class TokenSchema(web.Schema):
    access_token = fields.String()
    token_type = fields.String(metadata={"examples": ["Bearer"]})
    expires_in = fields.Integer(metadata={"description": "seconds"})
    scope = fields.String(metadata={"examples": ["hospital:0190…"]})
    refresh_token = fields.String(metadata={"description": "for people only; works once"})
    reference = fields.String(metadata={"description": "with case_link: of the case it opens", "examples": ["K7QF-2M9X-4TBD"]})


# -- rules --------------------------------------------------------------------


def sign_in_by_key(session: Session, settings: Settings, *, api_key: str, now: datetime) -> SignedIn:
    """A system's session. Raises Forbidden(sign-in-refused)."""
    account = api_keys.account_of_key(session, api_key)
    if account is None:
        raise Forbidden("sign-in-refused")
    return _begin(session, account, now=now, settings=settings)


def sign_in_by_code(session: Session, vault: Vault, settings: Settings, *, link: str, code: str, now: datetime) -> SignedIn:
    """A person's session: the mailed link and the code, both used up. Raises Forbidden(sign-in-refused), NotFound(link-invalid)."""
    found = links.find_link(session, token=link, purpose="sign_in", link_key=vault.link_key, now=now)
    assert found.account_id is not None  # noqa: S101
    try:
        account = accounts.lock_account(session, found.account_id)
    except NotFound as fault:
        raise Forbidden("sign-in-refused") from fault
    second_factors.check_code(vault, account, code, now)
    found.used_at = now
    return _begin(session, account, now=now, settings=settings)


def _begin(session: Session, account: Account, *, now: datetime, settings: Settings) -> SignedIn:
    scope = f"{account.kind}:{account.hospital_id}" if account.hospital_id else account.kind
    return sessions.begin(
        session, scope=scope, subject=str(account.id), account_id=account.id, expires_at=now + settings.session_time, now=now
    )


def sign_in_by_case_link(session: Session, vault: Vault, *, link: str, now: datetime) -> SignedIn:
    """The patient's session for one case; it ends with the link. Raises NotFound(link-invalid)."""
    found = links.find_link(session, token=link, purpose="case", link_key=vault.link_key, now=now)
    scope = f"patient:{found.enquiry_id}"
    return sessions.begin(session, scope=scope, subject=str(found.id), enquiry_id=found.enquiry_id, expires_at=found.expires_at, now=now)


def renew(session: Session, *, refresh_token: str, now: datetime) -> SignedIn:
    """The session of a refresh token, locked, and its account still active. Raises Forbidden(sign-in-refused)."""
    found = sessions.find_by_refresh(session, refresh_token)
    if found is None or found.account_id is None:
        raise Forbidden("sign-in-refused")
    try:
        accounts.lock_account(session, found.account_id, share=True)
    except NotFound as fault:
        raise Forbidden("sign-in-refused") from fault
    if not sessions.lock_for_renewal(session, found, refresh_token, now=now):
        raise Forbidden("sign-in-refused")
    return found


def _sign_in(session: Session, body: dict[str, str], now: datetime) -> SignedIn:
    vault, settings = context.vault(), context.settings()
    if "api_key" in body:
        return sign_in_by_key(session, settings, api_key=body["api_key"], now=now)
    if "case_link" in body:
        return sign_in_by_case_link(session, vault, link=body["case_link"], now=now)
    if "sign_in_link" in body:
        return sign_in_by_code(session, vault, settings, link=body["sign_in_link"], code=body["code"], now=now)
    return renew(session, refresh_token=body["refresh_token"], now=now)


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("tokens", __name__, description="Bearer tokens")


@bp.route("/v1/tokens", methods=["POST"])
@limited("tokens", lambda: context.settings().tokens_per_address)
@bp.arguments(AskSchema())
@bp.response(201, TokenSchema())
def create(body: dict[str, str]) -> dict[str, Any]:
    """Get a bearer token."""
    issuer: Issuer = web.door().extra["issuer"]
    if "sign_in_link" in body:
        limit("codes", CODES_PER_LINK, by=body["sign_in_link"])
    if "refresh_token" in body:
        with web.transaction() as session:
            sessions.end_if_reused(session, body["refresh_token"], now=context.now())
    with web.transaction() as session:
        signed_in = _sign_in(session, body, context.now())
        answer = {
            "access_token": issuer.issue(scope=signed_in.scope, subject=signed_in.subject, sid=str(signed_in.id)),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": signed_in.scope,
        }
        if "sign_in_link" in body or "refresh_token" in body:
            answer["refresh_token"] = sessions.next_refresh(signed_in, body.get("refresh_token"), now=context.now())
        if signed_in.enquiry_id is not None:
            answer["reference"] = session.get_one(Enquiry, signed_in.enquiry_id).reference
        return answer


@bp.route("/v1/tokens", methods=["DELETE"])
@auth.requires("patient", "hospital", "ops", "client")
@bp.response(204)
def revoke() -> None:
    """End the session of the token at hand."""
    with web.transaction() as session:
        found = sessions.session_of(session, auth.current())
        if found is not None:
            found.revoked_at = context.now()


@bp.route("/.well-known/jwks.json", methods=["GET"])
@bp.response(200)
def jwks() -> Response:
    """The public keys of our tokens (RFC 7517)."""
    issuer: Issuer = web.door().extra["issuer"]
    response = jsonify(issuer.public())
    response.headers["Cache-Control"] = "public, max-age=60"
    return response
