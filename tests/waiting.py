"""Waiting for a condition, never for a time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, seconds: float = 60.0, every: float = 0.02, what: str = "the condition") -> T:
    """The first true value of `condition`, looked at once in `every` seconds. Fails, naming `what`, when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(every)
    return value


@contextmanager
def running(loop: Callable[[threading.Event, Callable[[], None]], None]) -> Iterator[threading.Event]:
    """Run a loop in a thread while the block runs; what it raises is raised here."""
    stop, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            loop(stop, lambda: None)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive(), "the loop did not stop"
        if failures:
            raise failures[0]
