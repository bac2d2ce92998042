"""What a stranger meets first: `make`, and what it says where something is missing."""

import subprocess

import pytest

from devstack import folders

COMPOSE = {"compose-up", "compose-down", "compose-test"}
TARGETS = {
    "help",
    "demo",
    "up",
    "test",
    "faults",
    "soak",
    "fuzz",
    "plans",
    "proof",
    "bench",
    "backup",
    "restore",
    "check",
    "release",
    "audit",
    "lock",
    "docs",
    "clean",
} | COMPOSE


def make(*arguments):
    command = ["make", "--no-print-directory", *arguments]  # we may run under make ourselves
    return subprocess.run(command, cwd=folders.CHECKOUT, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_every_target_with_what_it_is_for():
    lines = [line.split(maxsplit=2) for line in make().splitlines()]
    assert {target for _, target, _ in lines} == TARGETS


def test_every_check_of_the_list_has_its_command():
    said = make("-n", "check")
    for command in ("ruff format --check", "ruff check", "mypy", "lint-imports", "vulture", "deptry"):
        assert command in said


@pytest.fixture
def install(tmp_path):
    """Runs the installation where the only Python is the given shell script."""

    def installing(python):
        stub = tmp_path / "python3"
        stub.write_text(f"#!/bin/sh\n{python}\n")
        stub.chmod(0o755)
        script = folders.CHECKOUT / "devstack/install.sh"
        command = ["/bin/sh", script, ".venv/.installed"]
        return subprocess.run(command, cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)

    return installing


def test_a_python_that_is_too_old_is_said_in_a_sentence(install):
    ended = install("case $1 in --version) echo Python 3.9.2;; *) exit 1;; esac")
    assert ended.returncode == 1
    assert ended.stderr.startswith("setup: Python 3.11 or newer is needed and the newest here is: Python 3.9.2.")
    assert len(ended.stderr.splitlines()) == 1


def test_a_python_without_venv_is_said_with_how_to_mend_it(install, tmp_path):
    ended = install("case $2 in *ensurepip*) exit 1;; esac")
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("on Debian and Ubuntu: apt-get install python3-venv")
    assert not (tmp_path / ".venv").exists()
