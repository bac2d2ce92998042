"""The checker is checked: a run without fault keeps every promise, and each thing broken on purpose is named by the promise it breaks."""

from dataclasses import replace

import pytest

from tests.faults.invariants import PROMISES, broken, check, table
from tests.faults.invariants.rows import Answer, Arrival, Case, Delivery, Explained, Fact, Heard, Outcome, Record, Seen, Window


def a_case(number):
    """One enquiry to one hospital: three facts, a mail to the patient, a mail and a webhook to the hospital; all well."""
    case = f"case-{number}"
    facts = [
        Fact(f"{case}-consent", case, 1, 0, "consent.given.v1"),
        Fact(f"{case}-opened", case, 1, 1, "enquiry.opened.v1"),
        Fact(f"{case}-sent", case, 2, 0, "invitation.sent.v1"),
    ]
    deliveries = [
        Delivery(f"{case}-d{at}", f"{case}-{event}", case, f"{case}-m{at}", channel, recipient, "letter", "accepted", to=to)
        for at, (event, channel, recipient, to) in enumerate(
            [("opened", "email", "patient", "p"), ("sent", "email", "hospital", "h e1"), ("sent", "webhook", "hospital", "h e2")]
        )
    ]
    planned = [Outcome(facts[0].event_id, 0), Outcome(facts[1].event_id, 1), Outcome(facts[2].event_id, 2)]
    answered = [Fact(f"{one.event_id}-answer", case, one.version, 10 + at, "outcome.recorded.v1") for at, one in enumerate(facts)]
    return Seen(
        answers=[Answer(f"key-{number}", 201, f"REF-{number}", hospitals=1)],
        cases=[Case(case, f"REF-{number}", f"key-{number}", 2, invitations=1, consents=2, patients=1)],
        history={one.event_id: case for one in facts[1:]},
        facts=facts + answered,
        records=[Record("enquiry.events", number, at, case, one.event_id, one.version, one.sequence) for at, one in enumerate(facts)]
        + [Record("notification.events", number, at, case, one.event_id, one.version, one.sequence) for at, one in enumerate(answered)],
        heard=[Heard(one.event_id, "handled") for one in facts],
        outcomes=planned,
        deliveries=deliveries,
        told=frozenset(one.id for one in deliveries),
        arrivals=[Arrival(one.channel, one.message_id, one.to) for one in deliveries],
    )


@pytest.fixture
def seen():
    one, two = a_case(1), a_case(2)
    return Seen(**{name: _joined(getattr(one, name), getattr(two, name)) for name in one.__dataclass_fields__})


def _joined(one, two):
    return one | two if isinstance(one, dict | frozenset) else [*one, *two]


def without(rows, at):
    return [row for place, row in enumerate(rows) if place != at]


def changed(rows, place, **values):
    return [replace(row, **values) if number == place else row for number, row in enumerate(rows)]


def test_a_run_without_fault_keeps_every_promise(seen):
    lines = check(seen)
    assert broken(lines) == []
    assert {line.promise: line.counted for line in lines if not line.counted} == {}


def swapped(records):
    """The first two of enquiry's records have changed places."""
    first, second, *rest = records
    return [replace(first, offset=second.offset), replace(second, offset=first.offset), *rest]


BREAKS = {
    "an answered enquiry has no row": (lambda s: {"cases": without(s.cases, 0)}, "every 201 has its rows"),
    "an enquiry lacks a consent": (lambda s: {"cases": changed(s.cases, 0, consents=1)}, "every 201 has its rows"),
    "an enquiry lacks its invitation": (lambda s: {"cases": changed(s.cases, 0, invitations=0)}, "every 201 has its rows"),
    "a repeated request made a second case": (
        lambda s: {"cases": [*s.cases, replace(s.cases[0], id="case-3", reference="REF-3")]},
        "one case for each Idempotency-Key",
    ),
    "a refused request made a case": (lambda s: {"answers": changed(s.answers, 0, status=422)}, "one case for each Idempotency-Key"),
    "an event was never recorded": (lambda s: {"facts": without(s.facts, 1)}, "every transition has its fact"),
    "an event is archived but not in the topic": (lambda s: {"records": without(s.records, 0)}, "every committed fact is in the topic"),
    "an event is still in the outbox": (lambda s: {"facts": changed(s.facts, 0, where="outbox")}, "every committed fact is in the topic"),
    "an event of a transaction that was rolled back": (
        lambda s: {"records": [*s.records, Record("enquiry.events", 9, 0, "case-9", "event-9")]},
        "every record in the topic was committed",
    ),
    "two events are swapped": (lambda s: {"records": swapped(s.records)}, "first deliveries are in order by case"),
    "an event awaits its outcome": (lambda s: {"awaiting": [s.facts[0].event_id]}, "unaccounted = 0"),
    "an event was not heard": (lambda s: {"heard": without(s.heard, 0)}, "every fact was heard, and answered once"),
    "an event waits among the dead letters": (lambda s: {"heard": changed(s.heard, 0, outcome="dead letter waiting")}, "every fact was heard, and answered once"),
    "an event was answered twice": (lambda s: {"outcomes": [*s.outcomes, s.outcomes[0]]}, "every fact was heard, and answered once"),
    "an event was never answered": (lambda s: {"outcomes": without(s.outcomes, 0)}, "every fact was heard, and answered once"),
    "a delivery was never planned": (lambda s: {"deliveries": without(s.deliveries, 2)}, "as many deliveries as were planned"),
    "a delivery was planned twice": (
        lambda s: {"deliveries": [*s.deliveries, replace(s.deliveries[0], id="d9", message_id="m9")]},
        "nothing planned twice",
    ),
    "a mail was accepted and lost": (lambda s: {"arrivals": without(s.arrivals, 0)}, "every delivery arrived, or its end is explained"),
    "a delivery has no end": (lambda s: {"deliveries": changed(s.deliveries, 0, state="sending")}, "every delivery arrived, or its end is explained"),
    "a delivery failed for no reason": (lambda s: {"deliveries": changed(s.deliveries, 0, state="failed")}, "every delivery arrived, or its end is explained"),
    "a mail is folded into one that is not there": (
        lambda s: {"deliveries": changed(s.deliveries, 0, state="folded", folded_into="nowhere")},
        "every delivery arrived, or its end is explained",
    ),
    "a mail was sent twice": (lambda s: {"arrivals": [*s.arrivals, s.arrivals[0]]}, "a second arrival only where the first was uncertain"),
    "a webhook went to two places": (
        lambda s: {"arrivals": [*s.arrivals, replace(s.arrivals[2], to="elsewhere")]},
        "a second arrival only where the first was uncertain",
    ),
    "a mail that nobody planned": (lambda s: {"arrivals": [*s.arrivals, Arrival("email", "m9", "p")]}, "nothing arrived that nobody planned"),
    "a delivery for an unknown case": (lambda s: {"deliveries": changed(s.deliveries, 0, case="case-9")}, "nothing for a case that does not exist"),
    "a delivery for an event that never was": (
        lambda s: {"deliveries": changed(s.deliveries, 0, event_id="event-9")},
        "nothing for a case that does not exist",
    ),
    "the timeline does not tell of a delivery": (lambda s: {"told": s.told - {s.deliveries[0].id}}, "the timeline tells of every delivery that ended"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_on_purpose_is_named(seen, name):
    change, promise = BREAKS[name]
    assert promise in broken(check(replace(seen, **change(seen))))


def test_every_promise_is_broken_once_here():
    assert {promise for _, promise in BREAKS.values()} == set(PROMISES)


def test_a_repeated_record_and_a_repeated_webhook_break_nothing(seen):
    again = replace(seen.records[0], offset=99)
    assert broken(check(replace(seen, records=[*seen.records, again], arrivals=[*seen.arrivals, seen.arrivals[2]]))) == []


def test_a_second_mail_is_right_where_the_first_was_uncertain(seen):
    deliveries = changed(seen.deliveries, 0, uncertain=True)
    assert broken(check(replace(seen, deliveries=deliveries, arrivals=[*seen.arrivals, seen.arrivals[0]]))) == []


def test_what_a_fault_explains_is_no_finding(seen):
    seen = replace(seen, deliveries=changed(seen.deliveries, 0, state="failed", at=110.0), arrivals=without(seen.arrivals, 0))
    refused = Window("the mail server answers 554", "email", "failed", since=100.0, until=120.0)
    assert broken(check(seen, Explained(endings=[refused]))) == []
    for other in (
        replace(refused, since=111.0),
        replace(refused, until=109.0),
        replace(refused, channel="webhook"),
        replace(refused, state="uncertain"),
    ):
        assert broken(check(seen, Explained(endings=[other]))) == ["every delivery arrived, or its end is explained"]


def test_a_planted_record_is_no_finding_and_a_real_one_is(seen):
    garbage = Record("enquiry.events", 3, 0, "case-1", "")
    found = replace(seen, records=[*seen.records, garbage])
    assert "every record in the topic was committed" in broken(check(found))
    assert broken(check(replace(found, planted=frozenset({("enquiry.events", 3, 0)})))) == []


def test_the_table_shows_the_first_of_what_is_wrong_and_how_many_more(seen):
    text = table(check(replace(seen, told=frozenset())))
    assert "every 201 has its rows" in text
    assert "and 3 more" in text
