"""Every document against the running services, as every kind of caller: bounded here, for as long as you like by `make fuzz`."""

import json
import re

import pytest

from devstack import folders
from tests.security.fuzz import CALLERS, EACH, LED_FAR, LINKED, fuzz

pytestmark = pytest.mark.xdist_group("security")

SEED = 1


def all_of(callers):
    return [(service, caller) for service, several in callers.items() for caller in several]


@pytest.mark.parametrize(("service", "caller"), all_of(CALLERS))
def test_whatever_is_sent_every_answer_is_one_that_the_document_promises(town, service, caller):
    done = fuzz(town, service, caller, manner=EACH, seconds=3, seed=SEED)
    assert done.code == 0, done.printed
    assert done.cases > 0


@pytest.mark.parametrize(("service", "caller"), all_of(LED_FAR))
def test_from_one_answer_to_the_next_every_answer_is_one_that_the_document_promises(town, service, caller):
    for seconds in (6, 60):  # a crowded machine gets to its first request late
        done = fuzz(town, service, caller, manner=LINKED, seconds=seconds, seed=SEED)
        assert done.code == 0, done.printed
        if done.links:
            return
    pytest.fail(done.printed)


@pytest.mark.parametrize("service", LED_FAR)
def test_each_link_of_a_document_leads_to_an_operation_that_takes_what_it_brings(service):
    document = json.loads((folders.CHECKOUT / "docs" / "openapi" / f"{service}.json").read_text(encoding="utf-8"))
    operations = {
        one["operationId"]: (path, one) for path, item in document["paths"].items() for one in item.values() if "operationId" in one
    }
    led = [link for _, one in operations.values() for answer in one["responses"].values() for link in answer.get("links", {}).values()]
    assert len({link["operationId"] for link in led}) > 10
    for link in led:
        path, operation = operations[link["operationId"]]
        taken = set(re.findall(r"{(\w+)}", path)) | {f"header.{one['name']}" for one in operation["parameters"] if "name" in one}
        asked = {name for name in taken if name != "header.Idempotency-Key"}
        assert set(link["parameters"]) == asked, link
