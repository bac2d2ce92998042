"""The count finds what is wrong with the code, too: a relay that loses and swaps records, a deliverer that sends twice."""

from pathlib import Path

import pytest

from tests.faults import campaign
from tests.faults.invariants import broken

LOG = Path(".devstack") / "faults-broken.log"
BAD = {
    "enquiry-relay": "lossy-and-swapping",
    "enquiry-relay-2": "lossy-and-swapping",
    "notification-deliver": "twice",
    "notification-deliver-2": "twice",
}


@pytest.mark.xdist_group("faults")
def test_code_that_loses_swaps_and_sends_twice_is_found_out():
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:

        def write(line):
            log.write(line + "\n")

        report = campaign.run(1, seconds=15, rate=5, only="say nothing", releases=BAD, still=20, write=write, tell=write)
    assert {
        "every committed fact is in the topic",
        "first deliveries are in order by case",
        "unaccounted = 0",
        "a second arrival only where the first was uncertain",
    } <= set(broken(report.lines)), report.text()
