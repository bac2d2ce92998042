"""The link that proves an address, as somebody in front of a browser meets it."""

import pytest


def state_of(street, reference):
    return street.house.get(f"/v1/enquiries/{reference}", token=street.house.issue("ops")).json["state"]


def test_looking_at_the_page_of_a_link_changes_nothing(street):
    reference, token = street.submitted("first")
    page = street.visitor().get(f"/l/verify/{token}")
    assert page.status_code == 200
    assert f'action="/l/verify/{token}"' in page.text
    assert state_of(street, reference) == "pending_verification"


def test_the_button_opens_the_enquiry_and_says_by_when_an_answer_is_promised(street):
    reference, token = street.submitted("first")
    page = street.visitor().post(f"/l/verify/{token}")
    assert page.status_code == 200
    assert f"<bdi>{reference}</bdi>" in page.text
    assert "Tuesday, 24 November 2026, 08:00 (Lagos time), 07:00 UTC" in page.text
    assert state_of(street, reference) == "open"


def test_pressing_the_button_twice_is_once(street):
    _, token = street.submitted("first")
    visitor = street.visitor()
    first, second = visitor.post(f"/l/verify/{token}"), visitor.post(f"/l/verify/{token}")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert len(street.house.facts("enquiry.opened")) == 1


@pytest.mark.parametrize("token", ["x", "x.y", "%00", "a" * 5000, "..", "é", "AAAAAAAAAAAAAAAAAAAAAA.AAAA"])
def test_a_link_that_is_none_gets_kind_words_and_a_way_on(street, token):
    page = street.visitor().post(f"/l/verify/{token}")
    assert page.status_code == 404
    assert "This link does not work any more" in page.text
    assert 'action="/links"' in page.text


def test_a_link_that_is_too_old_gets_the_same_words_as_a_wrong_one(street):
    _, token = street.submitted("first")
    street.house.clock.pass_(days=31)
    visitor = street.visitor()
    assert visitor.post(f"/l/verify/{token}").text == visitor.post("/l/verify/wrong.token").text


def test_the_link_of_another_purpose_proves_no_address(street):
    _, token = street.opened("first")
    assert street.visitor().post(f"/l/verify/{token}").status_code == 404


def test_an_address_that_is_proved_after_the_end_is_told_that_it_has_ended(street):
    reference, token = street.submitted("first")
    rejected = street.house.post(
        f"/v1/enquiries/{reference}/reject", {"reason": "spam", "because": "a test"}, token=street.house.issue("ops"), key=None
    )
    assert rejected.status_code == 200, rejected.json
    page = street.visitor().post(f"/l/verify/{token}")
    assert page.status_code == 409
    assert "This enquiry has ended" in page.text


def test_a_link_is_sent_again_with_the_same_answer_for_known_and_unknown_addresses(street):
    street.submitted("first")
    visitor = street.visitor()
    known, unknown = (visitor.post("/links", {"email": email}) for email in ("amina@example.org", "nobody@example.org"))
    assert known.status_code == unknown.status_code == 200
    assert known.text == unknown.text
    street.work_off_resends()
    assert [data["why"] for _, data in street.house.facts("enquiry.verification_requested")] == ["resend"]


@pytest.mark.parametrize("email", ["", "amina", "amina@", "a\x00b@example.org", "x" * 300 + "@example.org"])
def test_an_address_that_is_none_is_an_error_beside_its_field(street, email):
    page = street.visitor().post("/links", {"email": email})
    assert page.status_code == 422
    assert 'aria-describedby="email-error"' in page.text
    assert 'role="alert"' in page.text


def test_too_many_links_are_refused_kindly(street):
    visitor = street.visitor()
    answers = [visitor.post("/links", {"email": "amina@example.org"}) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert "That was a little too often" in answers[-1].text
    assert answers[-1].headers["Retry-After"]
