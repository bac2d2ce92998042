"""The hospital's desk: from the link in an alert to a case under its pseudonym, and to a no."""

import re

import pytest


@pytest.fixture
def desk(street):
    """Somebody of the first hospital, signed in, with one enquiry asked of it: the visitor and the invitation's address."""
    street.house.opened("first", "second")
    return street.at_desk(), f"/desk/invitations/{street.house.invitation('first')['id']}"


def test_the_link_of_an_alert_asks_to_sign_in_and_leads_there_afterwards(street):
    street.house.opened("first")
    path = f"/desk/invitations/{street.house.invitation('first')['id']}"
    totp = street.with_second_factor()
    visitor = street.visitor()
    assert visitor.get(path).headers["Location"] == "/sign-in"
    visitor.post("/sign-in", {"email": "deniz@first.example"})
    answer = visitor.post(f"/l/sign_in/{street.sign_in_token()}", {"code": totp.at(street.house.clock())})
    assert answer.headers["Location"] == path
    assert visitor.get(path).status_code == 200


def test_the_list_names_references_clocks_and_states_and_nothing_of_the_patient(desk, street):
    visitor, path = desk
    page = visitor.get("/desk").text
    assert path in page
    assert re.search(r"Answer due .*24 Nov 2026, 10:00 \(Istanbul time\)", page), "in the hospital's zone, which is named"
    for secret in ("Amina", "Bello", "sleeps", "example.org"):
        assert secret not in page


def test_looking_at_an_invitation_is_not_looking_at_the_case(desk, street):
    visitor, path = desk
    page = visitor.get(path).text
    assert "Open the case" in page
    assert "Tuesday, 24 November 2026, 10:00 (Istanbul time), 07:00 UTC" in page
    assert street.house.invitation("first")["state"] == "sent"


def test_opening_the_case_is_told_and_shows_no_name(desk, street):
    visitor, path = desk
    page = visitor.post(f"{path}/case")
    assert page.status_code == 200
    assert "Nigeria" in page.text
    assert "2014" in page.text
    for secret in ("Amina", "Zainab", "Bello", "sleeps badly", "amina@"):
        assert secret not in page.text
    assert street.house.invitation("first")["state"] == "viewed"


def test_declining_needs_a_reason_and_is_shown(desk, street):
    visitor, path = desk
    case = visitor.post(f"{path}/case").text
    revision = re.search(r'name="revision" value="(\d+)"', case)[1]
    missing = visitor.post(f"{path}/decline", {"revision": revision})
    assert missing.status_code == 422
    assert "Please choose a reason." in missing.text
    answer = visitor.post(f"{path}/decline", {"revision": revision, "reason": "no_capacity"})
    assert answer.headers["Location"] == path
    assert "You declined: We have no capacity at present." in visitor.get(path).text
    assert street.house.invitation("first")["state"] == "declined"


def test_an_invitation_that_changed_meanwhile_is_not_declined(desk, street):
    visitor, path = desk
    page = visitor.post(f"{path}/decline", {"revision": "99", "reason": "spam"})
    assert page.status_code == 412
    assert street.house.invitation("first")["state"] == "sent"


def test_an_invitation_that_has_ended_is_opened_no_more(desk, street):
    visitor, path = desk
    reference = street.house.invitation("first")["reference"]
    token = street.house.patient_token()
    revision = street.house.get(f"/v1/enquiries/{reference}", token=token).json["revision"]
    assert street.house.post(f"/v1/enquiries/{reference}/withdraw", token=token, key=None, if_match=revision).status_code == 200
    assert "Nothing is asked of you any more." in visitor.get(path).text
    assert visitor.post(f"{path}/case").status_code == 409


def test_another_hospitals_invitation_is_not_there(desk, street):
    visitor, _ = desk
    other = street.house.invitation("second")["id"]
    assert visitor.get(f"/desk/invitations/{other}").status_code == 404
    assert visitor.post(f"/desk/invitations/{other}/case").status_code == 404
    assert street.house.invitation("second")["state"] == "sent"


def test_a_long_list_goes_on_where_it_stopped(desk, street):
    visitor, _ = desk
    writer = street.house.body()["requester"]
    writers = [{**writer, "email": f"writer-{number}@example.org"} for number in range(20)]
    references = {street.house.opened("first", requester=one) for one in writers}
    first = visitor.get("/desk").text
    more = re.search(r'href="(/desk\?after=[^"]+)"', first)[1]
    second = visitor.get(more).text
    shown = re.findall(r"<bdi>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</bdi>", first + second)
    assert len(shown) == len(set(shown)) == 21
    assert references <= set(shown)


def test_operations_are_told_that_the_desk_is_for_hospitals(street):
    visitor = street.at_desk(kind="ops", hospital=None, email="olga@passage.example", role="admin")
    page = visitor.get("/desk")
    assert page.status_code == 403
    assert "This desk is for hospitals" in page.text
    assert 'action="/sign-out"' in page.text, "which the page advises"


def test_a_page_behind_a_button_can_be_had_in_another_language(desk):
    visitor, path = desk
    page = visitor.post(f"{path}/case").text
    assert f'href="{path}?lang=ar"' in page
    assert 'dir="rtl"' in visitor.get(f"{path}?lang=ar").text


def test_a_button_pressed_after_the_session_is_over_leads_back_after_the_sign_in(desk, street):
    _, path = desk
    visitor = street.visitor()
    assert visitor.post(f"{path}/case").headers["Location"] == "/sign-in"
    assert "leads you to where you were going" in visitor.get("/sign-in").text


@pytest.mark.parametrize("path", ["/desk/invitations/x", "/desk/invitations/00000000-0000-0000-0000-000000000000"])
def test_an_invitation_that_is_none_is_not_there(desk, path):
    assert desk[0].get(path).status_code == 404
