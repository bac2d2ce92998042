"""Of deliveries and arrivals: what was planned arrived once, or stands where a fault explains it; nothing else arrived."""

from collections import Counter
from collections.abc import Iterable

from tests.faults.invariants.rows import ENDED, Delivery, Explained, Seen

PRIVATE = "leads to a private address"


def as_many_as_planned(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """An outcome says how many deliveries a fact leads to: that many rows there are (resends and tasks about deliveries are not counted)."""
    rows = Counter(one.event_id for one in seen.deliveries if _counts(one))
    said = {one.event_id: one.planned for one in seen.outcomes}
    wrong = [f"{event}: {planned} planned, {rows[event]} rows" for event, planned in said.items() if rows[event] != planned]
    wrong += [f"{event}: {count} rows without an outcome" for event, count in rows.items() if event not in said]
    return sum(said.values()), wrong


def _counts(one: Delivery) -> bool:
    return bool(one.event_id) and not one.beside and not one.again_of


def planned_once(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """One delivery for each fact, letter and recipient's address."""
    rows = [one for one in seen.deliveries if _counts(one)]
    counts = Counter((one.event_id, one.template, one.recipient, one.to, one.channel) for one in rows)
    return len(rows), [f"{' '.join(which)}: {count} times" for which, count in counts.items() if count > 1]


def arrived_or_explained(seen: Seen, explained: Explained) -> tuple[int, Iterable[str]]:
    """Accepted: there is an arrival. Folded: into one that ended. Any other end: a fault explains it. No end: wrong."""
    there, forgotten = {one.id for one in seen.arrivals}, seen.forgotten
    states = {one.id: one.state for one in seen.deliveries}
    ours = [one for one in seen.deliveries if not _is_private(seen, one)]
    return len(ours), [
        f"{one.id} {one.channel} {one.template} of {one.event_id}: {fault}"
        for one in ours
        if not (one.state == "suppressed" and one.case in forgotten) and (fault := _fault_of(one, there, states, explained))
    ]


def nothing_private(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """What was for an endpoint that leads to a private address was refused by us, if it was tried; it ended, and arrived nowhere."""
    there, private = {one.id for one in seen.arrivals}, [one for one in seen.deliveries if _is_private(seen, one)]
    wrong = [f"{one.id}: it arrived" for one in private if one.message_id in there]
    wrong += [f"{one.id}: {one.state}" for one in private if one.state not in {"failed", "disabled"}]
    wrong += [f"{one.id}: {one.state}, {one.refusals!r}" for one in private if one.state == "failed" and PRIVATE not in one.refusals]
    tried = [one for one in private if one.tried]
    if tried and not any(PRIVATE in one.refusals for one in tried):
        wrong.append(f"none of {len(tried)} was refused for its address")
    return len(private), wrong


def _is_private(seen: Seen, one: Delivery) -> bool:
    return bool(seen.private) and any(endpoint in one.to.split() for endpoint in seen.private)


def _fault_of(one: Delivery, there: set[str], states: dict[str, str], explained: Explained) -> str | None:
    if one.state not in ENDED:
        return f"{one.state}: it has not ended"
    if one.state == "accepted":
        return None if one.message_id in there else "accepted, but it has not arrived"
    if one.state == "folded":
        return None if states.get(one.folded_into) in ENDED else f"folded into {one.folded_into}, which has not ended"
    return None if _is_explained(one, explained) else f"{one.state} ({one.reason}), which no fault explains"


def _is_explained(one: Delivery, explained: Explained) -> bool:
    return any(
        (fault.channel, fault.state) == (one.channel, one.state) and fault.since <= one.at <= fault.until for fault in explained.endings
    )


def second_arrivals(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """A mail comes twice only where an attempt was uncertain; a webhook may, under its one webhook-id."""
    uncertain = {one.message_id for one in seen.deliveries if one.uncertain}
    counts = Counter((one.channel, one.id) for one in seen.arrivals)
    wrong = [
        f"{channel} {unique}: {count} times"
        for (channel, unique), count in counts.items()
        if count > 1 and channel == "email" and unique not in uncertain
    ]
    places = Counter((channel, unique) for channel, unique, _ in {(one.channel, one.id, one.to) for one in seen.arrivals})
    wrong += [f"{channel} {unique}: at {count} places" for (channel, unique), count in places.items() if count > 1]
    return len(seen.arrivals), wrong


def known_arrivals(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """Each arrival bears the id of a delivery of that channel."""
    known = {(one.channel, one.message_id) for one in seen.deliveries}
    return len(seen.arrivals), [f"{one.channel} {one.id} at {one.to}" for one in seen.arrivals if (one.channel, one.id) not in known]


def known_cases(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """Each delivery of a case belongs to an enquiry or an account that is there, each delivery of a fact to one that was committed."""
    cases = {case.id for case in seen.cases} | seen.accounts
    forgotten = seen.forgotten
    events = {fact.event_id for fact in seen.facts} | {record.event_id for record in seen.records if record.key in forgotten}
    wrong = [f"{one.id} {one.template}: case {one.case}" for one in seen.deliveries if one.case and one.case not in cases]
    wrong += [
        f"{one.id} {one.template}: event {one.event_id} was never committed"
        for one in seen.deliveries
        if one.event_id and one.event_id not in events
    ]
    return len(seen.deliveries), wrong


def told(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """Enquiry has heard how each delivery of an enquiry's fact ended."""
    cases = {case.id for case in seen.cases}
    ended = [one for one in seen.deliveries if one.case in cases and one.event_id and one.state in ENDED]
    return len(ended), [
        f"{one.id} {one.template}: {one.state}, of which the timeline tells nothing" for one in ended if one.id not in seen.told
    ]
