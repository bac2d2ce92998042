"""How a command of the runbook is typed in containers: each of that column is run as it stands, in the order of the page."""

import re

import pytest

from tests.compose.project import CHECKOUT, OURS

pytestmark = pytest.mark.compose

INSTEAD = {"COMMAND…": "unaccounted", "NAME=value": "LOG_LEVEL=debug"}


def commands():
    """(what for, command) of each row. A verb alone stands for the command before it with that one."""
    text = (CHECKOUT / "docs/runbook.md").read_text(encoding="utf-8")
    found = []
    for what, cell in re.findall(r"^\| ([^|]+) \| [^|]+ \| (.+) \|$", text.partition("**Begin here")[0], re.MULTILINE):
        for given in re.findall(r"`([^`]+)`", cell):
            command = given if given.startswith("docker ") else re.sub(r"^docker compose \w+", f"docker compose {given}", found[-1][1])
            for name, value in INSTEAD.items():
                command = command.replace(name, value)
            found.append((what, command))
    return found


def test_every_command_of_the_column_of_containers_works_as_it_is_written(project):
    run = commands()
    assert len({what for what, _ in run}) > 10
    assert {"stop", "start", "restart", "exec", "run", "up", "logs"} == {command.split()[2] for _, command in run}
    for what, command in run:
        said = project.run("bash", "-euo", "pipefail", "-c", f"{command} </dev/null")
        assert ("# HELP" in said) == ("figures" in what)
    project.wait_until_healthy()
    assert {one["State"] for one in project.containers(*OURS)} == {"running"}
