"""Programs as forks of a process that has imported already: to themselves and to their supervisor they are as any other."""

import os
import subprocess
import sys

import psutil
import pytest

from devstack import folders
from devstack.preloaded import preloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere programs are started by their commands")

STAYS = "import signal, os; print(os.getpid(), flush=True); signal.pause()"
OWNER = f"""
import os, subprocess
from devstack.preloaded import preloaded
with preloaded() as forks:
    fork = forks.start("timeit", ["-n1", "-r1", {STAYS!r}], output=subprocess.PIPE, env=os.environ)
    print(fork.pid, flush=True)
    fork.wait()
"""


@pytest.fixture(scope="module")
def forks():
    with preloaded() as made:
        yield made


def python(code):
    """A module of the standard library that runs a text: what is tested here needs no service."""
    return "timeit", ["-n1", "-r1", code]


def test_a_fork_has_the_environment_it_was_given_and_no_other(forks):
    printed = forks.run(*python("import os; print(sorted(os.environ.items()))"), env={"ONLY": "this"})
    assert printed.splitlines()[0] == "[('ONLY', 'this')]"


def test_a_fork_leads_a_session_of_its_own_and_leaves_ctrl_c_to_us(forks):
    printed = forks.run(*python("import os; print(os.getsid(0) == os.getpid())"), env={})
    assert printed.startswith("True")


def test_what_was_imported_is_there_before_the_program_begins(forks):
    assert forks.run(*python("import sys; print('sqlalchemy' in sys.modules)"), env={}).startswith("True")


def test_two_forks_draw_different_ids(forks):
    draws = python("import uuid_utils; print(uuid_utils.uuid7())")
    one, other = (forks.run(*draws, env={}).split()[0][-12:] for _ in range(2))
    assert one != other


@pytest.mark.parametrize(("code", "ended"), [("raise ValueError", 1), ("import os; os.kill(os.getpid(), 9)", -9)])
def test_how_a_fork_ended_is_told(forks, code, ended):
    assert forks.start(*python(code), output=subprocess.DEVNULL, env={}).wait(20) == ended


def test_a_fork_that_runs_on_is_waited_for_no_longer_than_asked(forks):
    fork = forks.start(*python(STAYS), output=subprocess.PIPE, env={})
    with fork.stdout:
        fork.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        fork.wait(0.01)
    fork.terminate()
    assert fork.wait(20) == -15


def test_forks_end_with_their_owner_however_that_ends():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], cwd=folders.CHECKOUT, env=os.environ, stdout=subprocess.PIPE, text=True)
    with owner.stdout:
        fork = psutil.Process(int(owner.stdout.readline()))
    preloading = fork.parent()
    owner.kill()
    owner.wait(20)
    assert not psutil.wait_procs([fork, preloading], timeout=120)[1]
