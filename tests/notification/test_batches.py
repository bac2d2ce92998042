"""Many facts in one batch: planned together, as if each had come alone."""

from sqlalchemy import event

from services.notification.deliveries import State
from shared import crypto
from shared.events.notification import DeliverySettled, OutcomeRecorded
from tests.notification import facts
from tests.notification.house import case


def planned(house):
    return [(one.case.id, one.planned) for one in house.said(OutcomeRecorded)]


def test_letters_of_one_batch_fold_as_if_they_had_come_one_by_one(house, hospital):
    of, other = case(house.patient()), case(house.patient("bob@patients.test"))
    told = [facts.opened(of), facts.opened(other), facts.alternatives(hospital, of), facts.lapsed(hospital, of)]
    house.receive([house.incoming(fact) for fact in told])
    assert [row.state for row in house.deliveries(case_id=of.id, recipient="patient")] == [State.PENDING, State.HELD, State.FOLDED]
    assert [row.state for row in house.deliveries(case_id=other.id)] == [State.PENDING]
    assert [one.ending for one in house.said(DeliverySettled)] == ["folded"]


def test_a_letter_of_a_later_batch_joins_one_of_an_earlier(house):
    of = case(house.patient())
    for told in ([facts.opened(of), facts.submitted(of)], [facts.unfulfilled(of), facts.rejected(of)]):
        house.receive([house.incoming(fact) for fact in told])
    letters = {row.template: row.state for row in house.deliveries(case_id=of.id, recipient="patient")}
    assert letters == {
        "enquiry_opened": "pending",
        "verify_address": "pending",
        "enquiry_unfulfilled": "held",
        "enquiry_rejected": "folded",
    }


def test_every_endpoint_of_every_hospital_is_told(house):
    asked = [house.hospital() for _ in range(3)]
    ids = {one: {house.endpoint(one, "email", f"desk@{one}.test"), house.endpoint(one, "webhook", "http://h.test/")} for one in asked[:2]}
    house.receive([house.incoming(facts.sent(one)) for one in asked])
    assert {one: {row.endpoint_id for row in house.deliveries(recipient_id=one)} for one in asked[:2]} == ids
    assert [row.template for row in house.deliveries(recipient="operations")] == ["task"]  # the third has none


def test_the_same_fact_twice_in_a_batch_is_planned_once(house):
    told, unique = facts.submitted(case(house.patient())), crypto.new_id()
    house.receive([house.incoming(told, event_id=unique), house.incoming(told, event_id=unique), house.incoming(facts.rejected(told.case))])
    assert [row.template for row in house.deliveries()] == ["verify_address", "enquiry_rejected"]


def test_a_fact_that_cannot_be_planned_parks_its_own_case_only(house):
    good, bad = case(house.patient()), case(None)  # whom a letter to nobody goes to, nobody knows
    house.receive([house.incoming(facts.submitted(of)) for of in (good, bad)], parks=True)
    assert planned(house) == [(good.id, 1)]
    assert len(house.deliveries()) == 1


def test_the_number_of_statements_does_not_grow_with_the_batch(house, hospital, hook):
    def statements(count):
        seen = []
        records = [house.incoming(fact) for _ in range(count) for fact in (facts.submitted(case(house.patient())), facts.sent(hospital))]

        def note(*given):
            seen.append(given[2])

        event.listen(house.engine, "before_cursor_execute", note)
        house.receive(records)
        event.remove(house.engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(30) == statements(10) < 20
