"""The hospital's side of quotes: issued, revised, withdrawn; what is refused, and what nobody else sees."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.enquiry import listings
from shared import db
from shared.events import catalog
from tests.enquiry.quoted import AFTERCARE, ask, confirm_price, stage, terms


@pytest.fixture
def case(house):
    return ask(house)


def faults(answer):
    assert answer.status_code == 422, answer.json
    return {one["pointer"].removeprefix("#") for one in answer.json["errors"]}


def test_a_quote_is_issued_and_the_patient_reads_it(case):
    issued = case.issued(said=terms(stage("Screening trial", 1_000_000, 1_200_000), stage("Implantation", 9_000_000)))
    shown = case.shown(issued)
    assert shown["state"] == "issued"
    assert shown["number"] == 1
    assert shown["total"] == {"min_minor": 10_000_000, "max_minor": 10_200_000, "currency": "USD"}
    assert shown["terms"]["stages"][0]["name"] == "Screening trial"
    assert shown["hospital"] == "first"
    assert shown["possible"] == ["decline", "accept"]
    assert case.state() == "answered"
    assert case.invitation()["state"] == "answered"
    assert case.facts() == ["quote.issued", "invitation.answered", "enquiry.answered"]


def test_what_a_quote_says_is_in_no_fact_and_in_no_column_in_clear(house, case):
    issued = case.issued(said=terms(stage("Screening trial", 1_234_500)))
    fact = case.fact("issued")
    assert fact["implausible"] is False
    assert not {"1234500", "Screening trial", "USD"} & {str(value) for value in fact.values()}
    with db.transaction(house.engine) as session:
        sealed = session.execute(text("SELECT sealed_terms FROM quotes WHERE id = :id"), {"id": issued["id"]}).scalar_one()
    assert b"Screening" not in bytes(sealed)


def test_one_transition_is_one_fact_and_one_row_of_history(house, case):
    issued = case.issued()
    case.did(issued, "withdraw", {"reason": "mistake"}, by="first")
    with db.transaction(house.engine) as session:
        rows = session.execute(
            text("SELECT act, state, actor_kind, reason, event_id FROM history WHERE subject = 'quote' ORDER BY at, id")
        ).all()
        told = session.execute(text("SELECT id FROM outbox WHERE type LIKE 'quote.%' ORDER BY id")).all()
    assert [row[:4] for row in rows] == [("issue", "issued", "hospital", None), ("withdraw", "withdrawn", "hospital", "mistake")]
    assert len({row.event_id for row in rows}) == len(told) == 2


def test_the_next_version_takes_the_place_of_the_first_which_stays_as_it_was(case):
    first = case.issued()
    second = case.issued(said=terms(stage(least=8_000_000)))
    before, after = case.shown(first), case.shown(second)
    assert (before["state"], after["state"]) == ("superseded", "issued")
    assert (before["number"], after["number"]) == (1, 2)
    assert before["terms"] == first["terms"]
    assert case.facts()[3:] == ["quote.revised", "quote.issued"]
    assert case.fact("revised")["next_quote_id"] == second["id"]
    assert case.act(first, "accept", {}).status_code == 422  # and where the form is complete, too:
    refused = case.accepts(before)
    assert (refused.status_code, refused.json["state"], refused.json["possible"]) == (409, "superseded", [])


def test_what_one_version_changed_of_another_is_said_line_by_line(case):
    first = case.issued(said=terms(stage(least=9_000_000), included=["surgical-team"], excluded=["hotel"]))
    second = case.issued(said=terms(stage(least=8_000_000), included=["surgical-team", "hotel"], excluded=[]))
    changed = case.get(f"/v1/quotes/{second['id']}/difference").json["changed"]
    assert changed == [
        {"field": "stages/0/min_minor", "before": 9_000_000, "after": 8_000_000},
        {"field": "stages/0/max_minor", "before": 9_000_000, "after": 8_000_000},
        {"field": "excluded/hotel", "before": True, "after": None},
        {"field": "included/hotel", "before": None, "after": True},
    ]
    assert case.get(f"/v1/quotes/{first['id']}/difference").json["changed"] == []


def test_a_draft_is_seen_by_its_hospital_only_and_issued_as_the_same_quote(case):
    draft = case.issued(draft=True)
    assert draft["state"] == "draft"
    assert case.get(f"/v1/quotes/{draft['id']}").status_code == 404
    assert case.get(f"/v1/enquiries/{case.reference}/quotes").json["items"] == []
    assert case.state() == "open"
    again = case.issued(said=terms(stage(least=7_000_000)), draft=True)
    assert again["id"] == draft["id"]
    issued = case.issued()
    assert (issued["id"], issued["state"], issued["number"]) == (draft["id"], "issued", 1)
    assert case.facts()[:2] == ["quote.drafted", "quote.issued"]


def test_every_fault_of_a_quote_is_named_at_once(case):
    said = terms(
        stage(least=9, most=8),
        included=["hotel"],
        excluded=["hotel"],
        deposit={"amount_minor": 10, "due": "on_admission", "payee": "H", "refund": "none"},
    )
    del said["aftercare"]
    found = faults(case.write(said=said, valid_until="2026-11-25T09:00:00Z"))
    assert found == {
        "/terms/stages/0/max_minor", "/terms/excluded", "/terms/deposit/amount_minor", "/terms/aftercare", "/valid_until",
    }  # fmt: skip
    assert case.facts() == []


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"currency": "XYZ"}, "/terms/currency"),
        ({"included": ["sunshine"]}, "/terms/included/0"),
        ({"included": ["implant-or-device", "implant-or-device"]}, "/terms/included"),
        ({"included": []}, "/terms/included"),
        ({"stages": []}, "/terms/stages"),
        ({"stages": [{"name": "A", "min_minor": -1, "max_minor": 1}]}, "/terms/stages/0/min_minor"),
        ({"stages": [stage(str(number)) for number in range(11)]}, "/terms/stages"),
        ({"assumptions": ["x" * 501]}, "/terms/assumptions/0"),
        ({"aftercare": AFTERCARE | {"complication_cover_until": "2026-01-01"}}, "/terms/aftercare/complication_cover_until"),
        ({"aftercare": AFTERCARE | {"phone_24h": "12"}}, "/terms/aftercare/phone_24h"),
        ({"free_lines": [{"text": "two\nlines", "language": "en", "included": True}]}, "/terms/free_lines/0/text"),
    ],
)
def test_terms_that_are_not_in_order_are_refused(case, changed, pointer):
    assert pointer in faults(case.write(said=terms() | changed))
    assert case.facts() == []


@pytest.mark.parametrize(("days", "taken"), [(6, False), (7, True), (90, True), (91, False)])
def test_a_quote_is_valid_for_7_to_90_days(house, case, days, taken):
    until = house.clock() + timedelta(days=days)
    assert case.write(valid_until=until.isoformat()).status_code == (201 if taken else 422)


def test_validity_is_30_days_where_none_is_named(house, case):
    assert case.issued()["valid_until"] == (house.clock() + timedelta(days=30)).isoformat()


@pytest.mark.parametrize(
    ("least", "most", "currency", "plausible"),
    [
        (9_000_000, 10_000_000, "USD", True),
        (18_000_000, 19_000_000, "USD", True),
        (4_600_000, 5_000_000, "USD", True),
        (20_000_001, 20_000_001, "USD", False),
        (900_000, 1_000_000, "USD", False),
        (900_000, 1_000_000, "EUR", True),  # nothing can be said against it
    ],
)
def test_a_total_far_from_confirmed_prices_needs_a_reason(house, case, least, most, currency, plausible):
    confirm_price(house, 9_200_000, 10_000_000)
    said = terms(stage(least=least, most=most), currency=currency)
    answer = case.write(said=said)
    if plausible:
        assert answer.status_code == 201
        assert case.fact("issued")["implausible"] is False
    else:
        assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (422, "price-implausible")
        assert case.facts() == []
        issued = case.issued(said=said, price_reason="Two devices are implanted")
        assert case.shown(issued)["price_reason"] == "Two devices are implanted"
        assert case.fact("issued")["implausible"] is True


def test_a_withdrawn_quote_leaves_the_case_without_an_answer(case):
    issued = case.issued()
    assert case.act(issued, "withdraw", {"reason": "no_capacity"}, by="first", if_match=None).status_code == 428
    assert case.act(issued, "withdraw", {"reason": "no_capacity"}, by="first", if_match=7).status_code == 412
    withdrawn = case.did(issued, "withdraw", {"reason": "no_capacity"}, by="first")
    assert (withdrawn["state"], withdrawn["reason"]) == ("withdrawn", "no_capacity")
    assert case.facts()[3:] == ["quote.withdrawn", "enquiry.reopened", "enquiry.unfulfilled"]
    late = case.issued()  # a late answer is welcome
    assert (late["number"], case.state()) == (2, "answered")


def test_the_case_stays_answered_while_another_hospital_has_a_quote_out(house):
    case = ask(house, "first", "second")
    one, _ = case.issued("first"), case.issued("second")
    case.did(one, "withdraw", {"reason": "mistake"}, by="first")
    assert case.state() == "answered"


def test_a_hospital_that_has_declined_cannot_quote(case):
    invitation = case.invitation()
    declined = case.house.post(
        f"/v1/invitations/{invitation['id']}/decline", {"reason": "no_capacity"}, token=case.house.hospital_token("first"), key=None,
        if_match=invitation["revision"],
    )  # fmt: skip
    assert declined.status_code == 200
    refused = case.write()
    assert (refused.status_code, refused.json["state"]) == (409, "declined")


def test_a_hospital_whose_authorisation_has_lapsed_cannot_quote(house, case):
    known = house.hospitals["first"]
    with db.transaction(house.engine) as session:
        listings.on_hospital(session, catalog.HospitalState(**{**vars(known), "version": 2, "authorisation": catalog.Standing.LAPSED}))
    refused = case.write()
    assert (refused.status_code, refused.json["type"].rpartition("/")[2]) == (422, "hospital-not-asked")


def test_a_quote_of_another_hospital_or_case_is_not_there(house, case):
    issued = case.issued()
    path = f"/v1/quotes/{issued['id']}"
    assert case.get(path, by="second").status_code == 404
    assert case.write(token=house.hospital_token("second")).status_code == 404
    assert case.act(issued, "withdraw", {"reason": "mistake"}, by="second").status_code == 404
    other = ask(house, "second")
    assert other.get(path).status_code == 404
    assert other.act(issued, "decline", {"reason": "other"}).status_code == 404
    assert other.get(f"/v1/enquiries/{case.reference}/comparison").status_code == 404
    assert house.get(path).status_code == 401


def test_operations_write_withdraw_and_void_for_a_hospital_with_a_reason(house, case):
    ops = house.issue("ops")
    path = f"/v1/invitations/{case.invitation()['id']}/quotes"
    assert house.post(path, {"terms": terms()}, token=ops).status_code == 422
    issued = house.post(path, {"terms": terms(), "because": "dictated by telephone"}, token=ops)
    assert issued.status_code == 201
    assert case.act(issued.json, "withdraw", {"reason": "mistake"}, by="ops", if_match=None).status_code == 422
    case.did(issued.json, "withdraw", {"reason": "mistake", "because": "asked for by telephone"}, by="ops", if_match=None)
    again = case.issued()
    voided = case.did(again, "void", {"because": "entered for another case"}, by="ops", if_match=None)
    assert voided["state"] == "voided"
    assert case.facts()[-3:] == ["quote.voided", "enquiry.reopened", "enquiry.unfulfilled"]
    with db.transaction(house.engine) as session:
        because = session.execute(
            text("SELECT because FROM history WHERE subject = 'quote' AND because IS NOT NULL ORDER BY at, id")
        ).scalars()
        assert list(because) == ["dictated by telephone", "asked for by telephone", "entered for another case"]


def test_a_hospital_gives_no_reason_for_the_audit(case):
    assert "/because" in faults(case.write(because="we always do"))


def test_a_hospital_lists_its_quotes_page_by_page_the_newest_first(house):
    cases = [ask(house, "first") for _ in range(3)]
    for case in cases:
        case.issued()
    page = case.get("/v1/quotes?limit=2", by="first").json
    assert [one["reference"] for one in page["items"]] == [cases[2].reference, cases[1].reference]
    rest = case.get(f"/v1/quotes?limit=2&after={page['next']}", by="first").json
    assert [one["reference"] for one in rest["items"]] == [cases[0].reference]
    assert case.get("/v1/quotes?state=accepted", by="first").json["items"] == []
    assert case.get("/v1/quotes", by="second").json["items"] == []


def test_the_same_key_writes_one_quote(house, case):
    path, token = f"/v1/invitations/{case.invitation()['id']}/quotes", house.hospital_token("first")
    one, again = (house.post(path, {"terms": terms()}, token=token, key="once") for _ in range(2))
    assert one.json["id"] == again.json["id"]
    assert case.facts().count("quote.issued") == 1
