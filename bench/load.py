"""Requests over kept connections, as fast as the answers come: a closed loop that costs the machine less than an HTTP library would.

Reads answers with a Content-Length, and 304s, which have no body. Nothing else.
"""

import itertools
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


class Unexpected(Exception):
    """An answer with another status than the one that is measured."""


@dataclass
class _Connection:
    sock: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.sock.setblocking(True)
        self.sock.sendall(request)
        self.sock.setblocking(False)

    def take_answer(self, status: bytes) -> bool:
        """Whether an answer is complete; then it is forgotten. Raises Unexpected, ConnectionError."""
        chunk = self.sock.recv(262_144)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self.received += chunk
        end = self.received.find(b"\r\n\r\n")
        if end < 0 or len(self.received) < end + 4 + _length(self.received[:end]):
            return False
        if self.received[9:12] != status:
            raise Unexpected(self.received[:2000].decode(errors="replace"))
        self.received.clear()
        return True


def _length(head: bytearray) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def rate(
    port: int,
    requests: Iterator[bytes],
    *,
    status: int = 200,
    connections: int = 16,
    seconds: float = 3.0,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Answers a second from 127.0.0.1:`port`. `requests` never ends. Raises Unexpected at the first other status."""
    selector = selectors.DefaultSelector()
    opened = [_Connection(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(connections)]
    wanted, answers = str(status).encode(), 0
    try:
        began = clock()
        for each in opened:
            each.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.send(next(requests))
            selector.register(each.sock, selectors.EVENT_READ, each)
        while clock() - began < seconds:
            for key, _ in selector.select(timeout=1):
                if key.data.take_answer(wanted):
                    answers += 1
                    key.data.send(next(requests))
        return answers / (clock() - began)
    finally:
        for each in opened:
            each.sock.close()
        selector.close()


def ask(sock: socket.socket, request: bytes, status: bytes) -> None:
    """One request and its whole answer. Raises Unexpected, ConnectionError."""
    connection = _Connection(sock)
    sock.sendall(request)
    while not connection.take_answer(status):
        pass


def same(request: bytes) -> Iterator[bytes]:
    return itertools.repeat(request)


def get(path: str, **headers: str) -> bytes:
    """A GET request; names of headers with underscores for hyphens."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, body: bytes, **headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
