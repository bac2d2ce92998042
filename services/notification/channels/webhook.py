"""Webhooks as Standard Webhooks 1.0 has them, to addresses that are public, by the address that was looked up, without redirects.

Only 2xx counts as accepted. The payload is thin: whoever intercepts it learns ids.
"""

import http.client
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID

from requests_hardened.ip_filter import InvalidIPAddress
from standardwebhooks import Webhook

from . import Result, Sent, readable
from .connections import IDLE_SECONDS, Kept, Place
from .deadlines import Deadline, Watch

REPLY_LIMIT = 65_536  # bytes of a reply that are read at all
MOST_RETRY_AFTER = 24 * 3600.0


class WebhookChannel:
    """Posts signed JSON. `send` may be called from several threads."""

    def __init__(self, watch: Watch, *, allow_private: bool, seconds: float) -> None:
        self._watch, self._allow_private, self._seconds, self._kept = watch, allow_private, seconds, Kept()

    def send(self, *, url: str, secrets: Sequence[str], unique: UUID, body: bytes) -> Sent:
        """One attempt: `unique` stays the same for all attempts, timestamp and signatures are new. Never raises for what the other side does."""
        if not self._allow_private and urlsplit(url).scheme != "https":
            return Sent(Result.FAILED, reply="refused: only https is allowed")
        with self._watch.within(self._seconds) as deadline:
            try:
                return self._post(url, signed(secrets, unique, body, datetime.now(UTC)), body, deadline)
            except InvalidIPAddress:
                return Sent(Result.TEMPORARY, reply="refused: the name leads to a private address")
            except (http.client.HTTPException, OSError, ValueError) as fault:
                return Sent(Result.TEMPORARY, reply="took too long" if deadline.over else f"no answer: {type(fault).__name__}")

    def _post(self, url: str, headers: dict[str, str], body: bytes, deadline: Deadline) -> Sent:
        place, target, host = Place.of(url)
        held, kept = self._kept.take(place, allow_private=self._allow_private), False
        try:
            answer = held.post(target, headers | {"host": host}, body, deadline)
            reply = answer.read(REPLY_LIMIT)
            if deadline.over:  # a connection that was shut reads like the end of headers or body: what came in time was no whole answer
                return Sent(Result.TEMPORARY, answer.status, "took too long")
            if answer.length and len(reply) < REPLY_LIMIT:
                raise http.client.IncompleteRead(reply, answer.length)
            kept = answer.isclosed() and not answer.will_close
            return _judge(answer, reply)
        finally:
            self._kept.keep(held) if kept else held.close()

    def let_go(self, seconds: float = IDLE_SECONDS) -> None:
        """Close connections that nobody has needed for so long."""
        self._kept.let_go(seconds)


def signed(secrets: Sequence[str], unique: UUID, body: bytes, now: datetime) -> dict[str, str]:
    """Headers of Standard Webhooks 1.0: one signature per secret, so that a receiver may change over in its own time."""
    text = body.decode()
    signatures = [Webhook(secret).sign(str(unique), now, text) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Passage-Webhooks/1",
        "accept-encoding": "identity",
        "webhook-id": str(unique),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _judge(answer: http.client.HTTPResponse, reply: bytes) -> Sent:
    status, told = answer.status, readable(reply)
    if 200 <= status <= 299:
        return Sent(Result.ACCEPTED, status, told)
    if status == 410:
        return Sent(Result.GONE, status, told)
    return Sent(Result.TEMPORARY, status, told, _retry_after(answer.getheader("Retry-After")))


def _retry_after(header: str | None) -> float | None:
    """Seconds (RFC 9110, 10.2.3: a number or a date), a day at most."""
    if not header:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_RETRY_AFTER)
