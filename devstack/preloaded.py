"""A process that has imported what every service stands on; each of our programs is a fork of it, and imports its own service only.

Never runs a thread, and nothing of a service before the fork: a program is as if it had been started by its command.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import IO, Any

from devstack import folders, launch
from devstack.ends_with_parent import promise

# what takes long and is needed by several services
FOUNDATIONS = (
    "shared.cli",
    "shared.web",
    "shared.auth",
    "shared.crypto",
    "shared.bus.topics",
    "shared.inbox.consume",
    "shared.outbox.relay",
    "gunicorn.workers.gthread",
    "alembic.command",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
)
LARGEST_MESSAGE = 131_072
Message = dict[str, Any]


# -- on our side --------------------------------------------------------------


class Fork:
    """As much of subprocess.Popen as a supervisor asks for."""

    def __init__(self, forks: "Preloaded", pid: int, stdout: IO[bytes] | None) -> None:
        self.forks, self.pid, self.stdout = forks, pid, stdout

    @property
    def returncode(self) -> int | None:
        return self.forks.codes.get(self.pid)

    def poll(self) -> int | None:
        self.forks.listen(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises TimeoutExpired."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.forks.listen(min(left, 1.0))
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Preloaded:
    """`start` is as launch.start, for `[…, "-m", MODULE, ARGUMENT…]`. One thread at a time."""

    def __init__(self, door: socket.socket) -> None:
        self.door = door
        self.codes: dict[int, int] = {}  # of those that have ended
        self._started: list[int] = []

    def start(self, module: str, arguments: Sequence[str], *, output: IO[bytes] | int, env: Mapping[str, str]) -> Fork:
        """Our program as a fork, in a session of its own; it ends when we do. Raises CannotStart."""
        reading, writing = _output(output)
        message = json.dumps({"module": module, "arguments": list(arguments), "environment": dict(env)}).encode()
        try:
            socket.send_fds(self.door, [message], [writing])
        except OSError as error:
            raise launch.CannotStart(f"{module} could not be started: {error.strerror}") from error
        finally:
            os.close(writing)
        while not self._started:
            self.listen(None)
        return Fork(self, self._started.pop(), None if reading is None else os.fdopen(reading, "rb"))

    def run(self, module: str, arguments: Sequence[str], *, env: Mapping[str, str]) -> str:
        """What a command prints. Raises CalledProcessError."""
        fork = self.start(module, arguments, output=subprocess.PIPE, env=env)
        assert fork.stdout  # noqa: S101  # for the type checker
        with fork.stdout:
            printed = fork.stdout.read().decode(errors="replace")
        if code := fork.wait():
            raise subprocess.CalledProcessError(code, [module, *arguments], printed)
        return printed

    def listen(self, seconds: float | None) -> None:
        """Take what it says, waiting so long for the first word. Raises CannotStart when it is gone."""
        while select.select([self.door], [], [], seconds)[0]:
            said = self.door.recv(LARGEST_MESSAGE)
            if not said:
                raise launch.CannotStart("the process that our programs are forked from has ended")
            message: Message = json.loads(said)
            if "started" in message:
                self._started.append(message["started"])
            else:
                self.codes[message["ended"]] = message["code"]
            seconds = 0


def _output(asked: IO[bytes] | int) -> tuple[int | None, int]:
    """What we read and what the program writes to, as subprocess understands it."""
    if asked == subprocess.PIPE:
        return os.pipe()
    if asked == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_WRONLY)
    return None, os.dup(asked if isinstance(asked, int) else asked.fileno())


@contextmanager
def preloaded() -> Iterator[Preloaded]:
    """One that begins to import at once; `start` waits for it. At the end it is stopped, its forks with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
            process = launch.start(
                [sys.executable, "-m", "devstack.preloaded"],
                output=sys.stderr.fileno(),
                cwd=folders.CHECKOUT,
                env=environment,
                ending=signal.SIGTERM,
                standard_input=theirs.fileno(),
            )
        try:
            yield Preloaded(ours)
        finally:
            launch.stop(process)


# -- on its side --------------------------------------------------------------


def main() -> None:
    """Import, then fork for each message; a fork leaves the loop and becomes its program."""
    door = socket.socket(fileno=os.dup(0))
    for name in FOUNDATIONS:
        import_module(name)
    gc.freeze()  # what was imported is not looked through, and so not copied, in each fork
    program = _serve(door)
    if program:
        sys.argv = [program["module"], *program["arguments"]]
        runpy.run_module(program["module"], run_name="__main__", alter_sys=True)


def _serve(door: socket.socket) -> Message | None:
    """The program to become, in a fork; None when we are no longer wanted."""
    ending, told = os.pipe()
    watched: list[Any] = [door, ending]
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        readable, _, _ = select.select(watched, [], [])
        if ending in readable:
            os.read(ending, 4096)
            _tell_ended(door)
        if door in readable:
            message, descriptors, _, _ = socket.recv_fds(door, LARGEST_MESSAGE, 1)
            if not message:
                return None
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for number in (door.detach(), ending, told):
                    os.close(number)
                return _become(json.loads(message), descriptors[0], parent)
            os.close(descriptors[0])
            door.send(json.dumps({"started": pid}).encode())


def _tell_ended(door: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        door.send(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _become(program: Message, output: int, parent: int) -> Message:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    promise(parent, signal.SIGTERM)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, name in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(number, name)
    os.close(nothing)
    os.close(output)
    os.environ.clear()
    os.environ.update(program["environment"])
    return program


if __name__ == "__main__":
    main()
