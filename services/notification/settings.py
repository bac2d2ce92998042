"""What an operator may set for notification, and what each name means.

Holds no default that reaches anybody: addresses and keys must be given.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from shared import config
from shared.crypto import key_fault, key_ring_fault
from shared.events.notification import Channel

SMTP_SCHEMES = ("smtp", "smtps", "starttls")


def smtp_url_fault(text: str) -> str | None:
    """A check for config.setting."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "has a port that is no number"
    if parts.scheme not in SMTP_SCHEMES or not parts.hostname:
        return f"must be smtp://host:port, smtps://host:port or starttls://host:port, with user:password@ where needed (scheme: {', '.join(SMTP_SCHEMES)})"
    return None


def site_url_fault(text: str) -> str | None:
    """A check for config.setting."""
    parts = urlsplit(text)
    return (
        None
        if parts.scheme in {"http", "https"} and parts.netloc and not text.endswith("/")
        else "must be http(s)://host without a slash at its end"
    )


def address_fault(text: str) -> str | None:
    """A check for config.setting: something@somewhere, on one line."""
    return None if "@" in text and text.isprintable() else "must be an e-mail address"


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """Of the notification service."""

    jwks_url: str = config.setting("where the public keys of the issuer of bearer tokens are served", check=config.http_url_fault)
    smtp_url: str = config.setting(
        "mail server, as smtp://user:password@host:port; also smtps:// and starttls://", check=smtp_url_fault, secret=True
    )
    smtp_from: str = config.setting("sender of every mail, as `Passage <no-reply@example.org>`", check=address_fault)
    ops_address: str = config.setting("where operations are told of what waits for them", check=address_fault)
    site_url: str = config.setting("the site that links lead to, without a slash at its end", check=site_url_fault)
    link_key: str = config.setting("key of capability links, the same as enquiry's: 32 bytes in base64", check=key_fault, secret=True)
    contact_keys: str = config.setting(
        "ring that opens the keys of patients and accounts, the same as enquiry's", check=key_ring_fault, secret=True
    )
    notification_keys: str = config.setting(
        "ring that seals addresses and secrets of endpoints, and stored answers", check=key_ring_fault, secret=True
    )
    lookup_key: str = config.setting(
        "key of the hashes by which refused addresses are found: 32 bytes in base64", check=key_fault, secret=True
    )
    smtp_connections: int = config.setting(
        "mails sent at once by one worker, each over its own open connection", default=8, check=config.at_least(1)
    )
    webhook_connections: int = config.setting("webhooks sent at once by one worker", default=16, check=config.at_least(1))
    sends_per_hospital: str = config.setting(
        "registrations, changes, tests, resends and replays that the people and systems of one hospital may ask for",
        default="120/hour",
        check=config.rate_fault,
    )
    mails_again_per_day: int = config.setting(
        "mails that one hospital may have sent again within 24 hours, by resends and replays", default=100, check=config.at_least(1)
    )
    webhooks_again_per_day: int = config.setting("the same for webhooks", default=5000, check=config.at_least(1))
    proof_mails_per_day: int = config.setting(
        "mails with a link to prove an address that one address gets within 24 hours, whoever asks", default=5, check=config.at_least(1)
    )
    proofs_per_address: str = config.setting(
        "links to prove an address that one network address may press", default="60/hour", check=config.rate_fault
    )
    delivery_lease: timedelta = config.setting(
        "how long a delivery may be in one worker's hands; one attempt may take a third of it, but no more than 60 s (e-mail) or 15 s (webhook)",
        default=timedelta(seconds=180),
        check=lambda lease: None if lease >= timedelta(seconds=3) else "must be at least three seconds",
    )
    retry_pace: float = config.setting(
        "multiplies the waits between attempts; 1 is what hospitals are promised, less is for trying things out",
        default=1.0,
        check=lambda pace: None if 0 < pace <= 1 else "must be above 0 and at most 1",
    )
    webhook_allow_private: bool = config.setting(
        "allow http and private addresses for webhooks: for trying things out on one machine only", default=False
    )

    retain_deliveries: timedelta = config.setting(
        "deliveries with their attempts and replies, after their end", default=timedelta(days=90), check=config.longer_than_nothing
    )
    retain_suppressions: timedelta = config.setting(
        "hashes of addresses that were refused", default=timedelta(days=365), check=config.longer_than_nothing
    )
    retain_withheld: timedelta = config.setting("facts that came too late", default=timedelta(days=30), check=config.longer_than_nothing)
    retain_tasks: timedelta = config.setting(
        "tasks that were done, holds that were released", default=timedelta(days=365), check=config.longer_than_nothing
    )

    def again_per_day(self, channel: str) -> int:
        """Of one hospital."""
        return self.mails_again_per_day if channel == Channel.EMAIL else self.webhooks_again_per_day

    @property
    def link_key_bytes(self) -> bytes:
        return base64.b64decode(self.link_key)

    @property
    def lookup_key_bytes(self) -> bytes:
        return base64.b64decode(self.lookup_key)
