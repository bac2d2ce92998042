"""The loops of a service in one process: each in its thread, all stopped together, the process ended when one of them ends.

A loop shows that it turns by touching a file (shared.beats); `health` reads their age.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from prometheus_client import Gauge, start_http_server

from shared import beats, db, log, metrics

logger = log.get(__name__)

Loop = Callable[[threading.Event, Callable[[], None]], None]  # (stop, beat): returns soon after stop is set

STOP_SECONDS = 18.0  # what is in hand is finished within this; then the process ends anyway


def run_loops(service: str, loops: Mapping[str, Loop]) -> int:
    """Run until SIGTERM or SIGINT: 0. Or until a loop ends on its own or fails: 1."""
    stop, failed = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = beats.folder(service)
    threads = [
        threading.Thread(target=_run, args=(name, loop, stop, failed, folder), name=name, daemon=True) for name, loop in loops.items()
    ]
    for thread in threads:
        thread.start()
    logger.info("working", loops=list(loops))
    while not stop.wait(1.0):  # wakes by itself: a signal is handled between two waits
        pass
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    logger.info("stopped", late=late)
    return 1 if failed.is_set() or late else 0


def _run(name: str, loop: Loop, stop: threading.Event, failed: threading.Event, folder: Path) -> None:
    """One loop. Its end, unasked, ends the process: whoever started it starts it again."""
    log.bind(loop=name)
    mark = folder / name
    try:
        loop(stop, partial(_turned, mark, metrics.loop_turned.labels(name)))
    except Exception:
        logger.exception("loop failed")
        failed.set()
    else:
        if not stop.is_set():
            logger.error("loop ended unasked")
            failed.set()
    stop.set()


def _turned(mark: Path, told: Gauge) -> None:
    mark.touch()
    told.set_to_current_time()


def repeat(turn: Callable[[], bool], *, stop: threading.Event, beat: Callable[[], None], seconds: float) -> None:
    """Call `turn` until `stop`; where it has found nothing (False), wait `seconds`. A database that is away is waited for."""
    while not stop.is_set():
        beat()
        try:
            busy = turn()
        except Exception as fault:
            if not db.is_transient(fault):
                raise
            logger.warning("database away", reason=log.describe(fault))
            busy = False
        if not busy:
            stop.wait(seconds)


def serve_metrics(bind: str) -> None:
    """Figures of a worker process at http://host:port/metrics."""
    host, _, port = bind.rpartition(":")
    start_http_server(int(port), addr=host or "127.0.0.1")
