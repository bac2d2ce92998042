"""Of facts: committed, published, in order, heard, answered. Three independent books are compared: history, outbox and topic."""

from collections import Counter
from collections.abc import Iterable

from tests.faults.invariants.rows import Explained, Record, Seen

HEARD = "enquiry.events"


def transitions_have_facts(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """`history` names the event of each transition: the outbox or its archive has it, under the same case; of a case that was erased, the topic."""
    forgotten = seen.forgotten
    case_of = {record.event_id: record.key for record in seen.records if record.key in forgotten}
    case_of |= {fact.event_id: fact.case for fact in seen.facts}
    return len(seen.steps), [f"{one.event_id}: no fact of {one.case}" for one in seen.steps if case_of.get(one.event_id) != one.case]


def committed_are_published(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """Nothing waits in the outbox, and what the archive calls published can be read."""
    there = {record.event_id for record in seen.records}
    wrong = [f"{fact.event_id} {fact.type}: still in the outbox" for fact in seen.facts if fact.where == "outbox"]
    wrong += [
        f"{fact.event_id} {fact.type}: not in the topic" for fact in seen.facts if fact.where != "outbox" and fact.event_id not in there
    ]
    return len(seen.facts), wrong


def published_were_committed(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """No fact of a transaction that was rolled back; records that a fault put there are left out, and those of cases whose archive was erased."""
    committed, forgotten = {fact.event_id for fact in seen.facts}, seen.forgotten
    ours = [record for record in seen.records if not _planted(seen, record) and record.key not in forgotten]
    return len(ours), [f"{_place(record)}: {record.event_id or 'unreadable'}" for record in ours if record.event_id not in committed]


def in_order(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """The first record of each event, by case: versions never go back. Only `enquiry.events` promises it: notification's have an order within a delivery."""
    last: dict[str, tuple[int, int]] = {}
    known, wrong = set[str](), []
    for record in sorted(seen.records, key=lambda record: (record.partition, record.offset)):
        if record.topic != HEARD or record.event_id in known or _planted(seen, record):
            continue
        known.add(record.event_id)
        now = (record.version, record.sequence)
        if now <= last.get(record.key, (-1, -1)):
            wrong.append(f"{_place(record)}: {record.key} {now} behind {last[record.key]}")
        last[record.key] = max(now, last.get(record.key, now))
    return len(known), wrong


def accounted(seen: Seen, explained: Explained) -> tuple[int, Iterable[str]]:
    """What enquiry still awaits an outcome for."""
    return len(seen.facts), [f"{event}: no outcome" for event in seen.awaiting if event not in explained.parked]


def heard_and_answered(seen: Seen, explained: Explained) -> tuple[int, Iterable[str]]:
    """Each fact has one row in the inbox and one outcome; what is parked is explained by a fault, or wrong."""
    heard = {one.event_id: one.outcome for one in seen.heard}
    answers = Counter(one.event_id for one in seen.outcomes)
    facts = {record.event_id for record in seen.records if record.topic == HEARD and not _planted(seen, record)}
    wrong = []
    for event in sorted(facts - explained.parked):
        if heard.get(event) not in {"handled", "ignored"}:
            wrong.append(f"{event}: {heard.get(event, 'not heard')}")
        elif heard[event] == "handled" and answers[event] != 1:
            wrong.append(f"{event}: {answers[event]} outcomes")
    there = {record.event_id for record in seen.records}
    wrong += [f"{event}: an outcome for a fact that is not in the topic" for event in answers if event not in there]
    return len(facts), wrong


def _planted(seen: Seen, record: Record) -> bool:
    return (record.topic, record.partition, record.offset) in seen.planted


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
