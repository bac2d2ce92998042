"""Whatever operations list, they can read to its end, over HTTP and in the terminal."""

import re

import pytest

from shared import crypto
from tests.notification import facts
from tests.notification.house import case

OPS = "/v1/ops"


@pytest.fixture
def token(door):
    return door.token("ops")


@pytest.fixture
def parked(house):
    """Five keys, two letters each, in the order in which they were parked."""
    cases = [case(house.patient()) for _ in range(5)]
    with house.broken():
        for of in cases:
            house.hear(facts.submitted(of), parks=True)
        for of in cases:
            house.hear(facts.verification_requested(of), parks=True)
    return [str(of.id) for of in cases]


@pytest.fixture
def held(door, token):
    """Five holds, the newest first."""
    bodies = [{"kind": "hospital", "value": str(crypto.new_id()), "because": "a test"} for _ in range(5)]
    for body in bodies:
        assert door.send("POST", f"{OPS}/holds", body, token=token).status_code == 201
    return [body["value"] for body in reversed(bodies)]


def pages_of(door, token, path, limit=2):
    """Every page of a list, as far as `next` leads."""
    found, after = [], ""
    while after is not None:
        page = door.send("GET", f"{OPS}/{path}?limit={limit}" + (f"&after={after}" if after else ""), token=token).json
        found.append(page["items"])
        after = page["next"]
    return found


def test_parked_keys_are_paged_by_their_oldest_letters(door, token, parked):
    pages = pages_of(door, token, "parked-keys")
    assert [[one["key"] for one in page] for page in pages] == [parked[:2], parked[2:4], parked[4:]]
    assert {one["waiting"] for page in pages for one in page} == {2}


def test_dead_letters_are_paged_by_their_numbers(door, token, parked):
    pages = pages_of(door, token, "dead-letters", limit=4)
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [one["key"] for page in pages for one in page] == parked + parked


def test_the_letter_of_a_parked_key_is_the_first_that_waits(door, token, parked):
    (key,) = door.send("GET", f"{OPS}/parked-keys?limit=1", token=token).json["items"]
    letter = door.send("GET", f"{OPS}/dead-letters/{key['letter']}", token=token).json
    assert (letter["key"], letter["type"]) == (parked[0], "enquiry.submitted.v1")


def test_holds_are_paged(door, token, held):
    assert [[one["value"] for one in page] for page in pages_of(door, token, "holds")] == [held[:2], held[2:4], held[4:]]


@pytest.mark.parametrize("path", ["parked-keys", "dead-letters", "holds", "tasks"])
def test_a_page_that_was_never_given_is_refused(door, token, path):
    assert door.send("GET", f"{OPS}/{path}?after=x", token=token).status_code == 422
    assert door.send("GET", f"{OPS}/{path}?limit=101", token=token).status_code == 422


@pytest.mark.parametrize("path", ["parked-keys", "dead-letters"])
def test_a_number_that_no_letter_can_have_is_no_page(door, token, path):
    assert door.send("GET", f"{OPS}/{path}?after={'_' * 21}w", token=token).status_code == 422


def test_a_list_in_the_terminal_goes_on_where_it_says(command, parked):
    seen, arguments = [], []
    for _ in range(3):
        said = command("parked", "--limit", "2", *arguments)
        seen += [key for key in parked if key in said]
        more = re.search(r"there are more: (--after) (\d+)", said)
        arguments = list(more.groups()) if more else []
    assert (seen, arguments) == (parked, [])
