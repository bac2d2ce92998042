"""The campaign itself, once in every test run: two minutes of faults by a new seed under load, and not one promise broken."""

import secrets
from pathlib import Path

import pytest

from tests.faults import campaign

LOG = Path(".devstack") / "faults-test.log"


@pytest.mark.xdist_group("faults")
def test_whatever_breaks_nothing_is_lost_nothing_comes_twice_and_all_is_told(capfd):
    seed = secrets.randbelow(1_000_000)
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:

        def write(line):
            log.write(line + "\n")

        report = campaign.run(seed, seconds=120, write=write, tell=lambda line: write(f"---- {line}"))
    with capfd.disabled():
        print(f"\n{report.text()}")  # noqa: T201  # the table is what the run is for, also when it is right
    assert report.wrong == [], f"make faults ARGS='--seed {seed}' has the same faults again"
