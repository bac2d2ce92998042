"""Connections to webhooks, kept for the next delivery to the same place and let go when nobody needed them for a while.

A name is looked up and judged whenever one is opened. None of them follows a redirect, asks a proxy or keeps a cookie.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPResponse

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from requests_hardened.ip_filter import InvalidIPAddress, filter_host
from urllib3.util import parse_url, wait_for_read

from .deadlines import Deadline

IDLE_SECONDS = 15.0  # shorter than most servers keep one
MOST = 64  # that are idle; the one that has been idle longest makes room
POSTS = 100  # over one connection: then the name is looked up again
_PORTS = {"http": 80, "https": 443}
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that leads to hosts of the public (RFC 4291, 2.4; IANA registry)


@dataclass(frozen=True)
class Place:
    """Where a URL leads: what one connection can be used for. `name` without the brackets of IPv6, in A-labels."""

    scheme: str
    name: str
    port: int

    @classmethod
    def of(cls, url: str) -> tuple["Place", str, str]:
        """With the request's target and `Host`. Raises ValueError."""
        parts = parse_url(url)
        if not parts.host or parts.scheme not in _PORTS:
            raise ValueError("no http(s) address")
        host = parts.host if parts.port is None else f"{parts.host}:{parts.port}"
        return cls(parts.scheme, parts.host.strip("[]"), parts.port or _PORTS[parts.scheme]), parts.request_uri, host


class Connection(HTTPConnection):
    """To one place, open or not. Whatever happens over it ends with the deadline of the attempt."""

    sock: socket.socket | None
    _deadline: Deadline

    def __init__(self, place: Place, *, allow_private: bool) -> None:
        super().__init__(place.name, place.port)
        self.place, self._allow_private, self.posts, self.used_at = place, allow_private, 0, 0.0

    def post(self, target: str, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> HTTPResponse:
        """The answer as far as its headers. A kept one that was closed meanwhile is opened anew once: who took it all the same knows it by its id.

        Raises InvalidIPAddress for a name that leads to a private address, OSError, ValueError, HTTPException.
        """
        self._deadline = deadline
        if self.sock is not None:
            deadline.watch(self.sock)
            self.sock.settimeout(deadline.left)
            try:
                return self._post(target, headers, body)
            except (ConnectionError, ssl.SSLError):
                self.close()
        return self._post(target, headers, body)

    def _post(self, target: str, headers: Mapping[str, str], body: bytes) -> HTTPResponse:
        self.request("POST", target, body, headers)  # connects, where it is not
        self.posts, self.used_at = self.posts + 1, time.monotonic()
        return self.getresponse()

    def connect(self) -> None:
        """To an address that was looked up now and judged."""
        deadline, place = self._deadline, self.place
        address = place.name if self._allow_private else deadline.bounded(_public, place.name, place.port)
        self.posts, self.sock = 0, deadline.bounded(socket.create_connection, (address, place.port), deadline.left)
        deadline.watch(self.sock)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place.scheme == "https":
            self.sock = _trusted().wrap_socket(self.sock, server_hostname=place.name)


class Kept:
    """Idle connections of all threads, the longest idle first."""

    def __init__(self) -> None:
        self._idle, self._lock = deque[Connection](), threading.Lock()

    def take(self, place: Place, *, allow_private: bool) -> Connection:
        """One to this place that nobody has closed, as far as can be seen, or a new one."""
        self.let_go(IDLE_SECONDS)
        with self._lock:
            found = next((one for one in reversed(self._idle) if one.place == place), None)
            if found is not None:
                self._idle.remove(found)
        if found is None:
            return Connection(place, allow_private=allow_private)
        if found.sock is not None and wait_for_read(found.sock, timeout=0):  # its end, or what nobody asked for
            found.close()
        return found

    def keep(self, connection: Connection) -> None:
        """Its last answer was read to the end."""
        if connection.posts >= POSTS:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)
            spare = self._idle.popleft() if len(self._idle) > MOST else None
        if spare is not None:
            spare.close()

    def let_go(self, seconds: float) -> None:
        """Close those that have been idle for so long."""
        with self._lock:
            while self._idle and time.monotonic() - self._idle[0].used_at >= seconds:
                self._idle.popleft().close()


def _public(name: str, port: int) -> str:
    """The address to dial. The filter knows what is private; of IPv6 we dial nothing but what is public (not site-local, no IPv4 in disguise)."""
    address = ipaddress.ip_address(filter_host(name, port, allow_loopback=False).strip("[]"))
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        raise InvalidIPAddress(address)
    return str(address)


@cache
def _trusted() -> ssl.SSLContext:
    """One for all: reading the authorities takes as long as many webhooks."""
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
