"""What of the libraries' own words reaches our log."""

import logging

import pytest
from kafka.errors import NotCoordinatorError

from shared import log

DEAD = ("kafka.coordinator", "Marking the coordinator dead (node %s) for group %s: %s.", "coordinator-1", "enquiry")


@pytest.fixture(autouse=True)
def _tidy():
    root = logging.root.level, logging.root.handlers[:]
    yield
    logging.root.setLevel(root[0])
    logging.root.handlers[:] = root[1]


def tell(name, text, *values):
    logging.getLogger(name).warning(text, *values)


@pytest.mark.parametrize(("level", "lines"), [("info", 0), ("debug", 2)])
def test_what_a_healthy_start_of_kafka_python_warns_of_is_for_those_who_debug(capsys, level, lines):
    log.configure(service="test", level=level, style="json")
    tell(*DEAD, NotCoordinatorError())
    tell("kafka.net.selector", "Task <kafka.net.selector.Task object> ran for 0.101s (>0.100s threshold). It is blocking")
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_what_is_wrong_with_the_broker_is_told(capsys):
    log.configure(service="test", level="info", style="json")
    tell(*DEAD, "Heartbeat session expired")
    tell("kafka.net.selector", "Task <kafka.net.selector.Task object> ran for 4.101s (>0.100s threshold). It is blocking")
    assert len(capsys.readouterr().out.splitlines()) == 2
