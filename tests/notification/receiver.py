"""A real HTTP server, small, that misbehaves on demand: refuses, redirects, hangs, drips, answers without end, breaks off."""

import contextlib
import socketserver
import threading
import time
from dataclasses import dataclass, field

LINES = {
    200: "OK",
    204: "No Content",
    302: "Found",
    400: "Bad Request",
    410: "Gone",
    429: "Too Many Requests",
    500: "Server Error",
    503: "Unavailable",
}
PIECE = b"x" * 65_536


@dataclass(frozen=True)
class Taken:
    """One request."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float


@dataclass
class Receiver:
    """`plans[path]` is a list of what to answer to the next requests there; then it is 200.

    A number is a status; a tuple adds headers or a body; words: hang, break, shut (200, then the end), drip_head, drip_body, endless.
    A connection is kept for the next request.
    """

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    plans: dict[str, list] = field(default_factory=dict)
    connections: int = 0
    hanging: int = 0
    most_at_once: dict[str, int] = field(default_factory=dict)
    at_once: dict[str, int] = field(default_factory=dict)
    sent: int = 0  # bytes of endless answers
    let_go: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str = "/hook") -> list[Taken]:
        return [one for one in self.taken if one.path == path]

    def plan_of(self, path: str):
        with self.lock:
            plans = self.plans.get(path, [])
            return plans.pop(0) if plans else 200

    def count(self, path: str, change: int) -> None:
        with self.lock:
            self.at_once[path] = now = self.at_once.get(path, 0) + change
            self.most_at_once[path] = max(now, self.most_at_once.get(path, 0))


class _Request(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: Receiver = self.server.receiver
        server.connections += 1
        with contextlib.suppress(OSError, ValueError, IndexError):
            while self._answer(server):
                pass

    def _answer(self, server: Receiver) -> bool:
        """Whether another request may come. IndexError: none came."""
        path = self.rfile.readline().decode().split()[1]
        headers = {}
        while (line := self.rfile.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        server.count(path, 1)
        try:
            server.taken.append(Taken(path, headers, body, time.time()))
            return self._by_plan(server, server.plan_of(path))
        finally:
            server.count(path, -1)

    def _by_plan(self, server: Receiver, plan) -> bool:
        if plan == "break":
            return False
        if plan == "hang":
            server.hanging += 1
            server.let_go.wait(60)
            plan = 200
        if plan == "drip_head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            self._drip(server)
        elif plan == "drip_body":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            self._drip(server)
        elif plan == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while not server.ended.is_set():
                server.sent += self.connection.send(PIECE)
        else:
            status, headers, body = (*plan, b"")[:3] if isinstance(plan, tuple) else (200 if plan == "shut" else plan, {}, b"noted")
            lines = [f"HTTP/1.1 {status} {LINES[status]}", *(f"{name}: {value}" for name, value in headers.items())]
            self.wfile.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
            return plan != "shut"
        return False

    def _drip(self, server: Receiver) -> None:
        while not server.ended.wait(0.05):
            self.wfile.write(b"x")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


@contextlib.contextmanager
def http_receiver():
    """One server on a port of its own."""
    receiver = Receiver()
    with _Server(("127.0.0.1", 0), _Request) as server:
        server.receiver = receiver
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield receiver
        receiver.let_go.set()
        receiver.ended.set()
        server.shutdown()
        thread.join()
