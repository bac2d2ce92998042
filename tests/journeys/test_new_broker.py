"""The drill: Kafka's data is lost and every database is there. The commands of the runbook bring everything back, and nobody is told twice."""

import re
import shutil

import pytest

from devstack.processes import SERVICES
from tests.journeys.alarms import all_is_told, shell
from tests.journeys.test_guides import DOCS
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

TRUSTED = 1 + 2 * 2  # the patient's mail, and for each of two hospitals a mail and a webhook


def commands():
    """Of the entry BrokerAway, where its data is lost."""
    text = (DOCS / "runbook.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"\*\*Its data is lost\*\*.*?^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return block


def test_what_a_lost_broker_held_comes_back_from_the_databases(stack):
    client = stack.client()
    told = client.post("enquiry", "/v1/enquiries", stack.body()[0])["reference"]
    stack.nothing_is_missing(told, deliveries=TRUSTED)
    with stack.without(*(f"{service}-work" for service in SERVICES)):
        waiting = client.post("enquiry", "/v1/enquiries", stack.body()[0])["reference"]
        stack.broker.kill()
        shutil.rmtree(stack.broker.folder / "kafka")
        stack.broker.prepare()
        stack.broker.start()
        stack.broker.wait_until_ready()
        shell(commands())
    stack.nothing_is_missing(waiting, deliveries=TRUSTED)
    stack.operations.post("enquiry", f"/v1/enquiries/{told}/withdraw", {"because": "a drill"})
    until(lambda: templates(stack, told).count("enquiry_withdrawn") == 1, seconds=120, what="the mail about the end")
    all_is_told(stack)
    assert templates(stack, told).count("invitation_sent") == 4, "nobody was told twice"
    shell("for service in enquiry notification; do .devstack/passage $service doctor broker topics outbox relay positions; done")


def templates(stack, reference):
    ((case,),) = stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = %s", reference)
    return [template for (template,) in stack.sql("notification", "SELECT template FROM deliveries WHERE case_id = %s", case)]
