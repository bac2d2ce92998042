"""Started in place of a program: makes sure that it ends when we do, however we end, and then becomes that program.

Runs as `python -I -S FILE PARENT SIGNAL UID GID PROGRAM ...` and so never imports anything but the standard library.
"""

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
WATCH_EVERY_SECONDS = 0.5


def become(parent: int, ending: signal.Signals, uid: int, gid: int, command: list[str]) -> None:
    """Does not return. Ids of -1 keep the user; the order matters: Linux forgets the promise when the user changes."""
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    promise(parent, ending)
    os.execvp(command[0], command)  # noqa: S606


def promise(parent: int, ending: signal.Signals) -> None:
    """From now on `ending` comes to this process when `parent` is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending)
    else:
        leave_a_watcher(parent, ending)
    if os.getppid() != parent:  # it ended before the promise was made
        sys.exit(1)


def leave_a_watcher(parent: int, ending: signal.Signals) -> None:
    """For systems without PR_SET_PDEATHSIG: a process of its own that looks whether the parent is still there."""
    program = os.getpid()
    if os.fork():
        os.wait()
        return
    if os.fork():
        os._exit(0)
    while alive(program):
        if not alive(parent):
            os.kill(program, ending)
            break
        time.sleep(WATCH_EVERY_SECONDS)
    os._exit(0)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    become(int(sys.argv[1]), signal.Signals(int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
