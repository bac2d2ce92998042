"""The campaign itself, once in every test run: four minutes of faults by a new seed under load, and not one promise broken."""

import secrets
from pathlib import Path

import pytest

from tests.faults import campaign

LOG = Path(".devstack") / "faults-test.log"
TABLE = Path(".devstack") / "faults-table.txt"  # also when all is well: CI prints it


@pytest.mark.xdist_group("faults")
def test_whatever_breaks_nothing_is_lost_nothing_comes_twice_and_all_is_told():
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:

        def write(line):
            log.write(line + "\n")

        report = campaign.run(secrets.randbelow(1_000_000), seconds=240, write=write, tell=lambda line: write(f"---- {line}"))
    TABLE.write_text(report.text() + "\n", encoding="utf-8")
    assert report.wrong == [], f"make faults ARGS='--seed {report.seed}' has the same faults again\n{report.text()}"
