"""The keys of this service, held together: what seals, what wraps, what hashes, what derives links. Stores nothing."""

import base64
from dataclasses import dataclass

from shared.crypto import KeyRing, lookup_hash

from .settings import Settings


@dataclass(frozen=True)
class Vault:
    """`case_ring` wraps each patient's key here, `contact_ring` in the topic that notification reads."""

    case_ring: KeyRing
    contact_ring: KeyRing
    lookup_key: bytes
    link_key: bytes

    @classmethod
    def of(cls, settings: Settings) -> "Vault":
        return cls(
            case_ring=KeyRing.parse(settings.case_keys),
            contact_ring=KeyRing.parse(settings.contact_keys),
            lookup_key=base64.b64decode(settings.lookup_key),
            link_key=base64.b64decode(settings.link_key),
        )

    def hash_of(self, email: str) -> bytes:
        return lookup_hash(self.lookup_key, email)
