"""The promises, counted: every check takes what was seen and returns what is wrong, as one line of a table.

Decides nothing about faults: what an injected fault explains is told to it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.faults.invariants import arrivals, cases, courses, facts
from tests.faults.invariants.rows import Explained, Seen

SHOWN = 3  # examples per line of the table


@dataclass(frozen=True)
class Line:
    """One promise: how many things were looked at, and what is wrong with which of them."""

    promise: str
    counted: int
    wrong: tuple[str, ...]


Check = Callable[[Seen, Explained], tuple[int, Iterable[str]]]

PROMISES: dict[str, Check] = {
    "every 201 has its rows": cases.rows_of_answers,
    "one case for each Idempotency-Key": cases.one_case_for_each_key,
    "every transition has its fact": facts.transitions_have_facts,
    "every committed fact is in the topic": facts.committed_are_published,
    "every record in the topic was committed": facts.published_were_committed,
    "first deliveries are in order by case": facts.in_order,
    "unaccounted = 0": facts.accounted,
    "every fact was heard, and answered once": facts.heard_and_answered,
    "as many deliveries as were planned": arrivals.as_many_as_planned,
    "nothing planned twice": arrivals.planned_once,
    "every delivery arrived, or its end is explained": arrivals.arrived_or_explained,
    "a second arrival only where the first was uncertain": arrivals.second_arrivals,
    "nothing arrived that nobody planned": arrivals.known_arrivals,
    "nothing for a case that does not exist": arrivals.known_cases,
    "the timeline tells of every delivery that ended": arrivals.told,
    "nothing goes to a private address": arrivals.nothing_private,
    "every act that was answered happened, and once": courses.acts_have_steps,
    "every appointment went step by step": courses.step_by_step,
    "all concerned hear of an appointment": courses.all_concerned_hear,
    "no moment is given twice": courses.moments_once,
    "who was erased is forgotten everywhere": courses.forgotten,
}


def check(seen: Seen, explained: Explained | None = None) -> list[Line]:
    """Every promise, in the order of the way of an enquiry."""
    lines = []
    for promise, count in PROMISES.items():
        counted, wrong = count(seen, explained or Explained())
        lines.append(Line(promise, counted, tuple(wrong)))
    return lines


def broken(lines: Iterable[Line]) -> list[str]:
    """The promises that were not kept."""
    return [line.promise for line in lines if line.wrong]


def table(lines: Iterable[Line]) -> str:
    """For people: promise, how many were counted, how many are wrong, and the first of them."""
    shown = [f"{'promise':<52} {'counted':>8} {'wrong':>6}"]
    for line in lines:
        shown.append(f"{line.promise:<52} {line.counted:>8} {len(line.wrong):>6}")
        shown += [f"    {one}" for one in line.wrong[:SHOWN]]
        if len(line.wrong) > SHOWN:
            shown.append(f"    and {len(line.wrong) - SHOWN} more")
    return "\n".join(shown)
