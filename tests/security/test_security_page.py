"""docs/security.md says what is: each test it names exists, each route's callers are those of the documents."""

import json
import re
from fnmatch import fnmatch

import pytest

from devstack import folders

PAGE = (folders.CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")
CALLERS = ("stranger", "patient", "hospital", "client", "ops")
TESTS = {
    name
    for path in (folders.CHECKOUT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def table(title):
    """The rows of the first table under a heading, as lists of cells."""
    part = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def operations():
    """(service, operation, who may call it): `anybody` where no token is asked for."""
    for service in ("catalog", "enquiry", "notification"):
        document = json.loads((folders.CHECKOUT / "docs" / "openapi" / f"{service}.json").read_text(encoding="utf-8"))
        for item in document["paths"].values():
            for one in item.values():
                if isinstance(one, dict):
                    asked = [kind for way in one.get("security", []) for kind in way.get("bearer", [])]
                    yield service, one["operationId"], set(asked) or {"anybody"}


@pytest.mark.parametrize("threat", table("Threats"), ids=lambda row: row[0][:40])
def test_each_threat_names_tests_that_exist(threat):
    named = re.findall(r"`(test_\w+)`", threat[-1])
    assert named
    assert set(named) <= TESTS


def test_each_operation_stands_in_one_row_with_those_who_may_call_it():
    rows = []
    for routes, *cells in table("Who may do what"):
        service, _, names = routes.partition(": ")
        rows.append((service, re.findall(r"`([^`]+)`", names) or ["*"], dict(zip(CALLERS, cells, strict=True))))
    for service, operation, may in operations():
        (said,) = [cells for of, names, cells in rows if of == service and any(fnmatch(operation, name) for name in names)]
        if may == {"anybody"}:
            assert said["stranger"] != "no", operation
        else:
            assert {kind for kind, cell in said.items() if cell not in {"no", "-"}} == may, operation


def test_no_row_of_rights_is_about_an_operation_that_is_gone():
    there = {(service, operation) for service, operation, _ in operations()}
    for routes, *_ in table("Who may do what"):
        service, _, names = routes.partition(": ")
        for name in re.findall(r"`([^`]+)`", names):
            assert any(of == service and fnmatch(operation, name) for of, operation in there), name
