"""Folders of runs: what killed runs have left is removed, what is in use stays."""

import os
import tempfile

import pytest

from devstack import folders


@pytest.fixture
def left(tmp_path, monkeypatch):
    """A folder in the temporary folder, as a run that was killed leaves it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"{folders.PREFIX}left"
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres/written while dying").touch()
    return folder


def test_one_whose_lock_nobody_holds_is_removed_by_the_next_run(left):
    (left / folders.LOCK).touch()
    with folders.folder_others_may_enter():
        assert not left.exists()


def test_one_that_lost_its_lock_is_removed_once_it_is_old(left):
    os.utime(left, (0, 0))
    with folders.folder_others_may_enter():
        assert not left.exists()


def test_one_made_a_moment_ago_that_has_no_lock_yet_stays(left):
    with folders.folder_others_may_enter():
        assert left.exists()


def test_one_in_use_stays_and_is_gone_at_the_end(left):
    with folders.folder_others_may_enter() as used:
        with folders.folder_others_may_enter():
            assert used.exists()
        assert (used / folders.LOCK).exists()
    assert not used.exists()
