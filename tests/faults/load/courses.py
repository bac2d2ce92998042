"""What happens to some of the cases after they are opened: each course is a row of requests by the patient, a hospital or operations.

Writes down what it was told; decides nothing about what is right.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.client import Refused
from tests.faults.invariants.rows import Told
from tests.faults.load.callers import Caller

WHY = {"because": "the load asks for it"}
FORM = {"kind": "assessment", "mode": "on_site", "companions": 0}
NO_CAPACITY = {"reason": "no_capacity"}
CHANGED_MIND = {"reason": "changed_mind", "late_is_known": True}
MOST_SLOTS = 40  # somebody takes one of the first so many: now and then two want the same
TRIES = 5  # of slots, where one is taken
MOST_INVITATIONS = 100  # looked at, to decline one
STAFF = {
    "kind": "doctor",
    "name": "Dr. Load",
    "slot_minutes": 15,
    "lead_minutes": 0,
    "late_minutes": 0,
    "hours": [{"weekday": day, "opens": "00:00", "closes": "23:45"} for day in range(1, 8)],
}


@dataclass
class People:
    """Who acts, for one thread: `patient` by the token of the link to a case, hospitals by slug; a colleague confirms what operations ask for."""

    patient: Callable[[str], Caller]
    hospitals: dict[str, Caller]
    operations: Caller
    colleague: Caller
    visitor: Caller


@dataclass(frozen=True)
class Case:
    """One of the load's: `link` is the token of the mailed link, where the course needs it."""

    reference: str
    slugs: list[str]
    link: str = ""


@dataclass
class Book:
    """What the load was told, and how its courses ended."""

    told: list[Told] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)


@dataclass
class Led:
    """A case on its course: the people, and where to write what they were told."""

    people: People
    case: Case
    book: Book
    dice: random.Random

    def told(self, subject: str, act: str, subject_id: str = "", reference: str = "") -> None:
        self.book.told.append(Told(reference or self.case.reference, subject, act, subject_id))


class NothingFree(Exception):
    """Every slot of tomorrow is taken."""


Course = Callable[[Led], str]  # Raises Refused, NothingFree, GaveUp


def withdrawn(led: Led) -> str:
    """Operations end it."""
    place = f"/v1/enquiries/{led.case.reference}"
    _act(led.people.operations, place, "withdraw", WHY, then="withdrawn")
    led.told("enquiry", "withdraw")
    return "withdrawn"


def refused_by_a_hospital(led: Led) -> str:
    """A hospital looks at an invitation, whosever it is, and declines it."""
    hospital = led.people.hospitals[led.case.slugs[0]]
    found = hospital.get("enquiry", "/v1/invitations", state="sent", limit=str(MOST_INVITATIONS))["items"]
    if not found:
        return "no invitation to decline"
    one = led.dice.choice(found)
    place = f"/v1/invitations/{one['id']}"
    hospital.post(f"{place}/view")
    revision = hospital.get("enquiry", place)["revision"]
    _act(hospital, place, "decline", NO_CAPACITY, then="declined", revision=revision)
    led.told("invitation", "decline", one["id"], one["reference"])
    return "an invitation declined"


def cancelled(led: Led) -> str:
    """Held, asked for, confirmed by the hospital, cancelled by the patient."""
    patient = led.people.patient(led.case.link)
    _move(led, patient, _confirmed(led, patient), "cancel", CHANGED_MIND, then="cancelled")
    patient.close()
    return "confirmed, then cancelled"


def declined(led: Led) -> str:
    """Held, asked for, declined by the hospital."""
    patient = led.people.patient(led.case.link)
    one = _asked(led, patient)
    patient.close()
    _move(led, led.people.hospitals[one["hospital"]], one, "decline", NO_CAPACITY, then="declined")
    return "asked for, then declined"


def left(led: Led) -> str:
    """Held, and not touched again: it expires."""
    patient = led.people.patient(led.case.link)
    _held(led, patient)
    patient.close()
    return "held, and left"


def erased(led: Led) -> str:
    """Operations ask for it, a colleague confirms; of some an appointment was confirmed, and ends with it."""
    if led.dice.random() < 0.5:
        patient = led.people.patient(led.case.link)
        _confirmed(led, patient)
        patient.close()
    asked = led.people.operations.post(f"/v1/enquiries/{led.case.reference}/erasure", WHY)
    led.people.colleague.post(f"/v1/erasures/{asked['id']}/confirm", WHY)
    led.told("erasure", "verify", asked["id"])
    return "erased"


# -- appointments -------------------------------------------------------------


def _confirmed(led: Led, patient: Caller) -> dict[str, Any]:
    one = _asked(led, patient)
    return _move(led, led.people.hospitals[one["hospital"]], one, "confirm", None, then="confirmed")


def _asked(led: Led, patient: Caller) -> dict[str, Any]:
    return _move(led, patient, _held(led, patient), "submit", FORM, then="awaiting_confirmation")


def _held(led: Led, patient: Caller) -> dict[str, Any]:
    """A slot of tomorrow's. Where somebody else has it, one of those that the answer names."""
    slug, tomorrow = led.dice.choice(led.case.slugs), (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    days = led.people.visitor.get("enquiry", f"/v1/hospitals/{slug}/slots", **{"from": tomorrow, "days": "2"})["days"]
    free = [slot for day in days for slot in day["slots"]][:MOST_SLOTS]
    if not free:
        raise NothingFree
    slot = led.dice.choice(free)
    for more in reversed(range(TRIES)):
        try:
            one: dict[str, Any] = patient.post(
                f"/v1/enquiries/{led.case.reference}/appointments", {"resource": slot["resource"], "start": slot["start"]}
            )
        except Refused as refused:
            if refused.problem != "slot-taken" or not refused.document.get("next") or not more:
                raise
            led.book.ended["(a slot was taken, another was tried)"] += 1
            slot = led.dice.choice(refused.document["next"])
        else:
            led.told("appointment", "hold", one["id"])
            return one
    raise AssertionError  # the last try is returned or raised


def _move(led: Led, by: Caller, one: dict[str, Any], act: str, body: Any, *, then: str) -> dict[str, Any]:
    """The appointment as it is afterwards."""
    done: dict[str, Any] = _act(by, f"/v1/appointments/{one['id']}", act, body, then=then, revision=one["revision"])
    led.told("appointment", act, one["id"])
    return done


def _act(by: Caller, place: str, act: str, body: Any, *, then: str, revision: int | None = None) -> Any:
    """What was asked for, or, where the first answer was lost and a second try met what the first had done, how it stands. Raises Refused."""
    try:
        return by.post(f"{place}/{act}", body, if_match=revision)
    except Refused as refused:
        if refused.status not in {409, 412}:
            raise
        found = by.get("enquiry", place)
        if found["state"] != then:
            raise
        return found


COURSES: dict[Course, tuple[int, bool]] = {  # of OF enquiries so many take it; whether it needs the link in the patient's mail
    withdrawn: (4, False),
    refused_by_a_hospital: (3, False),
    cancelled: (4, True),
    declined: (2, True),
    left: (2, True),
    erased: (2, True),
}
OF = 60


def draw(dice: random.Random) -> Course | None:
    """What a case is to go through; None for most: they stay as they are."""
    drawn = dice.randrange(OF)
    for course, (share, _) in COURSES.items():
        drawn -= share
        if drawn < 0:
            return course
    return None
