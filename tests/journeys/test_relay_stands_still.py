"""A drill: the one that publishes stands still for minutes. With a standby nobody notices; without one the alert says so; in the end nothing is missing."""

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.journeys.alarms import all_is_told, case_of, execute, mend, posted, scrape, shell, told, value
from tests.operations import scraping
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

DELIVERIES = 1 + 2 * 2  # the patient's mail, and for each of two hospitals a mail and a webhook
ORDER = 'SELECT version, sequence FROM outbox_archive WHERE key = %s ORDER BY "offset"'


def test_a_relay_that_stands_still_is_replaced_and_where_nobody_stands_by_the_alert_says_so(stack, tmp_path):
    all_is_told(stack)
    before, client = scrape(stack), stack.client()
    still = next(one for one in stack.them.running if one.program.name == "enquiry-work")
    with standby(stack, still.program):
        os.killpg(still.process.pid, signal.SIGSTOP)
        first = posted(stack, client)
        published(stack)
        assert value(stack, "enquiry", "relay_leads") == 1
    stack.operations.post("enquiry", f"/v1/enquiries/{first}/withdraw", {"because": "a drill"})
    second = posted(stack, client)
    told(lambda: value(stack, "enquiry", "relay_leads") == 0, what="nobody who leads")
    assert "wrong    relay" in shell(".devstack/passage enquiry doctor relay || true")
    execute(stack, "enquiry", "UPDATE outbox SET recorded_at = recorded_at - interval '5 minutes'")  # as if it had stood still for as long
    during = scrape(stack)

    os.killpg(still.process.pid, signal.SIGCONT)
    program, code = stack.ended("enquiry-work")
    assert code == 1, "it has lost its lock, and does not go on as if it led"
    stack.them.start(program)
    told(lambda: value(stack, "enquiry", "relay_leads") == 1, what="a leader")
    mend("RelayWithoutLeader")
    published(stack)
    mend("OutboxWaits")
    stack.nothing_is_missing(first, deliveries=2 * DELIVERIES)
    stack.nothing_is_missing(second, deliveries=DELIVERIES)
    order = stack.sql("enquiry", ORDER, case_of(stack, first))
    assert order == sorted(order), "what two leaders have published stands in the order of the case"
    after = scrape(stack)
    for alert in ("RelayWithoutLeader", "OutboxWaits"):
        scraping.assert_fires(tmp_path, alert, before, during, after)


@contextmanager
def standby(stack, work):
    """A second relay of enquiry, beside `work`."""
    environment = {name: text for name, text in work.environment.items() if name != "METRICS_BIND"}
    command = [sys.executable, "-m", "services.enquiry", "work", "relay"]
    stack.them.start(replace(work, name="enquiry-relay-2", command=command, environment=environment, ready=None))
    yield
    stack.them.end("enquiry-relay-2")


def published(stack):
    until(lambda: stack.sql("enquiry", "SELECT count(*) FROM outbox") == [(0,)], seconds=120, what="an empty outbox")
