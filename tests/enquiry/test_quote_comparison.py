"""Quotes side by side: what one includes and another does not is said, and totals are ranked only where the same things are in them."""

import pytest

from services.enquiry.quotes.comparison import compare
from shared import crypto
from tests.enquiry.quoted import ask, stage, terms

A, B, C = (crypto.new_id() for _ in range(3))


def said(**changes):
    return {"free_lines": []} | terms(**changes)


def says(compared, item):
    (line,) = [one for one in compared["lines"] if one["item"] == item]
    return line["differs"], [one["says"] for one in line["quotes"]]


def test_what_one_includes_another_excludes_and_a_third_does_not_mention_is_said():
    compared = compare({
        A: said(included=["hotel", "anaesthesia"], excluded=[]),
        B: said(included=["anaesthesia"], excluded=["hotel"]),
        C: said(included=["anaesthesia"], excluded=[]),
    })  # fmt: skip
    assert says(compared, "hotel") == (True, ["included", "excluded", "not_said"])
    assert says(compared, "anaesthesia") == (False, ["included", "included", "included"])
    assert [one["item"] for one in compared["lines"]] == ["anaesthesia", "hotel"]  # what nobody names is no line


def test_totals_are_ranked_where_the_same_things_are_in_them():
    dear, cheap = said() | {"stages": [stage(least=9)]}, said() | {"stages": [stage(least=3), stage(least=4)]}
    assert compare({A: dear, B: cheap})["totals"] == {"comparable": True, "reasons": [], "by_price": [str(B), str(A)]}


@pytest.mark.parametrize(
    ("other", "reasons"),
    [
        (said(included=["surgical-team"]), ["inclusions_differ"]),
        (said(currency="EUR"), ["currencies_differ"]),
        (said(free_lines=[{"text": "Pump refill", "language": "en", "included": True}]), ["free_lines"]),
        (said(included=["hotel"], excluded=[], currency="TRY"), ["currencies_differ", "inclusions_differ"]),
    ],
)
def test_totals_with_other_things_in_them_are_not_ranked_and_it_is_said_why(other, reasons):
    assert compare({A: said(), B: other})["totals"] == {"comparable": False, "reasons": reasons, "by_price": []}


def test_one_quote_alone_is_compared_with_nothing():
    assert compare({A: said()})["totals"] == {"comparable": False, "reasons": [], "by_price": []}


def test_the_patient_sees_all_live_quotes_on_the_same_lines(house):
    case = ask(house, "first", "second")
    one, two = case.issued("first"), case.issued("second", terms(included=["surgical-team", "hospital-stay", "hotel"], excluded=[]))
    compared = case.compared()
    assert [item["id"] for item in compared["items"]] == [one["id"], two["id"]]
    assert says(compared, "hotel") == (True, ["excluded", "included"])
    assert compared["totals"]["reasons"] == ["inclusions_differ"]
    case.did(two, "withdraw", {"reason": "mistake"}, by="second")
    assert [item["id"] for item in case.compared()["items"]] == [one["id"]]


def test_a_case_without_a_quote_has_nothing_to_compare(house):
    assert ask(house).compared() == {"items": [], "lines": [], "totals": {"comparable": False, "reasons": [], "by_price": []}}
