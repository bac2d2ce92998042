"""Who is calling: bearer JWTs (RFC 7519) proved against a JWKS, and the principal of the request at hand.

Knows no web framework and no table: shared.web sets the principal, views ask for it.
"""

import json
import math
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from http.client import HTTPException
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet, OKPKey

from shared import log
from shared.config import Settings
from shared.problems import Forbidden, Unauthorised, Unavailable

logger = log.get(__name__)

TOKEN_SECONDS = 300
_JWKS_BYTES = 65_536
_FETCH_SECONDS = 60.0  # an unknown key id makes us ask for the JWKS at most this often
_FIRST_SECONDS = 1.0  # while we hold no key we ask again after this, then after twice as long, and so on
_PATIENCE = 10.0  # for an issuer that starts as we do: without its keys we refuse everybody; but only once, as others wait in line
_ANSWER_SECONDS = 2.0
_LEEWAY = 5
# Ours (RFC 9864), its older name, and what other issuers sign with. Public keys only: a JWKS can verify nothing by HMAC.
# A key that states its own `alg` verifies no other (joserfc refuses it), and an algorithm takes only its own type of key.
_ALGORITHMS = ["Ed25519", "EdDSA", "ES256", "PS256", "RS256"]
_KEY_TYPES = {"OKP", "EC", "RSA"}

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Principal:
    """The caller: what kind, which account or link, and the one case or hospital it may see."""

    kind: str  # patient, hospital, ops or client
    id: str  # the subject: an account, an API key or a link
    sid: str  # the session that can be revoked
    subject: UUID | None = None  # the enquiry of a patient, the hospital of its people

    @property
    def scope(self) -> str:
        return f"{self.kind}:{self.subject}" if self.subject else self.kind


_current: ContextVar[Principal | None] = ContextVar("principal", default=None)


def current() -> Principal:
    """The caller. Raises Unauthorised where there is none."""
    principal = _current.get()
    if principal is None:
        raise Unauthorised("sign-in-required")
    return principal


def set_current(principal: Principal | None) -> None:
    _current.set(principal)


def current_or_none() -> Principal | None:
    return _current.get()


def hospital_id() -> UUID:
    """The hospital of the caller. Raises Forbidden where the caller is none's."""
    principal = current()
    if principal.kind != "hospital" or principal.subject is None:
        raise Forbidden("not-allowed")
    return principal.subject


def requires(*kinds: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a view: the caller must be of one of these kinds. Raises Unauthorised or Forbidden."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if current().kind not in kinds:
                raise Forbidden("not-allowed")
            return view(*args, **kwargs)

        guarded.required_kinds = kinds  # type: ignore[attr-defined]  # the API's document and the matrix of rights read it
        return guarded

    return decorate


def refuses(*kinds: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a view that anybody may use, signed in or not, but for callers of these kinds. Raises Forbidden."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            principal = _current.get()
            if principal is not None and principal.kind in kinds:
                raise Forbidden("not-allowed")
            return view(*args, **kwargs)

        guarded.refused_kinds = kinds  # type: ignore[attr-defined]  # the API's document reads it: a token may be sent, none is asked for
        return guarded

    return decorate


class Verifier:
    """Proves bearer tokens: signature, issuer, audience, expiry, scope."""

    def __init__(
        self,
        settings: Settings,
        *,
        keys: KeySet | None = None,
        jwks_url: str = "",
        seconds: Callable[[], float] = time.monotonic,
        patience: float = _PATIENCE,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        """`keys` of an issuer in this process, or the address where another serves its JWKS; `seconds` is a clock that only goes forward.

        An issuer has `answer_seconds` for its JWKS; while we hold no key `patience`, until it has used that up once.
        """
        self._patience, self._answer_seconds = patience, answer_seconds
        self._keys, self._url, self._seconds = keys, jwks_url, seconds
        self._ask_at, self._wait = -math.inf, _FIRST_SECONDS / 2
        self._registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": settings.token_issuer},
            aud={"essential": True, "value": settings.token_audience},
            exp={"essential": True},
            sid={"essential": True},
            sub={"essential": True},
            scope={"essential": True},
        )

    def authenticate(self, token: str) -> Principal:
        """The principal of a token. Raises Unauthorised; Unavailable where the issuer's keys cannot be had."""
        try:
            decoded = self._decode(token)
            self._registry.validate(decoded.claims)
            kind, _, subject = str(decoded.claims["scope"]).partition(":")
            found = UUID(subject) if subject else None
        except (JoseError, ValueError, KeyError, TypeError) as fault:
            raise Unauthorised("sign-in-required") from fault
        claims = decoded.claims
        return Principal(kind=kind, id=str(claims["sub"]), sid=str(claims["sid"]), subject=found)

    def _decode(self, token: str) -> jwt.Token:
        if self._keys is not None:
            try:
                return jwt.decode(token, self._keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError):
                if not self._fetch():
                    raise
        elif not self._fetch():
            raise Unavailable("unavailable", retry_after=max(1, math.ceil(self._ask_at - self._seconds())))
        assert self._keys is not None  # noqa: S101
        return jwt.decode(token, self._keys, algorithms=_ALGORITHMS)

    def _fetch(self) -> bool:
        """Ask the issuer for its keys; False where it is too soon, or it cannot be reached."""
        if not self._url or self._seconds() < self._ask_at:
            return False
        timeout = self._patience if self._keys is None else self._answer_seconds
        try:
            with urllib.request.urlopen(self._url, timeout=timeout) as answer:  # noqa: S310  # the URL is a setting
                self._keys = _verifying_keys(json.loads(answer.read(_JWKS_BYTES)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, JoseError, HTTPException) as fault:
            if _is_slowness(fault):
                self._patience = self._answer_seconds
            logger.warning("the issuer's keys were not read", reason=log.describe(fault))
            self._wait = _FETCH_SECONDS if self._keys is not None else min(_FETCH_SECONDS, self._wait * 2)
            self._ask_at = self._seconds() + self._wait
            return False
        self._ask_at = self._seconds() + _FETCH_SECONDS
        return True


def _is_slowness(fault: Exception) -> bool:
    return isinstance(fault, TimeoutError) or isinstance(getattr(fault, "reason", None), TimeoutError)


def _verifying_keys(document: dict[str, Any]) -> KeySet:
    """Keys of a JWKS (RFC 7517) that can verify a signature; others in it (for encryption, of types we do not know) are passed over. Raises ValueError where none is left."""
    keys: list[Key] = []
    for one in document["keys"]:
        if one.get("kty") in _KEY_TYPES and one.get("use", "sig") == "sig":
            with suppress(JoseError):
                keys.append(JWKRegistry.import_key(one))
    if not keys:
        raise ValueError("no key that can verify")
    return KeySet(keys)


@dataclass(frozen=True)
class Issuer:
    """Signs tokens with the first of its keys; all of them are published."""

    settings: Settings
    keys: KeySet

    @classmethod
    def from_text(cls, settings: Settings, text: str) -> "Issuer":
        """Keys as a JWK set (RFC 7517) with private parts, the current one first. Raises ValueError."""
        try:
            return cls(settings, KeySet.import_key_set(json.loads(text)))
        except (JoseError, KeyError, TypeError) as fault:
            raise ValueError("not a JWK set") from fault

    def issue(self, *, scope: str, subject: str, sid: str, seconds: int = TOKEN_SECONDS) -> str:
        """A signed token that lives `seconds`."""
        key, now = self.keys.keys[0], int(time.time())
        claims: dict[str, Any] = {
            "iss": self.settings.token_issuer,
            "aud": self.settings.token_audience,
            "sub": subject,
            "sid": sid,
            "scope": scope,
        }
        return jwt.encode({"alg": "Ed25519", "kid": key.kid}, {**claims, "iat": now, "exp": now + seconds}, key, algorithms=["Ed25519"])

    def public(self) -> dict[str, Any]:
        """The JWKS document."""
        return dict(self.keys.as_dict(private=False))


def signing_keys_fault(text: str) -> str | None:
    """A check for config.setting: a JWK set whose first key can sign."""
    try:
        keys = KeySet.import_key_set(json.loads(text)).keys
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return "is not a JWK set"
    return None if keys and isinstance(keys[0], OKPKey) and keys[0].is_private else "must begin with a private Ed25519 key"


def new_signing_keys() -> str:
    """A JWK set with one new Ed25519 key, for the setting SIGNING_KEYS."""
    key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "Ed25519"}, auto_kid=True)
    return json.dumps(KeySet([key]).as_dict(private=True))
