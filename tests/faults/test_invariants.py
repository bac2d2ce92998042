"""The checker is checked: a run without fault keeps every promise, and each thing broken on purpose is named by the promise it breaks."""

from dataclasses import replace
from functools import reduce

import pytest

from tests.faults.invariants import PROMISES, broken, check, courses, table
from tests.faults.invariants.rows import (
    Answer,
    Appointment,
    Arrival,
    Case,
    Claim,
    Delivery,
    Erased,
    Explained,
    Fact,
    Heard,
    Outcome,
    Record,
    Seen,
    Step,
    Told,
    Window,
)  # fmt: skip


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
        steps=[
            Step(facts[1].event_id, case, "enquiry", case, "open", "open"),
            Step(facts[2].event_id, case, "invitation", "i", "send", "sent"),
        ],
        facts=facts + answered,
        records=[Record("enquiry.events", number, at, case, one.event_id, one.version, one.sequence) for at, one in enumerate(facts)]
        + [Record("notification.events", number, at, case, one.event_id, one.version, one.sequence) for at, one in enumerate(answered)],
        heard=[Heard(one.event_id, "handled") for one in facts],
        outcomes=planned,
        deliveries=deliveries,
        told=frozenset(one.id for one in deliveries),
        arrivals=[Arrival(one.channel, one.message_id, one.to) for one in deliveries],
    )


def an_appointment(number, case, *acts):
    """Of a case: `acts` with the states they led to; each has its fact, its record, and a mail to whom it concerns."""
    unique = f"appointment-{number}"
    facts = [Fact(f"{unique}-{act}", case, 3 + at, 0, f"appointment.{act}.v1") for at, (act, _) in enumerate(acts)]
    answered = [Fact(f"{one.event_id}-answer", case, one.version, 20 + at, "outcome.recorded.v1") for at, one in enumerate(facts)]
    mails = [
        Delivery(
            f"{unique}-{act}-{who}", f"{unique}-{act}", case, f"{unique}-{act}-{who}", "email", who, f"{act} {who}", "accepted", to="p"
        )
        for act, _ in acts
        for who in sorted(courses.HEAR.get(act, ()))
    ]
    return Seen(
        acts=[Told(case.replace("case", "REF"), "appointment", act, unique) for act, _ in acts],
        steps=[Step(f"{unique}-{act}", case, "appointment", unique, act, state) for act, state in acts],
        appointments=[Appointment(unique, case, "doctor", acts[-1][1], 100.0 * number, 100.0 * number + 50)],
        claims=[Claim("doctor", unique, 100.0 * number, 100.0 * number + 50, firm=True)] if acts[-1][1] == "confirmed" else [],
        facts=facts + answered,
        records=[Record("enquiry.events", number, 50 + at, case, one.event_id, one.version, one.sequence) for at, one in enumerate(facts)]
        + [
            Record("notification.events", number, 50 + at, case, one.event_id, one.version, one.sequence) for at, one in enumerate(answered)
        ],
        heard=[Heard(one.event_id, "handled") for one in facts],
        outcomes=[Outcome(one.event_id, sum(mail.event_id == one.event_id for mail in mails)) for one in facts],
        deliveries=mails,
        told=frozenset(one.id for one in mails),
        arrivals=[Arrival(one.channel, one.message_id, one.to) for one in mails],
    )


def an_erasure(number):
    """Of a case that has lost its archive and its key of the client."""
    case = f"case-{number}"
    there = a_case(number)
    facts = [one for one in there.facts if one.type == "outcome.recorded.v1"][2:]
    return replace(
        there,
        cases=[replace(there.cases[0], key="")],
        facts=facts,
        acts=[Told(f"REF-{number}", "erasure", "verify", f"erasure-{number}")],
        steps=[*there.steps, Step(there.facts[2].event_id, case, "erasure", f"erasure-{number}", "verify", "verified")],
        erased=[Erased(case, f"patient-{number}", f"erasure-{number}", "done")],
        in_log={f"patient-{number}": 0, f"erasure-{number}": 0},
    )


def a_private_endpoint():
    """One delivery was refused by us, and given up."""
    refused = Delivery("d-inside", "case-1-sent", "case-1", "m-inside", "webhook", "hospital", "letter", "failed", to="h inside",
                       refusals="refused: the name leads to a private address", again_of="d")  # fmt: skip
    return Seen(deliveries=[refused], told=frozenset({refused.id}), private=frozenset({"inside"}))


CONFIRMED = (("hold", "held"), ("submit", "awaiting_confirmation"), ("confirm", "confirmed"))
EXPIRED = (("hold", "held"), ("expire", "expired"))


@pytest.fixture
def seen():
    parts = [
        a_case(1),
        a_case(2),
        an_appointment(1, "case-1", *CONFIRMED),
        an_appointment(2, "case-2", *EXPIRED),
        an_erasure(3),
        a_private_endpoint(),
    ]
    return Seen(**{name: reduce(_joined, (getattr(part, name) for part in parts)) for name in Seen.__dataclass_fields__})


def _joined(one, two):
    return one | two if isinstance(one, dict | frozenset) else [*one, *two]


def without(rows, at):
    return [row for place, row in enumerate(rows) if place != at]


def changed(rows, place, **values):
    return [replace(row, **values) if number == place % len(rows) else row for number, row in enumerate(rows)]


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
    "what was for a private address arrived": (lambda s: {"arrivals": [*s.arrivals, Arrival("webhook", "m-inside", "h")]}, "nothing goes to a private address"),
    "what was for a private address was accepted": (lambda s: {"deliveries": changed(s.deliveries, -1, state="accepted")}, "nothing goes to a private address"),
    "nobody looked where a private endpoint leads": (lambda s: {"deliveries": changed(s.deliveries, -1, state="disabled", tried=True, refusals="")}, "nothing goes to a private address"),
    "somebody was told of what did not happen": (lambda s: {"acts": [*s.acts, Told("REF-1", "enquiry", "withdraw")]}, "every act that was answered happened, and once"),
    "an act that was repeated happened twice": (lambda s: {"steps": [*s.steps, s.steps[-1]]}, "every act that was answered happened, and once"),
    "an appointment was confirmed before anybody asked for it": (
        lambda s: {"steps": [one for one in s.steps if one.act != "submit"]}, "every appointment went step by step",
    ),
    "an appointment stands otherwise than was told": (lambda s: {"appointments": changed(s.appointments, 0, state="cancelled")}, "every appointment went step by step"),
    "an appointment is gone": (lambda s: {"appointments": s.appointments[1:]}, "every appointment went step by step"),
    "the hospital hears nothing of an appointment": (
        lambda s: {"deliveries": [one for one in s.deliveries if one.template != "submit hospital"]}, "all concerned hear of an appointment",
    ),
    "two have a moment": (lambda s: {"claims": [*s.claims, replace(s.claims[0], appointment="appointment-2", since=110.0)]}, "no moment is given twice"),
    "two are confirmed at once": (
        lambda s: {"appointments": [*s.appointments, replace(s.appointments[0], id="appointment-9", since=149.0)]}, "no moment is given twice",
    ),
    "a confirmed appointment has lost its moment": (lambda _: {"claims": []}, "no moment is given twice"),
    "a moment is kept for nobody": (lambda s: {"claims": [*s.claims, Claim("other", "appointment-2", 0.0, 9.0, firm=True)]}, "no moment is given twice"),
    "a name is left": (lambda s: {"erased": changed(s.erased, 0, left=("the contact",))}, "who was erased is forgotten everywhere"),
    "a record of the erased is left in the log": (lambda _: {"in_log": {"patient-3": 1}}, "who was erased is forgotten everywhere"),
    "an erasure has no end": (lambda s: {"erased": changed(s.erased, 0, state="running")}, "who was erased is forgotten everywhere"),
    "an erasure was confirmed and forgotten": (lambda _: {"erased": []}, "who was erased is forgotten everywhere"),
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
    assert "and 11 more" in text
