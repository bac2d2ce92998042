"""Every document against the running services, as every kind of caller: bounded here, for as long as you like by `make fuzz`."""

import json
import re

import pytest

from devstack import folders
from tests.security.fuzz import CALLERS, EACH, LINKED, fuzz

pytestmark = pytest.mark.xdist_group("security")

SEED = 1


def all_of(callers):
    return [(service, caller) for service, several in callers.items() for caller in several]


@pytest.mark.parametrize(("service", "caller"), all_of(CALLERS))
def test_whatever_is_sent_every_answer_is_one_that_the_document_promises(town, service, caller):
    done = fuzz(town, service, caller, manner=EACH, seconds=3, seed=SEED)
    assert done.code == 0, done.printed
    assert done.cases > 0


@pytest.mark.parametrize(("service", "caller"), [("enquiry", "ops"), ("notification", "hospital")])
def test_from_one_answer_to_the_next_every_answer_is_one_that_the_document_promises(town, service, caller):
    for seconds in (6, 60):  # a crowded machine gets to its first request late
        done = fuzz(town, service, caller, manner=LINKED, seconds=seconds, seed=SEED)
        assert done.code == 0, done.printed
        if done.cases:
            return
    pytest.fail(done.printed)


def test_each_link_of_the_document_leads_to_an_operation_that_takes_what_it_brings():
    document = json.loads((folders.CHECKOUT / "docs" / "openapi" / "enquiry.json").read_text(encoding="utf-8"))
    operations = {
        one["operationId"]: (path, one) for path, item in document["paths"].items() for one in item.values() if isinstance(one, dict)
    }
    links = document["paths"]["/v1/enquiries"]["post"]["responses"]["201"]["links"].values()
    assert {link["operationId"] for link in links} >= {"enquiries.show", "enquiries.withdraw", "erasures.create"}
    for link in links:
        path, operation = operations[link["operationId"]]
        headers = {f"header.{one['name']}" for one in operation["parameters"]}
        assert set(link["parameters"]) <= set(re.findall(r"{(\w+)}", path)) | headers
