"""Marks by which the loops of a worker show that they turn, and the look at them: `python -m shared.beats SERVICE`, exit 0 if all is well.

Imports nothing but the standard library: an engine asks every container for its health all day long.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

STALE_SECONDS = 30.0


def folder(service: str) -> Path:
    """Where this process puts its marks, one file a loop: two workers of a service on one machine do not answer for each other."""
    made = _root(service) / str(os.getpid())
    made.mkdir(parents=True, exist_ok=True)
    return made


def stale_loops(service: str) -> list[str]:
    """What is wrong with the worker processes of this machine: one sentence each, none where all is well."""
    root = _root(service)
    living = [one for one in root.glob("*") if _lives(int(one.name))] if root.is_dir() else []
    if not living:
        return ["no worker is running"]
    now = time.time()
    marks = [mark for one in living for mark in one.iterdir()]
    return [f"process {one.name} has not begun" for one in living if not any(one.iterdir())] + [
        f"loop {mark.name} of process {mark.parent.name} has not turned for {now - mark.stat().st_mtime:.0f} s"
        for mark in marks
        if now - mark.stat().st_mtime > STALE_SECONDS
    ]


def _root(service: str) -> Path:
    return Path(tempfile.gettempdir()) / f"passage-{service}-{os.getuid()}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(service: str) -> int:
    """Print what is wrong, or that nothing is; 1 if anything is."""
    late = stale_loops(service)
    for line in late:
        sys.stderr.write(f"{service}: {line}\n")
    if not late:
        sys.stdout.write(f"{service}: every loop has turned within {STALE_SECONDS:.0f} s\n")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
