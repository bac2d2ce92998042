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


def not_negative(value: timedelta) -> str | None:
    """A check for config.setting."""
    return None if value >= timedelta(0) else "must not be negative"


WEBHOOK = [
    timedelta(seconds=5),  # a restart of the receiver
    timedelta(minutes=5),  # a deploy
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),  # a night
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
]  # 10 attempts, 75 h 35 min 5 s from the first to the last: a weekend
EMAIL = [
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),  # greylisting lets us in about here
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(hours=24),
]  # 9 attempts, 41 h 21 min 10 s from the first to the last


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
        "how long a delivery may be in one worker's hands; one attempt may take a third of it, but no more than EMAIL_TIME or WEBHOOK_TIME",
        default=timedelta(seconds=180),
        check=lambda lease: None if lease >= timedelta(seconds=3) else "must be at least three seconds",
    )
    webhook_schedule: list[timedelta] = config.setting(
        "waits after the 1st, 2nd, … attempt of a webhook; after the last one it has failed", default=WEBHOOK, check=config.schedule_fault
    )
    email_schedule: list[timedelta] = config.setting("the same for a mail", default=EMAIL, check=config.schedule_fault)
    retry_jitter: float = config.setting(
        "part of each wait that is added or taken away by chance: what failed together does not come back together",
        default=0.2,
        check=lambda part: None if 0 <= part < 1 else "must be at least 0 and below 1",
    )
    webhook_time: timedelta = config.setting(
        "for one webhook, from looking the name up to the end of the reply", default=timedelta(seconds=15), check=config.longer_than_nothing
    )
    email_time: timedelta = config.setting(
        "for one mail, connecting included", default=timedelta(seconds=60), check=config.longer_than_nothing
    )
    fold_window: timedelta = config.setting(
        "within this after a mail, others about the same case to the same person become one",
        default=timedelta(minutes=2),
        check=not_negative,
    )
    withheld_after: timedelta = config.setting(
        "a fact that is heard later than this alerts nobody until operations release it",
        default=timedelta(hours=24),
        check=config.longer_than_nothing,
    )
    failing_told_after: timedelta = config.setting(
        "operations are told of an endpoint that has failed for so long", default=timedelta(hours=1), check=config.longer_than_nothing
    )
    disabled_after: timedelta = config.setting(
        "an endpoint is disabled when it has failed for so long", default=timedelta(days=5), check=config.longer_than_nothing
    )
    disabled_after_failures: int = config.setting("and so often in a row", default=20, check=config.at_least(1))
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

    def oddities(self) -> list[str]:
        """Also what is for trying things out."""
        trying = {
            "WEBHOOK_ALLOW_PRIVATE is on: a hospital's webhook may lead into our own network": self.webhook_allow_private,
            "RETRY_PACE is below 1: hospitals are tried faster, and given up sooner, than they are promised": self.retry_pace < 1,
        }
        return [*super().oddities(), *(sentence for sentence, given in trying.items() if given)]

    def schedule(self, channel: str) -> list[timedelta]:
        """Waits between the attempts."""
        return self.email_schedule if channel == Channel.EMAIL else self.webhook_schedule

    def attempt_seconds(self, channel: str) -> float:
        """What one attempt may take: never so long that its lease could run out before its result is settled."""
        allowed = self.email_time if channel == Channel.EMAIL else self.webhook_time
        return min(allowed, self.delivery_lease / 3).total_seconds()

    def again_per_day(self, channel: str) -> int:
        """Of one hospital."""
        return self.mails_again_per_day if channel == Channel.EMAIL else self.webhooks_again_per_day

    @property
    def link_key_bytes(self) -> bytes:
        return base64.b64decode(self.link_key)

    @property
    def lookup_key_bytes(self) -> bytes:
        return base64.b64decode(self.lookup_key)
