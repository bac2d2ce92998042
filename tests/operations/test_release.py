"""`make release`, on a clone that nobody needs: one command makes a release of a clean main, and of nothing else."""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
PERSON = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
CHANGES = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A button.\n\n## 0.1.0 - 2026-01-01\n\n- Everything.\n"


@pytest.fixture
def clone(tmp_path):
    """A repository with what a release touches, on main, with an origin."""
    made = Clone(tmp_path / "clone")
    for name in ("Makefile", "pyproject.toml", "deploy/release"):
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, made.folder / name)
    (made.folder / "CHANGELOG.md").write_text(CHANGES)
    made.git("init", "-q", "-b", "main")
    made.git("add", ".")
    made.git("commit", "-q", "-m", "Everything")
    made.git("tag", "-a", "v0.1.0", "-m", "Passage 0.1.0")
    subprocess.run(["git", "clone", "-q", "--bare", made.folder, tmp_path / "origin"], check=True, capture_output=True)
    made.git("remote", "add", "origin", str(tmp_path / "origin"))
    return made


class Clone:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def git(self, *arguments):
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=os.environ | PERSON, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message):
        self.git("commit", "-q", "-a", "-m", message)

    def release(self, version):
        done = subprocess.run(
            ["make", "release", f"VERSION={version}"], cwd=self.folder, env=os.environ | PERSON, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def state(self):
        return self.git("rev-parse", "HEAD"), self.git("tag"), self.git("status", "--porcelain"), (self.folder / "CHANGELOG.md").read_text()


def test_a_release_is_one_commit_and_one_tag(clone):
    code, said = clone.release("0.2.0")
    assert code == 0, said
    assert "git push --atomic origin main v0.2.0" in said
    today = datetime.now(UTC).date()
    assert re.search(
        rf"## Unreleased\n\n## 0\.2\.0 - {today}\n\n### Added\n\n- A button\.\n\n## 0\.1\.0", (clone.folder / "CHANGELOG.md").read_text()
    )
    assert 'version = "0.2.0"' in (clone.folder / "pyproject.toml").read_text()
    assert clone.git("log", "--format=%s", "v0.1.0..v0.2.0") == "Release 0.2.0"
    assert clone.git("cat-file", "-t", "v0.2.0") == "tag"
    notes = clone.git("tag", "-l", "--format=%(contents)", "v0.2.0")
    assert notes.startswith("Passage 0.2.0")
    assert "### Added\n\n- A button." in notes
    assert clone.git("status", "--porcelain") == ""
    clone.git("push", "-q", "--atomic", "origin", "main", "v0.2.0")


def unknown(clone):
    (clone.folder / "new").write_text("")


def branch(clone):
    clone.git("checkout", "-q", "-b", "other")


def unchanged(clone):
    (clone.folder / "CHANGELOG.md").write_text(CHANGES.replace("- A button.\n", ""))
    clone.commit("Nothing to say")
    clone.git("push", "-q", "origin", "main")


def behind(clone):
    clone.git("commit", "-q", "--allow-empty", "-m", "of somebody else")
    clone.git("push", "-q", "origin", "main")
    clone.git("reset", "-q", "--hard", "HEAD~1")


@pytest.mark.parametrize(
    ("version", "cause", "said"),
    [
        ("0.2", None, "must be as 1.2.3"),
        ("0.2.0; touch new", None, "must be as 1.2.3"),
        ("", None, "must be as 1.2.3"),
        ("0.1.0", None, "never used twice"),
        ("0.0.9", None, "v0.1.0 is newer"),
        ("0.2.0", unknown, "not committed"),
        ("0.2.0", branch, "not the branch main"),
        ("0.2.0", unchanged, "nothing stands under Unreleased"),
        ("0.2.0", behind, "origin has more"),
    ],
)
def test_what_cannot_be_released_is_refused_in_a_sentence_and_nothing_is_changed(clone, version, cause, said):
    if cause:
        cause(clone)
    before = clone.state()
    code, told = clone.release(version)
    assert (code != 0, said in told) == (True, True), told
    assert clone.state() == before
