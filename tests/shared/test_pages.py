"""One paging for all services: a token goes round, nothing else is taken, and every list says so."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from shared.problems import Invalid
from shared.web import pages

DOCUMENTS = Path(__file__).parents[2] / "docs" / "openapi"


@pytest.mark.parametrize(
    ("key", "read"),
    [("deep-brain-stimulation", pages.place), (UUID(int=7), pages.id_place), (0, pages.number_place), (2**63 - 1, pages.number_place)],
    ids=["slug", "id", "first number", "last number"],
)
def test_a_place_goes_round(key, read):
    assert read(pages.token(key)) == key
    assert read(None) is None


@pytest.mark.parametrize(
    ("after", "read"),
    [
        ("%%%", pages.place),
        ("a", pages.place),
        (pages.token("a\nb"), pages.place),
        ("w6k", pages.place),
        (pages.token("x"), pages.id_place),
        (pages.token(7), pages.id_place),
        (pages.token(2**63), pages.number_place),
        (pages.token("-1"), pages.number_place),
        (pages.token(UUID(int=7)), pages.number_place),
    ],
)
def test_what_was_never_a_place_is_refused(after, read):
    with pytest.raises(Invalid) as refused:
        read(after)
    assert refused.value.slug == "page-invalid"


def test_a_page_names_the_next_one_only_where_there_is_more():
    assert pages.page([1, 2, 3], limit=2, key=lambda row: row) == {"items": [1, 2], "next": pages.token(2)}
    assert pages.page([1, 2], limit=2, key=lambda row: row) == {"items": [1, 2], "next": None}
    assert pages.page([], limit=2, key=lambda row: row) == {"items": [], "next": None}


def lists():
    """Every list of every service: its address and parameters."""
    for path in sorted(DOCUMENTS.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        schemas = document["components"]["schemas"]
        for address, operations in document["paths"].items():
            for content in operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).values():
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if "next" in schemas.get(name, {}).get("properties", {}):
                    yield f"{path.stem} {address}", {one["name"]: one for one in operations["get"]["parameters"] if "name" in one}


def test_every_list_is_paged_in_the_same_way():
    found = dict(lists())
    assert {"catalog /v1/procedures", "enquiry /v1/invitations", "notification /v1/deliveries"} <= set(found)
    said = {(parameters["after"]["description"], parameters["limit"]["schema"]["maximum"]) for parameters in found.values()}
    assert len(said) == 1
