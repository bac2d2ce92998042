"""Sealing of columns, keys of patients, look-up hashes, links that need no table, and ids that tell nothing.

Keys come from settings as `id:base64,id:base64`, the current one first. Nothing here logs or stores a key.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import uuid_utils.compat
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: cannot be misread aloud


class SealBroken(Exception):
    """The key is wrong or unknown, or the sealed bytes are damaged. Says no more, on purpose."""


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; the first seals, all open. Rotation: put a new key first, reseal, then take the old one away."""

    keys: dict[str, bytes]

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `id:base64,…` (32 bytes each). Raises ValueError that names the fault, never a key."""
        keys = {}
        for part in filter(None, text.split(",")):
            key_id, _, encoded = part.partition(":")
            key = base64.b64decode(encoded, validate=True)
            if not key_id or len(key_id) > 16 or len(key) != _KEY_BYTES:
                raise ValueError("each key must be id:base64 of 32 bytes, the id at most 16 characters")
            keys[key_id] = key
        if not keys:
            raise ValueError("at least one key is needed")
        return cls(keys)

    @property
    def current(self) -> str:
        return next(iter(self.keys))

    def seal(self, plain: bytes, *, bound_to: str) -> bytes:
        """AES-256-GCM (NIST SP 800-38D): length of the key id, key id, 12 bytes of random nonce, ciphertext and tag. `bound_to` is authenticated, not stored."""
        key_id = self.current.encode()
        return bytes([len(key_id)]) + key_id + seal(self.keys[self.current], plain, bound_to=bound_to)

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Raises SealBroken."""
        key_id = self.key_id(sealed)
        if key_id not in self.keys:
            raise SealBroken
        return unseal(self.keys[key_id], sealed[1 + sealed[0] :], bound_to=bound_to)

    @staticmethod
    def key_id(sealed: bytes) -> str:
        """Which key sealed it: rotation looks for those that are not current."""
        return sealed[1 : 1 + sealed[0]].decode(errors="replace") if sealed else ""


def key_ring_fault(text: str) -> str | None:
    """A check for config.setting."""
    try:
        KeyRing.parse(text)
    except ValueError as fault:
        return f"is not a key ring: {fault}"
    return None


def key_fault(text: str) -> str | None:
    """A check for config.setting: one key of 32 bytes in base64."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return "is not base64"
    return None if len(raw) == 32 else "must be 32 bytes in base64"


def new_key() -> bytes:
    return secrets.token_bytes(_KEY_BYTES)


def seal(key: bytes, plain: bytes, *, bound_to: str) -> bytes:
    """AES-256-GCM with a random 96-bit nonce in front. `bound_to` (a row's id and column) is authenticated."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    """Raises SealBroken."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError) as broken:
        raise SealBroken from broken


def lookup_hash(key: bytes, address: str) -> bytes:
    """HMAC-SHA256 of an e-mail address in NFC and small letters: found by equality, not readable, not guessable without the key.

    Nothing that looks alike is made equal: full-width letters and ß are letters of their own in a mailbox's name (RFC 6532).
    """
    normal = unicodedata.normalize("NFC", address).strip().lower()
    return hmac.digest(key, normal.encode(), "sha256")


def link_token(key: bytes, *, link_id: UUID, purpose: str, expires_at: datetime) -> str:
    """A capability: `id.hmac` in base64url, derived by whoever holds the link key, stored and logged nowhere."""
    expiry = int(expires_at.timestamp())
    mac = hmac.digest(key, f"{link_id}|{purpose}|{expiry}".encode(), "sha256")
    return f"{_b64(link_id.bytes)}.{_b64(mac)}"


def link_id_of(token: str) -> UUID:
    """The id inside a token, not yet proved. Raises ValueError where it has no such form."""
    head, _, _ = token.partition(".")
    return UUID(bytes=base64.urlsafe_b64decode(head + "=="))


def link_is_genuine(token: str, key: bytes, *, link_id: UUID, purpose: str, expires_at: datetime) -> bool:
    """Compare in constant time. Expiry and revocation are the caller's to check."""
    return hmac.compare_digest(token.encode(), link_token(key, link_id=link_id, purpose=purpose, expires_at=expires_at).encode())


def new_secret(prefix: str) -> str:
    """A 256-bit secret that says what it is, for people who find one: `prefix_…`."""
    return f"{prefix}_{_b64(secrets.token_bytes(32))}"


def secret_hash(secret: str) -> bytes:
    """SHA-256: enough for 256 random bits, which nobody can guess from their hash."""
    return hashlib.sha256(secret.encode()).digest()


def new_id() -> UUID:
    """UUIDv7 (RFC 9562): ordered by time, for rows and events; never for anything a stranger sees."""
    return uuid_utils.compat.uuid7()


def new_reference() -> str:
    """60 random bits a person can read aloud: `K7QF-2M9X-4TBD`. Tells neither time nor count."""
    letters = "".join(secrets.choice(_CROCKFORD) for _ in range(12))
    return "-".join(letters[at : at + 4] for at in (0, 4, 8))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
