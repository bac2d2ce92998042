"""Starting and ending programs: each ends with us even if we are killed, and none sees the terminal's ctrl-C.

Never uses `preexec_fn` (unsafe beside threads). Start from a thread that lives as long: Linux ties the promise to it.
"""

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

SHIM = Path(__file__).with_name("ends_with_parent.py")
LOG_LINES_SHOWN = 15


class CannotStart(RuntimeError):
    """A part did not come up; the message says which, why, and how to mend it."""


class Child(Protocol):
    """What can be ended: as subprocess.Popen has it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, _number: int, /) -> None: ...


def start(
    command: Sequence[str | Path],
    *,
    output: IO[bytes] | int,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    ending: signal.Signals = signal.SIGKILL,
    account: pwd.struct_passwd | None = None,
    standard_input: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """The program as our direct child, in a session of its own; `ending` is sent to it by the kernel when we are gone."""
    uid, gid = (account.pw_uid, account.pw_gid) if account else (-1, -1)
    shim: list[str | Path] = [sys.executable, "-I", "-S", SHIM, str(os.getpid()), str(ending.value), str(uid), str(gid)]
    return subprocess.Popen(
        [*shim, *command],
        cwd=cwd,
        env=env,
        stdin=standard_input,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def stop(process: Child, *, asking: signal.Signals = signal.SIGTERM, seconds: float = 5) -> None:
    """Ask, wait, then insist; what the program left in its process group goes with it."""
    if process.poll() is None:
        process.send_signal(asking)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError, PermissionError):  # an empty group is the usual case (macOS says it by EPERM)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(ready: Callable[[], bool], *, process: subprocess.Popen[bytes], name: str, log: Path, seconds: float = 180) -> None:
    """Raises CannotStart when the program ends or the time is over before `ready()` holds, with the end of its log."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise CannotStart(f"{name} ended with code {process.returncode} before it was ready:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            raise CannotStart(f"{name} was not ready after {seconds:.0f} s:\n{last_lines(log)}")
        time.sleep(0.02)


def wait_for_end(process: subprocess.Popen[bytes], *, name: str, log: Path, seconds: float = 60) -> None:
    """For programs that prepare something. Raises CannotStart unless it ends well and in time."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        stop(process, seconds=0)
        raise CannotStart(f"{name} took more than {seconds:.0f} s:\n{last_lines(log)}") from None
    if code != 0:
        raise CannotStart(f"{name} ended with code {code}:\n{last_lines(log)}")


def last_lines(log: Path) -> str:
    if not log.exists():
        return "(it has written no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def reserve_port() -> socket.socket:
    """A free port of 127.0.0.1 that nobody else is given while this socket is open, although our child may listen there.

    Linux lets two sockets share an address if both set SO_REUSEADDR and only one listens (socket(7)); servers set it.
    Elsewhere the socket has to be closed before the child starts.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    if sys.platform != "linux":
        held.close()
    return held


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
