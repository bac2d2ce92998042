"""Of answers and cases: what a client was told is in the database, and once."""

from collections import Counter
from collections.abc import Iterable

from tests.faults.invariants.rows import Explained, Seen


def rows_of_answers(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """A 201 has its enquiry, its person, an invitation and a consent for each hospital, and the consent to process health data."""
    by_reference = {case.reference: case for case in seen.cases}
    made = [answer for answer in seen.answers if answer.status == 201]
    wrong = []
    for answer in made:
        case = by_reference.get(answer.reference)
        if case is None:
            wrong.append(f"{answer.reference}: no enquiry")
        elif (case.invitations, case.consents, case.patients) != (answer.hospitals, answer.hospitals + 1, 1):
            held = f"{case.invitations} invitations, {case.consents} consents, {case.patients} persons"
            wrong.append(f"{answer.reference}: {held}, for {answer.hospitals} hospitals")
    return len(made), wrong


def one_case_for_each_key(seen: Seen, _: Explained) -> tuple[int, Iterable[str]]:
    """However often a request was repeated there is one case, and it is the one the client was told of."""
    counts = Counter(case.key for case in seen.cases if case.key)
    told = {answer.key: answer.reference for answer in seen.answers if answer.status == 201}
    wrong = [f"{key}: {count} cases" for key, count in counts.items() if count > 1]
    wrong += [
        f"{case.key}: the client was told of {told[case.key]}, there is {case.reference}"
        for case in seen.cases
        if told.get(case.key, case.reference) != case.reference
    ]
    refused = {answer.key for answer in seen.answers if 400 <= answer.status < 500}
    wrong += [f"{case.key}: refused, but there is {case.reference}" for case in seen.cases if case.key in refused]
    return len(counts), wrong
