"""The main job in one command, as a stranger runs it."""

import subprocess
import sys

import pytest

from devstack import folders

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout


def test_the_demo_shows_the_way_of_one_enquiry_and_ends_well(stack):
    way_in = {name: (folders.CHECKOUT / ".devstack" / name).read_text(encoding="utf-8") for name in ("env", "mails", "passage")}
    done = subprocess.run([sys.executable, "-m", "devstack", "demo", "--no-keep"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "0 facts without an outcome" in done.stdout
    assert "all accepted" in done.stdout
    assert "/l/case/…" in done.stdout, "the token of a link is not printed"
    assert "mailbox" not in done.stdout, "addresses that are dead a moment later are not printed"
    assert ".devstack/" not in done.stdout
    for name, text in way_in.items():
        assert (folders.CHECKOUT / ".devstack" / name).read_text(encoding="utf-8") == text, "a run that is up keeps its way in"
