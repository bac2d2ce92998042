"""The patient's side of quotes: accepted, declined, given up; what follows in the same transaction, and what is refused."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared import db
from tests.enquiry.quoted import ask, consent


@pytest.fixture
def case(house):
    return ask(house, "first", "second")


def refused(answer):
    return answer.status_code, answer.json["type"].rpartition("/")[2]


def test_accepting_a_quote_declines_the_others_and_accepts_the_case_in_one_transaction(house, case):
    mine, other = case.issued("first"), case.issued("second")
    accepted = case.accepted(mine)
    assert (accepted["state"], accepted["possible"]) == ("accepted", ["extend", "cancel"])
    assert accepted["accepted_at"] == house.clock().isoformat()
    declined = case.shown(other)
    assert (declined["state"], declined["reason"]) == ("declined", "another_selected")
    assert case.state() == "accepted"
    assert case.facts()[-4:] == ["quote.accepted", "consent.given", "enquiry.accepted", "quote.declined"]
    with db.transaction(house.engine) as session:
        rows = session.execute(
            text(
                "SELECT count(DISTINCT version) FROM outbox WHERE type IN ('quote.accepted.v1', 'enquiry.accepted.v1', 'quote.declined.v1')"
            )
        ).scalar_one()
        actors = session.execute(
            text("SELECT actor_kind, on_behalf_of FROM history WHERE subject = 'quote' AND act IN ('accept', 'decline') ORDER BY act")
        ).all()
    assert rows == 1
    assert [tuple(row) for row in actors] == [("patient", None), ("system", "patient")]


def test_the_consent_to_be_known_is_for_this_hospital_only(house, case):
    case.accepted(case.issued("first"))
    with db.transaction(house.engine) as session:
        rows = session.execute(text("SELECT hospital_id, text_version FROM consents WHERE purpose = 'release_identity'")).all()
    assert [tuple(row) for row in rows] == [(house.hospitals["first"].id, 1)]


def test_that_consent_ends_with_what_it_was_given_for_and_is_given_again_for_the_next(case):
    def released():
        shown = case.get(f"/v1/enquiries/{case.reference}").json["consents"]
        return [one["withdrawn_at"] is None for one in shown if one["purpose"] == "release_identity"]

    case.did(case.accepted(case.issued()), "cancel", {"reason": "changed_mind"})
    assert released() == [False]
    case.accepted(case.issued())
    assert released() == [False, True]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"acknowledged": ["price"]}, "/acknowledged"),
        ({"acknowledged": []}, "/acknowledged"),
        ({"acknowledged": ["price", "risks", "all"]}, "/acknowledged/2"),
        ({"consent": consent() | {"sha256": "x"}}, "/consent/sha256"),
    ],
)
def test_nothing_is_accepted_unseen(case, changed, pointer):
    answer = case.accepts(case.issued(), **changed)
    assert answer.status_code == 422
    assert pointer in {one["pointer"].removeprefix("#") for one in answer.json["errors"]}
    assert case.state() == "answered"


def test_another_consent_than_the_newest_is_refused(case):
    issued = case.issued()
    assert refused(case.accepts(issued, consent=consent("health_data"))) == (422, "consent-outdated")
    assert refused(case.accepts(issued, consent=consent(version=2))) == (422, "consent-outdated")
    assert case.state() == "answered"


def test_accepting_needs_the_version_that_was_seen(case):
    issued = case.issued()
    body = {"acknowledged": ["price", "risks"], "consent": consent()}
    assert case.act(issued, "accept", body, if_match=None).status_code == 428
    assert case.act(issued, "accept", body, if_match=issued["revision"] + 1).status_code == 412
    assert case.state() == "answered"


def test_a_quote_whose_time_is_over_cannot_be_accepted_even_before_its_timer_fires(house, case):
    issued = case.issued(valid_until=(house.clock() + timedelta(days=7)).isoformat())
    house.clock.pass_(days=7)
    case.patient = house.patient_token()
    answer = case.accepts(issued)
    assert refused(answer) == (409, "quote-expired")
    assert answer.json["valid_until"] == issued["valid_until"]
    assert case.shown(issued)["possible"] == ["decline"]


def test_of_two_quotes_accepted_at_once_one_is(house, case):
    quotes = [case.issued("first"), case.issued("second")]
    start, answers = threading.Barrier(2), []

    def take(one):
        client = house.app.test_client()
        headers = {"Authorization": f"Bearer {case.patient}", "If-Match": f'"{one["revision"]}"'}
        start.wait()
        body = {"acknowledged": ["price", "risks"], "consent": consent()}
        answers.append(client.post(f"/v1/quotes/{one['id']}/accept", json=body, headers=headers).status_code)

    threads = [threading.Thread(target=take, args=(one,)) for one in quotes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 412]
    assert sorted(case.shown(one)["state"] for one in quotes) == ["accepted", "declined"]


def test_the_database_itself_holds_one_accepted_quote_a_case(house, case):
    case.accepted(case.issued("first"))
    with pytest.raises(Exception, match="quotes_taken_key"), db.transaction(house.engine) as session:
        session.execute(
            text(
                "INSERT INTO quotes SELECT gen_random_uuid(), enquiry_id, (SELECT id FROM invitations WHERE hospital_id <> q.hospital_id LIMIT 1),"
                " hospital_id, 9, revision, state, sealed_terms, implausible, valid_until, book_until, appointment_id, extended, reason,"
                " created_at, issued_at, accepted_at, ended_at FROM quotes q WHERE state = 'accepted'"
            )
        )


def test_a_declined_quote_tells_the_hospital_the_reason(case):
    issued = case.issued()
    assert case.act(issued, "decline", {"reason": "another_selected"}).status_code == 422  # is said by the system only
    declined = case.did(issued, "decline", {"reason": "too_expensive"})
    assert (declined["state"], declined["reason"]) == ("declined", "too_expensive")
    assert case.facts()[3:] == ["quote.declined", "enquiry.reopened"]  # the second hospital may still answer
    again = case.act(declined, "decline", {"reason": "other"})
    assert (again.status_code, again.json["state"], again.json["possible"]) == (409, "declined", [])


def test_hospitals_do_not_decide_for_the_patient(house, case):
    issued = case.issued()
    for act, body in (("accept", {"acknowledged": ["price", "risks"], "consent": consent()}), ("decline", {"reason": "other"})):
        assert case.act(issued, act, body, by="first").status_code == 403
        assert case.act(issued, act, body, by="ops").status_code == 403


@pytest.mark.parametrize(("by", "told"), [("patient", "patient"), ("first", "hospital")])
def test_either_side_steps_back_from_what_was_accepted_and_the_case_is_open_again(case, by, told):
    case.issued("second")
    accepted = case.accepted(case.issued("first"))
    cancelled = case.did(accepted, "cancel", {"reason": "visa_refused"}, by=by)
    assert (cancelled["state"], cancelled["reason"], cancelled["book_until"]) == ("cancelled", "visa_refused", None)
    assert case.fact("cancelled")["by"] == told
    assert case.facts()[-3:] == ["quote.cancelled", "enquiry.reopened", "enquiry.unfulfilled"]
    assert case.house.facts("enquiry.reopened")[-1][1]["was_accepted"] is True


def test_what_was_declined_for_another_is_offered_again_in_one_step_once_that_has_come_to_nothing(case):
    other, mine = case.issued("second"), case.issued("first")
    accepted = case.accepted(mine)
    declined = case.get(f"/v1/quotes/{other['id']}", by="second").json
    too_early = case.act(declined, "reinstate", by="second")
    assert (too_early.status_code, too_early.json["possible"]) == (409, [])
    case.did(accepted, "cancel", {"reason": "changed_mind"})
    assert case.get(f"/v1/quotes/{other['id']}", by="second").json["possible"] == ["reinstate"]
    again = case.did(declined, "reinstate", by="second")
    assert (again["state"], again["terms"], again["valid_until"]) == ("issued", other["terms"], other["valid_until"])
    assert case.state() == "answered"
    assert case.accepted(again)["state"] == "accepted"


def test_what_the_patient_declined_is_not_offered_again_in_one_step(case):
    declined = case.did(case.issued(), "decline", {"reason": "too_expensive"})
    assert case.act(declined, "reinstate", by="first").status_code == 409


def test_no_hospital_quotes_while_one_is_accepted(case):
    case.accepted(case.issued("first"))
    late = case.write("second")
    assert (late.status_code, late.json["state"]) == (409, "accepted")


def test_the_end_of_the_case_ends_what_is_accepted_and_offered_and_drafted(house):
    case = ask(house, "first", "second", "third")
    accepted = case.issued("first")
    draft = case.issued("second", draft=True)
    case.accepted(accepted)
    withdrawn = house.post(f"/v1/enquiries/{case.reference}/withdraw", token=case.patient, key=None, if_match=house.get(f"/v1/enquiries/{case.reference}", token=case.patient).json["revision"])  # fmt: skip
    assert withdrawn.status_code == 200, withdrawn.json
    shown = case.shown(accepted)
    assert (shown["state"], shown["reason"]) == ("cancelled", "enquiry_ended")
    assert case.get(f"/v1/quotes/{draft['id']}", by="second").json["state"] == "voided"
    told = [name for name in case.facts() if name.startswith("quote.")]
    assert told[-2:] == ["quote.cancelled", "quote.voided"]


def test_an_offer_ends_with_its_case(house, case):
    issued = case.issued()
    ended = house.post(
        f"/v1/enquiries/{case.reference}/withdraw", {"because": "asked for by telephone"}, token=house.issue("ops"), key=None
    )
    assert ended.status_code == 200, ended.json
    assert case.shown(issued)["reason"] == "enquiry_ended"
    assert case.facts()[3:5] == ["enquiry.withdrawn", "quote.declined"]


def test_more_time_to_find_an_appointment_is_had_once(house, case):
    accepted = case.accepted(case.issued())
    longer = case.did(accepted, "extend")
    assert longer["extended"] is True
    assert longer["book_until"] > accepted["book_until"]
    again = case.act(longer, "extend", by="first")
    assert (again.status_code, again.json["possible"]) == (409, ["cancel"])
