"""Where devstack writes: one folder a run, gone at its end, and the user's cache for what is fetched once.

Writes nowhere else; data never outlives its run.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devstack.launch import CannotStart

CHECKOUT = Path(__file__).resolve().parent.parent
PREFIX = "passage-run-"
LOCK = ".in-use"
SECONDS_TO_LOCK = 60.0  # between the making of a folder and its lock, at the very most


def cache() -> Path:
    """The user's cache folder (XDG Base Directory), made if need be: shared by all checkouts, safe to delete. Raises CannotStart."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "passage"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"the cache folder {folder} cannot be made ({error.strerror}): set XDG_CACHE_HOME to one that can") from error
    return folder


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder of this run inside the checkout."""
    parent = CHECKOUT / ".devstack"
    parent.mkdir(exist_ok=True)
    with _locked_folder(parent) as folder:
        yield folder


@contextmanager
def folder_others_may_enter() -> Iterator[Path]:
    """A folder of this run outside the checkout, for a server that runs as another user than root."""
    with _locked_folder(Path(tempfile.gettempdir())) as folder:
        folder.chmod(0o711)
        yield folder


@contextmanager
def _locked_folder(parent: Path) -> Iterator[Path]:
    """Remove what killed runs have left, then make a folder that is ours for as long as its lock is held."""
    for left in parent.glob(f"{PREFIX}*"):
        _remove_if_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            _remove(folder)


def _remove_if_abandoned(folder: Path) -> None:
    """Only ours, and only if no process holds its lock; one made a moment ago that has no lock yet stays."""
    with suppress(OSError):
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            return
        if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime > SECONDS_TO_LOCK:
            (folder / LOCK).touch()
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)


def _remove(folder: Path) -> None:
    """The lock goes last: what a server that is still dying writes meanwhile is left to be found by the next start."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
    if [path.name for path in folder.iterdir()] == [LOCK]:
        shutil.rmtree(folder, ignore_errors=True)
