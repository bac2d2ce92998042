"""Webhooks as Standard Webhooks 1.0 has them, to addresses that are public, by the address that was looked up, without redirects.

Only 2xx counts as accepted. The payload is thin: whoever intercepts it learns ids.
"""

import ipaddress
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from standardwebhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection

from . import Result, Sent, readable
from .deadlines import Deadline, Watch

REPLY_LIMIT = 65_536  # bytes of a reply that are read at all
MOST_RETRY_AFTER = 24 * 3600.0
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that leads to hosts of the public (RFC 4291, 2.4; IANA registry)

_under_way = threading.local()  # the deadline of this thread's attempt, for the connection to find


class WebhookChannel:
    """Posts signed JSON. `send` may be called from several threads."""

    def __init__(self, watch: Watch, *, allow_private: bool, seconds: float) -> None:
        self._watch, self._allow_private, self._seconds = watch, allow_private, seconds

    def send(self, *, url: str, secrets: Sequence[str], unique: UUID, body: bytes) -> Sent:
        """One attempt: `unique` stays the same for all attempts, timestamp and signatures are new. Never raises for what the other side does."""
        if not self._allow_private and urlsplit(url).scheme != "https":
            return Sent(Result.FAILED, reply="refused: only https is allowed")
        with self._watch.within(self._seconds) as deadline:
            _under_way.deadline = deadline
            try:
                return self._post(url, signed(secrets, unique, body, datetime.now(UTC)), body, deadline)
            except InvalidIPAddress:
                return Sent(Result.TEMPORARY, reply="refused: the name leads to a private address")
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as fault:
                return Sent(Result.TEMPORARY, reply="took too long" if deadline.over else f"no answer: {type(fault).__name__}")
            finally:
                _under_way.deadline = None

    def _post(self, url: str, headers: dict[str, str], body: bytes, deadline: Deadline) -> Sent:
        with _Unredirected() as session:
            session.trust_env = False  # no proxy, no .netrc: the address looked up is the address dialled
            session.mount("https://", _PrivateHttps() if self._allow_private else _PublicHttps())
            session.mount("http://", _PrivateHttp())
            with session.post(url, data=body, headers=headers, timeout=deadline.left, allow_redirects=False, stream=True) as answer:
                reply = answer.raw.read(REPLY_LIMIT, decode_content=False) or b""
                # a connection that was shut reads like the end of headers or body: what came in time was no whole answer
                return Sent(Result.TEMPORARY, answer.status_code, "took too long") if deadline.over else _judge(answer, reply)


def signed(secrets: Sequence[str], unique: UUID, body: bytes, now: datetime) -> dict[str, str]:
    """Headers of Standard Webhooks 1.0: one signature per secret, so that a receiver may change over in its own time."""
    text = body.decode()
    signatures = [Webhook(secret).sign(str(unique), now, text) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Passage-Webhooks/1",
        "accept-encoding": "identity",
        "connection": "close",
        "webhook-id": str(unique),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _judge(answer: requests.Response, reply: bytes) -> Sent:
    status, told = answer.status_code, readable(reply)
    if 200 <= status <= 299:
        return Sent(Result.ACCEPTED, status, told)
    if status == 410:
        return Sent(Result.GONE, status, told)
    return Sent(Result.TEMPORARY, status, told, _retry_after(answer.headers.get("Retry-After")))


def _retry_after(header: str | None) -> float | None:
    """Seconds (RFC 9110, 10.2.3: a number or a date), a day at most."""
    if not header:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_RETRY_AFTER)


class _Unredirected(requests.Session):
    """Sees no redirect in any answer: looking for the next request, requests would read and unzip the whole reply of this one."""

    def get_redirect_target(self, _resp: requests.Response) -> None:
        return None


def _in_time(call: Callable[..., Any], *arguments: Any) -> Any:
    """Within the time of this thread's attempt."""
    deadline: Deadline = _under_way.deadline
    return deadline.bounded(call, *arguments)


def _connected(connect: Callable[[], Any]) -> Any:
    deadline: Deadline = _under_way.deadline
    made = deadline.bounded(connect)
    deadline.watch(made)
    return made


class _Connection(HTTPConnection):
    def _new_conn(self) -> Any:
        return _connected(super()._new_conn)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> Any:
        return _connected(super()._new_conn)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Deadlined(HTTPAdapter):
    """An adapter whose connections end with the deadline of their attempt."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _PublicHttps(_Deadlined, IPFilterAdapter):  # type: ignore[misc]  # it has no types
    def __init__(self) -> None:
        super().__init__(is_https_proto=True)  # type: ignore[call-arg]

    def build_connection_pool_key_attributes(self, *arguments: Any, **named: Any) -> Any:
        """The filter knows what is private; of IPv6 we dial nothing but what is public (not site-local, no IPv4 in disguise)."""
        host, pool = _in_time(partial(super().build_connection_pool_key_attributes, *arguments, **named))
        address = ipaddress.ip_address(host["host"].strip("[]"))
        if address.version == 6 and address not in _GLOBAL_UNICAST:
            raise InvalidIPAddress(address)
        return host, pool


class _PrivateHttps(_Deadlined):
    pass


class _PrivateHttp(_Deadlined):
    pass
