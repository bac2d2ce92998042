"""Whatever started a program, however it ended itself: the program ends too."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from devstack import launch

# A parent that starts `sleep` under the shim and waits; the second form takes the way of systems without PR_SET_PDEATHSIG.
PARENT = """
import signal, subprocess, sys
from devstack import launch
from pathlib import Path
child = launch.start(["sleep", "1000"], output=subprocess.DEVNULL, cwd=Path("/"))
print(child.pid, flush=True)
signal.pause()
"""
PARENT_WITH_WATCHER = """
import os, signal
from devstack import ends_with_parent
parent, child = os.getpid(), os.fork()
if child == 0:
    os.setsid()
    ends_with_parent.leave_a_watcher(parent, signal.SIGKILL)
    print(os.getpid(), flush=True)
    os.execvp("sleep", ["sleep", "1000"])
os.waitpid(child, 0)
signal.pause()
"""


@pytest.mark.parametrize("code", [pytest.param(PARENT, id="by the kernel"), pytest.param(PARENT_WITH_WATCHER, id="by a watcher")])
def test_a_program_ends_when_its_parent_is_killed(code):
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=120)
    assert not alive


def test_the_watcher_ends_with_the_program():
    with subprocess.Popen([sys.executable, "-c", PARENT_WITH_WATCHER], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        watchers = [one for one in psutil.process_iter() if _group(one.pid) == child and one.pid != child]
        os.kill(child, signal.SIGKILL)
        _, alive = psutil.wait_procs(watchers, timeout=120)
        parent.kill()
    assert len(watchers) == 1
    assert not alive


def _group(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_a_program_whose_parent_was_quicker_to_end_never_runs(tmp_path):
    mark = tmp_path / "mark"
    shim = [sys.executable, "-I", "-S", launch.SHIM, "1", str(signal.SIGKILL.value), "-1", "-1"]  # process 1 is not its parent
    ended = subprocess.run([*shim, "touch", mark], check=False, timeout=120)
    assert ended.returncode == 1
    assert not mark.exists()


def test_a_reserved_port_is_given_to_nobody_else_but_our_child_listens_there(tmp_path):
    serves = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"
    with launch.reserve_port() as held, (tmp_path / "log").open("wb") as log:
        port = held.getsockname()[1]
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", port))
        child = launch.start([sys.executable, "-c", serves, str(port)], output=log, cwd=tmp_path)
        try:
            launch.wait_until(lambda: launch.listens(port), process=child, name="server", log=tmp_path / "log")
        finally:
            launch.stop(child)


def test_a_program_that_ends_too_early_is_told_with_the_end_of_its_log(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as output:
        child = launch.start([sys.executable, "-c", "print('no disk left'); raise SystemExit(9)"], output=output, cwd=tmp_path)
    with pytest.raises(launch.CannotStart, match=r"(?s)thing ended with code 9 .*no disk left"):
        launch.wait_until(lambda: False, process=child, name="thing", log=log)
