"""Whether a worker's loops turn, as an engine of containers asks."""

import os
import subprocess
import sys
import time

import pytest

from shared import beats


@pytest.fixture
def marks(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return beats.folder("enquiry")


def test_a_loop_that_has_just_turned_is_well(marks):
    (marks / "relay").touch()
    assert beats.stale_loops("enquiry") == []


def test_a_loop_that_stands_still_is_named(marks):
    (marks / "relay").touch()
    (marks / "consume").touch()
    before = time.time() - beats.STALE_SECONDS - 5
    os.utime(marks / "consume", (before, before))
    (fault,) = beats.stale_loops("enquiry")
    assert fault.startswith(f"loop consume of process {os.getpid()} has not turned for 3")


def test_a_worker_that_never_turned_is_not_well(marks):
    assert beats.stale_loops("enquiry") == [f"process {os.getpid()} has not begun"]


def test_marks_of_a_process_that_ended_say_nothing(marks):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    ).stdout.strip()
    marks.rename(marks.parent / ended)
    assert beats.stale_loops("enquiry") == ["no worker is running"]


def test_asking_loads_nothing_of_a_service():
    """The standard library alone: a look every 10 s at each container must cost next to nothing."""
    loaded = "import sys, shared.beats; print(sorted({n.partition('.')[0] for n in sys.modules} - sys.stdlib_module_names - {'shared', '__main__'}))"
    told = subprocess.run([sys.executable, "-S", "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
