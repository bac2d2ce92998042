"""Where devstack writes: one folder a run, gone at its end, and the user's cache for what is fetched once.

Writes nowhere else; data never outlives its run.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devstack.launch import CannotStart

CHECKOUT = Path(__file__).resolve().parent.parent
PREFIX = "passage-run-"
LOCK = ".in-use"


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
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_abandoned(folder: Path) -> None:
    """Only ours, and only if no process holds its lock; one made a moment ago that has no lock yet stays."""
    with suppress(OSError):
        if folder.stat().st_uid != os.getuid() or folder.is_symlink():
            return
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
