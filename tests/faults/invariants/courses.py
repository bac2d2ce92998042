"""Of what happens to a case later: acts that somebody was told of, appointments step by step, moments, people who are forgotten."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

from tests.faults.invariants.rows import Appointment, Claim, Explained, Seen, Step

BEFORE = {  # act of an appointment -> in which states it can be; written down here once more, so that the service is not asked about itself
    "hold": {""},
    "submit": {"held"},
    "confirm": {"awaiting_confirmation"},
    "decline": {"awaiting_confirmation"},
    "expire": {"held", "awaiting_confirmation"},
    "cancel": {"held", "awaiting_confirmation", "confirmed"},
}
HEAR = {"submit": {"patient", "hospital"}, "confirm": {"patient", "hospital"}, "decline": {"patient"}}
AGREED = "confirmed"
T = TypeVar("T", Claim, Appointment)


def acts_have_steps(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """What somebody was told of happened, and once, however often it was asked for."""
    case_of = {case.reference: case.id for case in seen.cases}
    done = Counter((one.case, one.subject, one.subject_id, one.act) for one in seen.steps)
    acts = set(seen.acts)
    wrong = []
    for one in acts:
        case = case_of.get(one.reference, "")
        if (count := done[case, one.subject, one.subject_id or case, one.act]) != 1:
            wrong.append(f"{one.reference}: {one.subject} {one.subject_id} {one.act}: {count} times")
    return len(acts), wrong


def step_by_step(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """The events of each appointment, in the order of the topic, are a way through its states, and end where it stands."""
    ways = _ways(seen)
    wrong = []
    for one in seen.appointments:
        states = ["", *(step.state for step in ways[one.id])]
        bad = [step.act for before, step in zip(states, ways[one.id], strict=False) if before not in BEFORE.get(step.act, set())]
        if bad or states[-1] != one.state:
            wrong.append(f"{one.id}: {one.state}, by {' '.join(step.act for step in ways[one.id]) or 'nothing'}")
    wrong += [f"{gone}: no such appointment" for gone in ways.keys() - {one.id for one in seen.appointments}]
    return len(seen.appointments), wrong


def _ways(seen: Seen) -> dict[str, list[Step]]:
    """Steps of each appointment by the place of their first record in the topic; one without a record comes last."""
    places = {record.event_id: (record.partition, record.offset) for record in reversed(seen.records)}
    ways: dict[str, list[Step]] = defaultdict(list)
    for step in sorted(
        (step for step in seen.steps if step.subject == "appointment"), key=lambda step: places.get(step.event_id, (1 << 40, 0))
    ):
        ways[step.subject_id].append(step)
    return ways


def all_concerned_hear(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """Each of them has a delivery because of this event."""
    heard = defaultdict(set)
    for one in seen.deliveries:
        heard[one.event_id].add(one.recipient)
    steps = [step for step in seen.steps if step.subject == "appointment" and step.act in HEAR]
    return len(steps), [
        f"{step.subject_id} {step.act}: nothing for {', '.join(sorted(missing))}"
        for step in steps
        if (missing := HEAR[step.act] - heard[step.event_id])
    ]


def moments_once(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """No two claims on a moment of a resource, no two that were agreed on; what is agreed has its moment for good, and nobody else has one so."""
    wrong = [f"{a.resource}: {a.appointment} and {b.appointment}" for a, b in _overlaps(seen.claims) if a.appointment != b.appointment]
    agreed = [one for one in seen.appointments if one.state == AGREED]
    wrong += [f"{a.resource}: {a.id} and {b.id} are both confirmed" for a, b in _overlaps(agreed)]
    firm = {one.appointment for one in seen.claims if one.firm}
    wrong += [f"{one.id}: confirmed, but its moment is free" for one in agreed if one.id not in firm]
    wrong += [f"{gone}: a moment for good, but it is not confirmed" for gone in firm - {one.id for one in agreed}]
    return len(seen.claims) + len(seen.appointments), wrong


def _overlaps(rows: Iterable[T]) -> Iterable[tuple[T, T]]:
    """Neighbours by time: where any two of a resource overlap, two neighbours do."""
    ordered = sorted(rows, key=lambda one: (one.resource, one.since))
    return [(a, b) for a, b in pairwise(ordered) if a.resource == b.resource and b.since < a.until]


def forgotten(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """Whoever was told of an erasure is forgotten: no name, no address, no key in a row, nor under theirs in the log of contacts."""
    wrong = [f"{one.erasure}: {one.state}" for one in seen.erased if one.state != "done"]
    wrong += [f"{one.case}: {', '.join(one.left)} is left" for one in seen.erased if one.left]
    wrong += [
        f"{one.case}: {seen.in_log[key]} records under {key}"
        for one in seen.erased
        for key in (one.patient, one.erasure)
        if seen.in_log.get(key)
    ]
    confirmed = {one.subject_id for one in seen.acts if one.subject == "erasure"}
    wrong += [f"{gone}: confirmed, but nobody is erased" for gone in confirmed - {one.erasure for one in seen.erased}]
    return len(seen.erased), wrong
