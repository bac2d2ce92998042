"""The release before this one on this one's tables: while a deploy goes on it serves and works there, and so it does when the deploy is taken back."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from devstack import folders

pytestmark = pytest.mark.xdist_group("journeys")  # as heavy as they are

JOURNEY = "tests/journeys/test_enquiry_to_hospital.py"
STRUCTURE = ("services/catalog/migrations", "services/enquiry/migrations", "services/notification/migrations", "shared/sql")


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=folders.CHECKOUT, capture_output=True, check=False)


def previous_release():
    """The newest tag before this commit; None before the first release."""
    told = git("describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "HEAD~1")
    return told.stdout.decode().strip() if told.returncode == 0 else None


@pytest.fixture
def released(tmp_path):
    """The release before this one, with the structure of this one's databases."""
    tag = previous_release()
    if tag is None:
        pytest.skip("nothing was released before this commit (no tag v…): there is no release that this one's tables must serve, too")
    folder = tmp_path / tag
    folder.mkdir()
    (tmp_path / "archive").write_bytes(git("archive", "--format=tar", tag).stdout)
    with tarfile.open(tmp_path / "archive") as archive:
        archive.extractall(folder, filter="data")
    for name in STRUCTURE:
        shutil.rmtree(folder / name)
        shutil.copytree(folders.CHECKOUT / name, folder / name)
    return folder


def test_the_journey_of_the_release_before_passes_on_the_tables_of_this_one(released):
    done = travel(released)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_a_structure_that_the_release_before_cannot_stand_on_is_seen(released):
    """As if a column that it writes had been dropped in the same step."""
    with (released / "services/enquiry/migrations/versions/0001_the_case.sql").open("a", encoding="utf-8") as structure:
        structure.write("\nALTER TABLE enquiries DROP COLUMN revision;\n")
    assert travel(released).returncode == 1


def travel(folder: Path):
    """Its own test of it, with its own servers."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DEVSTACK_"))}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", JOURNEY]
    return subprocess.run(command, cwd=folder, env=mine, capture_output=True, text=True, timeout=900, check=False)
