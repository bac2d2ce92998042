"""Having everything erased, as somebody in front of a browser meets it: asked for on the case's page, confirmed by the link in the mail."""

import pytest


def asked(street):
    """A visitor whose case is open and who has asked; returns them with the link's token."""
    reference, token = street.opened("first")
    visitor = street.visitor()
    visitor.post(f"/l/case/{token}")
    assert f'action="/case/{reference}/erasure"' in visitor.get(f"/case/{reference}").text
    page = visitor.post(f"/case/{reference}/erasure")
    assert page.status_code == 200
    assert "Nothing is erased before you have confirmed it there" in page.text
    return visitor, reference, street.house.token_of(street.house.facts("erasure.requested")[-1][1]["link"])


def erasure_of(street, reference):
    return street.house.get(f"/v1/enquiries/{reference}/erasure", token=street.house.issue("ops")).json["state"]


def test_looking_at_the_links_page_changes_nothing(street):
    visitor, reference, token = asked(street)
    page = visitor.get(f"/l/erase/{token}")
    assert page.status_code == 200
    assert f'action="/l/erase/{token}"' in page.text
    assert erasure_of(street, reference) == "requested"


def test_the_button_begins_it_in_any_browser_and_twice_is_once(street):
    _, reference, token = asked(street)
    first, second = (street.visitor().post(f"/l/erase/{token}") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert "Everything is being erased" in first.text
    assert erasure_of(street, reference) == "verified"


@pytest.mark.parametrize("token", ["x.y", "a" * 5000, "AAAAAAAAAAAAAAAAAAAAAA.AAAA"])
def test_a_link_that_is_none_gets_kind_words(street, token):
    page = street.visitor().post(f"/l/erase/{token}")
    assert page.status_code == 404
    assert "This link does not work any more" in page.text


def test_a_stranger_cannot_ask_for_it(street):
    reference, _ = street.opened("first")
    assert street.visitor().post(f"/case/{reference}/erasure").status_code == 401
    assert street.house.facts("erasure.requested") == []
