"""A time limit on everything that happens over a connection: when it is over the socket is shut down, whoever waits on it.

A time-out of the socket alone would not do: a peer that sends one byte a second never meets it.
"""

import heapq
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """The time limit of one attempt. Sockets given to `watch` are shut down when it is over."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.done = False
        self._lock, self._watched, self._over = threading.Lock(), list[socket.socket](), False

    @property
    def over(self) -> bool:
        """Also where a socket's own time-out came a moment before the strike."""
        return self._over or time.monotonic() >= self.ends_at

    @property
    def left(self) -> float:
        """Seconds left, at least a little: a socket's time-out of 0 means something else."""
        return max(0.001, self.ends_at - time.monotonic())

    def watch(self, connection: socket.socket) -> None:
        """Also after TLS has taken the socket over: a duplicate of its descriptor is kept."""
        with self._lock:
            self._watched.append(socket.socket(fileno=os.dup(connection.fileno())))
            if self._over:
                self._shut()

    def bounded(self, call: Callable[..., T], *arguments: Any) -> T:
        """A call that nobody can interrupt (getaddrinfo asks for as long as the resolver likes), in a thread that is left to itself when the time is over.

        Raises TimeoutError then, and what the call raises.
        """
        future = Future[T]()

        def run() -> None:
            try:
                future.set_result(call(*arguments))
            except BaseException as fault:  # noqa: BLE001  # whoever waits raises it
                future.set_exception(fault)

        threading.Thread(target=run, name="bounded", daemon=True).start()
        return future.result(self.left)

    def strike(self) -> None:
        """The time is over."""
        with self._lock:
            if not self.done:
                self._over = True
                self._shut()

    def finish(self) -> None:
        """The attempt is over: let go of the duplicates."""
        with self._lock:
            self.done = True
            for connection in self._watched:
                connection.close()

    def _shut(self) -> None:
        for connection in self._watched:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Watch:
    """One thread that strikes the deadlines of many attempts."""

    def __init__(self) -> None:
        self._ready, self._heap = threading.Condition(), list[tuple[float, int, Deadline]]()
        self._count, self._closed = itertools.count(), False
        threading.Thread(target=self._run, name="deadlines", daemon=True).start()

    @contextmanager
    def within(self, seconds: float) -> Iterator[Deadline]:
        """Around one attempt."""
        deadline = Deadline(seconds)
        with self._ready:
            heapq.heappush(self._heap, (deadline.ends_at, next(self._count), deadline))
            if self._heap[0][2] is deadline:
                self._ready.notify()
        try:
            yield deadline
        finally:
            deadline.finish()

    def strike_all(self) -> None:
        """The process ends: what is under way ends now."""
        with self._ready:
            live = [deadline for _, _, deadline in self._heap]
        for deadline in live:
            deadline.strike()

    def close(self) -> None:
        with self._ready:
            self._closed = True
            self._ready.notify()

    def _run(self) -> None:
        while True:
            with self._ready:
                if self._closed:
                    return
                while self._heap and self._heap[0][2].done:
                    heapq.heappop(self._heap)
                if not self._heap:
                    self._ready.wait()
                    continue
                wait = self._heap[0][0] - time.monotonic()
                if wait > 0:
                    self._ready.wait(wait)
                    continue
                _, _, deadline = heapq.heappop(self._heap)
            deadline.strike()
