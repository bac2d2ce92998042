"""A second terminal's `.devstack/parts stop|start|restart NAME…`: one program or server of `make up` ended and started again, as an orchestrator does.

Obeys in the thread that started everything: Linux ends a child with its thread. Starts nothing that was not there.
"""

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from devstack import folders, launch
from devstack.kafka import LocalKafka
from devstack.postgres import LocalPostgres
from devstack.processes import Place
from devstack.supervisor import Program, ProgramEnded, Supervisor

SECONDS_TO_OBEY = 120.0
LOOK_EVERY_SECONDS = 0.1
ACTS = {"stop": ("stop",), "start": ("start",), "restart": ("stop", "start")}


@contextmanager
def taken(place: Place, them: Supervisor, *, at: Path = folders.CHECKOUT / ".devstack" / "parts") -> Iterator[Callable[[], None]]:
    """Yields what looks for orders and obeys them: call it again and again. The script `at` goes with the run."""
    folder = place.folder / "orders"
    folder.mkdir()
    obeying = Obeying(them, {type(one).__name__.removeprefix("Local").lower(): one for one in place.parts.servers})
    text = f'#!/bin/sh\ncd {shlex.quote(str(folders.CHECKOUT))}\nexec {shlex.quote(sys.executable)} -m devstack parts-of {shlex.quote(str(folder))} "$@"\n'
    at.touch(mode=0o700)
    at.write_text(text, encoding="utf-8")

    def look() -> None:
        for order in sorted(folder.glob("*.order")):
            said = obeying.obey(*order.read_text(encoding="utf-8").split(" ", 1))
            order.with_suffix(".new").write_text(said, encoding="utf-8")
            order.with_suffix(".new").rename(order.with_suffix(".said"))
            order.unlink()

    try:
        yield look
    finally:
        with suppress(FileNotFoundError):
            if at.read_text(encoding="utf-8") == text:
                at.unlink()


class Obeying:
    """What is stopped is kept, to be started as it was."""

    def __init__(self, them: Supervisor, servers: dict[str, LocalKafka | LocalPostgres]) -> None:
        self.them, self.servers = them, servers
        self.stopped: dict[str, Program] = {}

    def obey(self, act: str, name: str) -> str:
        """What was done, or why it was not."""
        names = sorted({one.program.name for one in self.them.running} | self.servers.keys() | self.stopped.keys())
        if name not in names:
            return f"there is no {name}; there are {', '.join(names)}"
        try:
            return self._server(act, self.servers[name], name) if name in self.servers else self._program(act, name)
        except (launch.CannotStart, ProgramEnded) as fault:
            return str(fault)

    @staticmethod
    def _server(act: str, server: LocalKafka | LocalPostgres, name: str) -> str:
        if act == "stop":
            server.stop()
            return f"{name} is stopped"
        if server.process.poll() is None:
            return f"{name} is running"
        if not (server.folder / name).exists():  # its data is lost: as on the first day
            server.prepare()
        server.start()
        server.wait_until_ready()
        return f"{name} is started"

    def _program(self, act: str, name: str) -> str:
        if act == "stop" and name in self.stopped:
            return f"{name} is stopped already"
        if act == "stop":
            self.stopped[name], code = self.them.end(name)
            return f"{name} is stopped (exit {code})"
        if name not in self.stopped:
            return f"{name} is running"
        self.them.start(self.stopped.pop(name))
        self.them.wait_until_ready()
        return f"{name} is started"


def ask(folder: Path, act: str, name: str) -> str:
    """Of the run whose orders lie in this folder. Raises CannotStart where nobody obeys."""
    if not folder.is_dir():
        raise launch.CannotStart("this run has ended: `make up` again")
    order = folder / f"{time.time_ns()}-{uuid4().hex}.order"
    order.with_suffix(".new").write_text(f"{act} {name}", encoding="utf-8")
    order.with_suffix(".new").rename(order)
    deadline = time.monotonic() + SECONDS_TO_OBEY
    while not (said := order.with_suffix(".said")).exists():
        if time.monotonic() > deadline or not folder.is_dir():
            raise launch.CannotStart(f"nobody has obeyed within {SECONDS_TO_OBEY:.0f} s: has `make up` ended?")
        time.sleep(LOOK_EVERY_SECONDS)
    return said.read_text(encoding="utf-8")
