"""People of hospitals and of operations: an app is set up, then a link and a code let them in."""

import re

import pyotp
import pytest

from services.web.settings import pages_fault


def secret_on(page):
    return "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page.text))


def sealed_on(page):
    return re.search(r'name="sealed" value="([^"]+)"', page.text)[1]


def test_setting_up_shows_a_secret_as_key_link_and_picture_and_ends_with_a_code(street):
    link, visitor = street.invited(), street.visitor()
    assert visitor.get(f"/l/account/{link}").status_code == 200
    page = visitor.post(f"/l/account/{link}")
    assert "otpauth://totp/" in page.text
    assert '<svg class="qr' in page.text or 'class="qr"' in page.text
    code = pyotp.TOTP(secret_on(page)).at(street.house.clock())
    done = visitor.post(f"/l/account/{link}/confirm", {"sealed": sealed_on(page), "code": f"{code[:3]} {code[3:]}"})
    assert done.status_code == 200
    assert "Your account is ready" in done.text


def test_looking_at_the_page_of_an_invitation_makes_no_secret(street):
    link, visitor = street.invited(), street.visitor()
    made = secret_on(visitor.post(f"/l/account/{link}"))
    visitor.get(f"/l/account/{link}")
    body = {"link": link, "code": pyotp.TOTP(made).at(street.house.clock())}
    assert street.house.post("/v1/second-factors/confirm", body, key=None).status_code == 204


def test_a_wrong_code_is_an_error_beside_the_field_and_the_secret_stays(street):
    link, visitor = street.invited(), street.visitor()
    page = visitor.post(f"/l/account/{link}")
    wrong = visitor.post(f"/l/account/{link}/confirm", {"sealed": sealed_on(page), "code": "000000"})
    assert wrong.status_code == 422
    assert "This code is not right" in wrong.text
    assert secret_on(wrong) == secret_on(page)


def test_a_secret_of_somebody_elses_making_is_not_shown(street):
    link = street.invited()
    page = street.visitor().post(f"/l/account/{link}/confirm", {"sealed": "Zm9vYmFyYmF6", "code": "000000"})
    assert page.status_code == 404


def test_signing_in_takes_the_link_and_the_code(street):
    visitor = street.at_desk()
    assert visitor.get("/desk").status_code == 200


def test_digits_of_another_script_are_digits(street):
    totp = street.with_second_factor()
    visitor = street.visitor()
    visitor.post("/sign-in", {"email": "deniz@first.example"})
    code = totp.at(street.house.clock()).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert visitor.post(f"/l/sign_in/{street.sign_in_token()}", {"code": code}).status_code == 303


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "1234567", "123456"])
def test_a_code_that_is_none_or_wrong_lets_nobody_in(street, code):
    street.with_second_factor()
    visitor = street.visitor()
    visitor.post("/sign-in", {"email": "deniz@first.example"})
    page = visitor.post(f"/l/sign_in/{street.sign_in_token()}", {"code": code})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert visitor.get("/desk").status_code == 303


def test_a_used_link_gets_kind_words_and_a_way_to_a_new_one(street):
    totp = street.with_second_factor()
    visitor = street.visitor()
    visitor.post("/sign-in", {"email": "deniz@first.example"})
    token = street.sign_in_token()
    visitor.post(f"/l/sign_in/{token}", {"code": totp.at(street.house.clock())})
    street.house.clock.pass_(minutes=1)
    page = visitor.post(f"/l/sign_in/{token}", {"code": totp.at(street.house.clock())})
    assert page.status_code == 404
    assert 'action="/sign-in"' in page.text


def test_asking_for_a_sign_in_link_tells_nobody_who_has_an_account(street):
    street.with_second_factor()
    visitor = street.visitor()
    known, unknown = (visitor.post("/sign-in", {"email": email}) for email in ("deniz@first.example", "nobody@first.example"))
    assert known.text == unknown.text


def test_signing_out_ends_the_session_everywhere(street):
    visitor = street.at_desk()
    kept = visitor.client.get_cookie("desk").value
    assert visitor.post("/sign-out").status_code == 303
    again = street.visitor()
    again.client.set_cookie("desk", kept)
    invitation = street.house.opened("first") and street.house.invitation("first")["id"]
    assert again.post(f"/desk/invitations/{invitation}/case").headers["Location"] == "/sign-in"


def test_operations_come_to_their_own_page_with_what_each_api_is_for(street):
    visitor = street.at_desk(kind="ops", hospital=None, email="olga@passage.example", role="admin")
    page = visitor.get("/ops")
    assert page.status_code == 200
    assert '<a href="http://api.example/docs"><strong>Enquiries</strong></a><p>Cases and what became of them;' in page.text
    assert "Catalog" not in page.text, "only those that the settings name"


@pytest.mark.parametrize("page", ["http://api.example/docs", "web=http://api.example/docs", "enquiry=/docs"])
def test_an_api_page_without_its_service_is_named_as_a_fault(page):
    assert pages_fault([page]) == "each must be as SERVICE=https://host/docs, with a service of enquiry, notification, catalog"


def test_the_page_of_operations_is_not_for_hospitals(street):
    assert street.at_desk().get("/ops").status_code == 403
    assert street.visitor().get("/ops").headers["Location"] == "/sign-in"
