"""The case page: opened by a mailed link, kept open by a sealed cookie, read by its patient alone."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.web.status import standing_of
from shared import db


def test_looking_at_the_page_of_a_link_opens_no_case(street):
    reference, token = street.opened("first")
    visitor = street.visitor()
    assert visitor.get(f"/l/case/{token}").status_code == 200
    page = visitor.get(f"/case/{reference}")
    assert page.status_code == 401
    assert "This case is not open here" in page.text


def test_the_button_leads_to_the_case(street):
    reference, token = street.opened("first", "second")
    answer = street.visitor().post(f"/l/case/{token}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/case/{reference}")


def test_the_case_says_where_it_stands_and_by_when_an_answer_is_due_in_both_zones(street):
    visitor, reference = street.in_case("first", "second")
    page = visitor.get(f"/case/{reference}").text
    assert "Your enquiry is with 2 hospitals" in page
    assert "asked to answer by" in page
    assert "Tuesday, 24 November 2026, 08:00 (Lagos time), 07:00 UTC" in page
    assert f"<bdi>{reference}</bdi>" in page


def test_a_promise_that_is_over_is_called_so(street):
    visitor, reference = street.in_case("first")
    street.house.clock.pass_(days=2)
    assert "is over. Our team knows" in visitor.get(f"/case/{reference}").text


def test_a_hospital_that_has_answered_has_the_enquiry_and_is_never_late():
    case = {"state": "open", "promised_at": "2026-11-24T07:00:00+00:00", "invitations": [{"state": "answered"}, {"state": "declined"}]}
    found = standing_of(case, now=datetime(2026, 12, 1, tzinfo=UTC))
    assert (found.asked, found.looked, found.refused, found.late) == (1, 1, 1, False)
    case["invitations"].append({"state": "viewed"})
    assert standing_of(case, now=datetime(2026, 12, 1, tzinfo=UTC)).late


def test_the_case_shows_what_was_sent_in_and_what_was_agreed_to(street):
    visitor, reference = street.in_case("first")
    page = visitor.get(f"/case/{reference}").text
    for shown in ("Zainab Bello", "amina@example.org", "She sleeps badly.", "Weight", "31", "may see your enquiry", "Intrathecal baclofen"):
        assert shown in page


def test_questions_and_the_procedure_are_called_what_the_catalog_calls_them(street_with_catalog):
    visitor, reference = street_with_catalog.in_case("first")
    page = visitor.get(f"/case/{reference}").text
    assert "What does the patient weigh?" in page
    assert "Intrathecal baclofen therapy" in page
    assert "{" not in page


def test_the_catalogs_texts_come_in_the_readers_language(street_with_catalog):
    visitor, reference = street_with_catalog.in_case("first")
    assert "Hastanın kilosu nedir?" in visitor.get(f"/case/{reference}?lang=tr").text


def test_the_case_says_that_it_is_not_for_emergencies(street):
    visitor, reference = street.in_case("first")
    assert "not for emergencies" in visitor.get(f"/case/{reference}").text


def test_what_a_hospital_does_stands_in_the_timeline_newest_first(street):
    visitor, reference = street.in_case("first", "second")
    street.house.clock.pass_(minutes=1)
    invitation, token = street.house.invitation("first")["id"], street.house.hospital_token("first")
    viewed = street.house.post(f"/v1/invitations/{invitation}/view", token=token, key=None)
    street.house.clock.pass_(minutes=5)
    declined = {"reason": "no_capacity"}
    street.house.post(f"/v1/invitations/{invitation}/decline", declined, token=token, key=None, if_match=viewed.json["revision"])
    said = [re.sub("<[^>]+>", "", one) for one in re.findall(r'class="what">(.*?)</p>', visitor.get(f"/case/{reference}").text)]
    assert said[0] == "First cannot take your enquiry on."
    assert said[-1] == "You sent your enquiry."


def test_a_mail_is_accepted_by_a_server_and_never_delivered(street):
    visitor, reference = street.in_case("first")
    told = """
        INSERT INTO tellings (delivery_id, enquiry_id, event_id, recipient, channel, template, ending, at)
        SELECT gen_random_uuid(), id, gen_random_uuid(), 'patient', 'email', 'enquiry_opened', :ending, now() FROM enquiries
    """
    with db.transaction(street.house.engine) as session:
        for ending in ("accepted", "failed"):
            session.execute(text(told), {"ending": ending})
    page = visitor.get(f"/case/{reference}").text
    assert "accepted by the mail server" in page
    assert "not accepted by the mail server" in page
    assert "delivered" not in page


def test_a_case_is_not_opened_by_the_session_of_another(street):
    visitor, _ = street.in_case("first")
    other, _ = street.opened("second")
    page = visitor.get(f"/case/{other}")
    assert page.status_code == 404
    assert "This case is not open here" in page.text


def test_withdrawing_takes_a_second_step_and_ends_the_case(street):
    visitor, reference = street.in_case("first")
    step = visitor.get(f"/case/{reference}/withdraw")
    assert "Withdraw your enquiry?" in step.text
    assert not street.house.facts("enquiry.withdrawn")
    revision = re.search(r'name="revision" value="(\d+)"', step.text)[1]
    answer = visitor.post(f"/case/{reference}/withdraw", {"revision": revision})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/case/{reference}")
    page = visitor.get(f"/case/{reference}").text
    assert "You have withdrawn this enquiry" in page
    assert f"/case/{reference}/withdraw" not in page
    assert len(street.house.facts("enquiry.withdrawn")) == 1


def test_a_case_that_changed_meanwhile_is_not_withdrawn(street):
    visitor, reference = street.in_case("first")
    page = visitor.post(f"/case/{reference}/withdraw", {"revision": "99"})
    assert page.status_code == 412
    assert "It has changed meanwhile" in page.text
    assert not street.house.facts("enquiry.withdrawn")


@pytest.mark.parametrize("revision", ["", "x", "-1", "9" * 30])
def test_a_withdrawal_without_a_revision_does_nothing(street, revision):
    visitor, reference = street.in_case("first")
    assert visitor.post(f"/case/{reference}/withdraw", {"revision": revision}).status_code == 303
    assert not street.house.facts("enquiry.withdrawn")


def test_a_bearer_that_is_over_is_renewed_unseen(street):
    visitor, reference = street.in_case("first")
    street.house.clock.pass_(minutes=10)
    page = visitor.get(f"/case/{reference}")
    assert page.status_code == 200
    assert "case=" in page.headers.get("Set-Cookie", "")


def test_a_closed_case_is_closed_here_and_at_enquiry(street):
    visitor, reference = street.in_case("first")
    answer = visitor.post("/case/close")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert visitor.get(f"/case/{reference}").status_code == 401
    with db.transaction(street.house.engine) as session:
        assert session.scalars(text("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL")).one() == 1


@pytest.mark.parametrize("value", ["x", "A" * 3000, "é", "Zm9vYmFy"])
def test_a_cookie_of_somebody_elses_making_opens_nothing(street, value):
    reference, _ = street.opened("first")
    visitor = street.visitor()
    visitor.client.set_cookie("case", value)
    assert visitor.get(f"/case/{reference}").status_code == 401


@pytest.mark.parametrize("token", ["x", "a" * 5000, "AAAAAAAAAAAAAAAAAAAAAA.AAAA"])
def test_a_link_that_is_none_gets_kind_words(street, token):
    page = street.visitor().post(f"/l/case/{token}")
    assert page.status_code == 404
    assert "This link does not work any more" in page.text


@pytest.mark.parametrize("reference", ["K7QF-2M9X-4TBD", "x", "..%2f..%2fops", "%00", "a" * 500])
def test_no_case_is_reached_by_guessing_its_reference(street, reference):
    visitor, _ = street.in_case("first")
    assert visitor.get(f"/case/{reference}").status_code == 404


def test_a_name_that_looks_like_markup_stays_a_name(street):
    patient = {"name": "<img src=x onerror=alert(1)>", "birth_year": 2014, "sex": "female"}
    visitor, reference = street.in_case("first", patient=patient)
    page = visitor.get(f"/case/{reference}").text
    assert "<img" not in page
    assert "&lt;img src=x" in page
