"""A second terminal's orders to `make up`: one program ended and started again, and everything else goes on."""

import sys
import threading

import pytest

from devstack import orders
from devstack.launch import CannotStart
from devstack.parts import Parts
from devstack.postgres import Postgres
from devstack.processes import Place
from devstack.supervisor import Program, Supervisor

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def them():
    with Supervisor(["one", "two"], write=str) as made:
        made.start(Program("one", SLEEPS))
        made.start(Program("two", SLEEPS, {"KEPT": "yes"}))
        yield made


@pytest.fixture
def order(them, tmp_path):
    """Ask from another thread, as a second terminal does; obeyed in this one."""
    script, parts = tmp_path / "parts", Parts(Postgres("postgresql://nobody@127.0.0.1:1/none"), "127.0.0.1:1")
    with orders.taken(Place(tmp_path, parts, mailbox=None, receiver=None, ports={}), them, at=script) as look:

        def ordered(act, name):
            said = []
            asking = threading.Thread(target=lambda: said.append(orders.ask(tmp_path / "orders", act, name)))
            asking.start()
            while asking.is_alive():
                look()
            return said[0]

        assert "parts-of" in script.read_text(encoding="utf-8")
        yield ordered
    assert not script.exists()


def pids(them):
    return {one.program.name: one.process.pid for one in them.running}


def test_a_program_is_ended_and_started_again_as_it_was_and_the_others_go_on(them, order):
    before = pids(them)
    assert order("stop", "two") == "two is stopped (exit -15)"
    assert order("stop", "two") == "two is stopped already"
    assert pids(them) == {"one": before["one"]}
    them.look()  # nothing has ended unasked
    assert order("start", "two") == "two is started"
    assert pids(them)["one"] == before["one"]
    assert pids(them)["two"] != before["two"]
    assert next(one.program for one in them.running if one.program.name == "two").environment == {"KEPT": "yes"}
    assert order("start", "two") == "two is running"


def test_what_is_not_there_is_said(order):
    assert order("stop", "three") == "there is no three; there are one, two"


def test_a_run_that_has_ended_is_said(tmp_path):
    with pytest.raises(CannotStart, match="has ended"):
        orders.ask(tmp_path / "orders", "stop", "one")
