"""The far ends of a benchmark: an SMTP server and an HTTP receiver that take everything, in processes of their own, as quick as asyncio makes them.

Each keeps one line a delivery, whom it was for and when, in a file: the clock is the system's monotonic one, the same for every process.
"""

import asyncio
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sink:
    port: int
    log: Path

    def taken(self) -> dict[str, float]:
        """When what was for each address or path came last."""
        lines = (line.rpartition(" ") for line in self.log.read_text().splitlines())
        return {name: float(at) for name, _, at in lines}

    def forget(self) -> None:
        os.truncate(self.log, 0)


class _Mail(asyncio.Protocol):
    """SMTP (RFC 5321) without sign-in. Commands may come in pieces; nothing is checked that a well-behaved client does."""

    def __init__(self, log: int) -> None:
        self._log, self._received, self._to, self._in_data = log, bytearray(), b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a TCP server
        self._transport.write(b"220 sink ready\r\n")

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = b"\r\n.\r\n" if self._in_data else b"\r\n"
        while (at := self._received.find(end)) >= 0:
            line = bytes(self._received[:at])
            del self._received[: at + len(end)]
            self._transport.write(self._answer(line))
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            _note(self._log, self._to)
            return b"250 queued\r\n"
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-sink\r\n250 SIZE 10000000\r\n"
        if verb == b"RCPT":
            self._to = line.split(b"<")[1].split(b">")[0]
        if verb == b"QUIT":
            return b"221 bye\r\n"
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        return b"250 ok\r\n"


class _Http(asyncio.Protocol):
    """HTTP/1.1 with Content-Length; closes where it is asked to."""

    def __init__(self, log: int) -> None:
        self._log, self._received = log, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a TCP server

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            at = head.find(b"content-length:")
            whole = end + 4 + (int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
            if len(self._received) < whole:
                return
            _note(self._log, head.split(b" ", 2)[1])
            del self._received[:whole]
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            if b"connection: close" in head:
                self._transport.close()


def _note(log: int, name: bytes) -> None:
    os.write(log, b"%s %.6f\n" % (name, time.monotonic()))


@contextmanager
def smtp() -> Iterator[Sink]:
    with _serving(_Mail) as sink:
        yield sink


@contextmanager
def http() -> Iterator[Sink]:
    with _serving(_Http) as sink:
        yield sink


@contextmanager
def _serving(protocol: Callable[[int], asyncio.Protocol]) -> Iterator[Sink]:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listening, tempfile.TemporaryDirectory() as folder:
        sink = Sink(listening.getsockname()[1], Path(folder) / "taken")
        sink.log.touch()
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(protocol, listening, str(sink.log)), daemon=True)
        process.start()
        try:
            yield sink
        finally:
            process.terminate()
            process.join()


def _serve(protocol: Callable[[int], asyncio.Protocol], listening: socket.socket, log: str) -> None:
    async def serve() -> None:
        opened = os.open(log, os.O_WRONLY | os.O_APPEND)
        server = await asyncio.get_running_loop().create_server(lambda: protocol(opened), sock=listening)
        await server.serve_forever()

    asyncio.run(serve())
