"""Two contests for slots: many take one at once; a storm of holds, answers, changes and cancellations while time runs and holds expire.

Each goes through the rules that the API calls, every taker on a connection of its own.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.enquiry.appointments import answering, asking, changing, ending
from services.enquiry.lifecycles import Actor, Who
from shared import db
from shared.problems import Problem
from tests.proof.town import Town

NOTHING = "nothing to do"
PATIENT, HOSPITAL = Actor(Who.PATIENT), Actor(Who.HOSPITAL)
_ONE = text("SELECT id, revision FROM appointments WHERE state = ANY(:states) AND enquiry_id = :enquiry ORDER BY random() LIMIT 1")


@dataclass
class Result:
    """What happened, by name, and what must not have happened."""

    seconds: float
    happened: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        return [
            *(f"    {count:>6}  {name}" for name, count in sorted(self.happened.items(), key=lambda one: -one[1])),
            *(f"    {count:>6}  {name}  (must be 0)" for name, count in self.wrong.items()),
        ]


def take_one(town: Town, takers: int) -> Result:
    """Everybody holds the same slot at the same moment."""
    engine, together, happened = town.engine(takers), threading.Barrier(takers), Counter[str]()

    def take(reference: str) -> str:
        with db.transaction(engine) as session:
            session.connection()
            together.wait(60)
            return _tried(lambda: _hold(session, town, reference, town.starts()[0]))

    begun = time.monotonic()
    with ThreadPoolExecutor(takers) as pool:
        happened.update(pool.map(take, town.cases[:takers]))
    engine.dispose()
    winners = happened["held"]
    return Result(time.monotonic() - begun, happened, {"winners beside the one": abs(winners - 1), **_never(happened), **town.wrong()})


def storm(town: Town, *, seconds: float, threads: int, seed: int) -> Result:
    """Each thread acts for its own cases, all on the same few slots; every twentieth of a second three minutes pass and what is due fires."""
    engine, over, happened = town.engine(threads), threading.Event(), Counter[str]()
    mine = [town.cases[number::threads] for number in range(threads)]

    def act(number: int) -> Counter[str]:
        chance, done = random.Random(seed + number), Counter[str]()
        while not over.is_set():
            done[_one_act(engine, town, chance, chance.choice(mine[number]))] += 1
        return done

    def pass_time() -> None:
        while not over.wait(0.05):
            town.house.clock.pass_(minutes=3)
            happened["timers fired"] += town.house.fire()

    begun = time.monotonic()
    with ThreadPoolExecutor(threads + 1) as pool:
        acting, passing = [pool.submit(act, number) for number in range(threads)], pool.submit(pass_time)
        over.wait(seconds)
        over.set()
        passing.result()
        for one in acting:
            happened.update(one.result())
    engine.dispose()
    town.house.fire()
    return Result(time.monotonic() - begun, happened, {**_never(happened), **town.wrong()})


def _never(happened: Counter[str]) -> dict[str, int]:
    return {"faults of the database, deadlocks among them": sum(count for name, count in happened.items() if name.startswith("fault "))}


def _one_act(engine: Engine, town: Town, chance: random.Random, reference: str) -> str:
    """One that finds something to act on; where nothing does, a hold."""
    acts = [_submit, _confirm, _propose, _accept, _keep_old, _cancel, _try_hold]
    chance.shuffle(acts)

    def tried() -> str:
        with db.transaction(engine) as session:
            return next(done for one in [*acts, _try_hold] if (done := one(session, town, chance, reference)) != NOTHING)

    return _tried(tried)


def _tried(act) -> str:
    """What became of it: done, refused by a rule, or a fault."""
    try:
        return act()
    except Problem as refused:
        return f"refused: {refused.slug}"
    except DBAPIError as fault:
        return f"fault {getattr(fault.orig, 'sqlstate', None)}"


def _hold(session: Session, town: Town, reference: str, start, doctor=0) -> str:
    asking.hold_slot(
        session,
        town.house.settings,
        reference=reference,
        resource_id=town.doctors[doctor],
        start=start,
        actor=PATIENT,
        clock=town.house.clock,
    )
    return "held"


def _try_hold(session: Session, town: Town, chance: random.Random, reference: str) -> str:
    return _hold(session, town, reference, chance.choice(town.starts()), chance.randrange(len(town.doctors)))


def _one(session: Session, reference: str, *states: str):
    """A case's appointment in one of these states, as somebody sees it who then acts on it."""
    enquiry = session.scalars(text("SELECT id FROM enquiries WHERE reference = :reference"), {"reference": reference}).one()
    return session.execute(_ONE, {"states": list(states), "enquiry": enquiry}).first()


def _submit(session: Session, town: Town, chance: random.Random, reference: str) -> str:
    if (one := _one(session, reference, "held")) is None:
        return NOTHING
    form = {"kind": "assessment", "mode": "on_site", "companions": 0}
    asking.submit_appointment(
        session, town.house.settings, appointment_id=one.id, **form, revision=one.revision, actor=PATIENT, clock=town.house.clock
    )
    return "asked for"


def _confirm(session: Session, town: Town, _chance: random.Random, reference: str) -> str:
    if (one := _one(session, reference, "awaiting_confirmation")) is None:
        return NOTHING
    answering.confirm_appointment(
        session, town.house.settings, appointment_id=one.id, revision=one.revision, actor=HOSPITAL, clock=town.house.clock
    )
    return "confirmed"


def _propose(session: Session, town: Town, chance: random.Random, reference: str) -> str:
    """Often to a neighbour, which overlaps with the old slot by the buffer."""
    if (one := _one(session, reference, "confirmed")) is None:
        return NOTHING
    start = session.scalars(text("SELECT starts_at FROM appointments WHERE id = :id"), {"id": one.id}).one() + timedelta(
        minutes=30 * chance.choice((-1, 1, 2))
    )
    changing.propose_change(
        session,
        town.house.settings,
        appointment_id=one.id,
        resource_id=None,
        start=start,
        revision=one.revision,
        actor=PATIENT,
        clock=town.house.clock,
    )
    return "change proposed"


def _accept(session: Session, town: Town, _chance: random.Random, reference: str) -> str:
    if (one := _one(session, reference, "change_proposed")) is None:
        return NOTHING
    changing.accept_change(
        session, town.house.settings, appointment_id=one.id, revision=one.revision, actor=HOSPITAL, clock=town.house.clock
    )
    return "rescheduled"


def _keep_old(session: Session, town: Town, _chance: random.Random, reference: str) -> str:
    if (one := _one(session, reference, "change_proposed")) is None:
        return NOTHING
    changing.decline_change(
        session, town.house.settings, appointment_id=one.id, revision=one.revision, actor=HOSPITAL, now=town.house.clock()
    )
    return "change declined"


def _cancel(session: Session, town: Town, _chance: random.Random, reference: str) -> str:
    if (one := _one(session, reference, "held", "awaiting_confirmation", "confirmed", "change_proposed")) is None:
        return NOTHING
    ending.cancel_appointment(
        session,
        town.house.settings,
        appointment_id=one.id,
        reason="changed_mind",
        late_is_known=True,
        revision=one.revision,
        actor=PATIENT,
        now=town.house.clock(),
    )
    return "cancelled"
