"""When which fault: two lanes drawn from a seed, the slow ones beside the quick ones.

Drives a house step by step; decides nothing about what is right.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg
import requests

from devstack.client import Refused
from tests.faults.house import House
from tests.faults.injected import Fault, NotNow
from tests.faults.invariants.rows import Window

PAUSES = {False: (0.3, 1.5), True: (1.0, 4.0)}  # seconds before the next fault, by slowness
GRACE_SECONDS = 30.0  # what a fault explains may be settled so much later: another fault may be in the way
AGAIN = (psycopg.Error, requests.RequestException, Refused)  # whom a heal may meet while other faults are there


@dataclass(frozen=True)
class Happened:
    """A fault that was there, in seconds since 1970; `skipped` where it could not be injected at its moment."""

    fault: Fault
    since: float
    until: float
    skipped: bool = False

    def windows(self) -> list[Window]:
        """What it explains."""
        return [Window(self.fault.name, channel, state, self.since, self.until + GRACE_SECONDS) for channel, state in self.fault.explains]


@dataclass
class Lane:
    """Faults one after the other, each for a while; `turn` never waits."""

    faults: list[Fault]
    dice: random.Random
    tell: Callable[[str], None]
    happened: list[Happened] = field(default_factory=list)
    _now: Fault | None = None
    _since: float = 0.0
    _next_at: float = 0.0
    _again_at: float = 0.0  # a heal that met another fault is not tried before

    def turn(self, house: House, *, ending: bool) -> None:
        """Inject or heal what is due; at the end only heal, at once."""
        if self._now is not None:
            if time.monotonic() >= (self._again_at if ending else self._next_at):
                self._heal(house, self._now)
        elif self.faults and not ending and time.monotonic() >= self._next_at:
            self._inject(house, self.faults.pop(0))

    @property
    def quiet(self) -> bool:
        return self._now is None

    @property
    def done(self) -> bool:
        return self.quiet and not self.faults

    def _inject(self, house: House, fault: Fault) -> None:
        self._since = time.time()
        try:
            fault.inject(house)
        except (NotNow, *AGAIN) as reason:
            self.tell(f"could not: {fault.name} ({type(reason).__name__})")
            self.happened.append(Happened(fault, self._since, self._since, skipped=True))
            return
        self.tell(f"inject: {fault.name}")
        self._now, self._next_at = fault, time.monotonic() + self.dice.uniform(*fault.seconds)

    def _heal(self, house: House, fault: Fault) -> None:
        try:
            fault.heal(house)
        except AGAIN as reason:
            self.tell(f"not healed yet: {fault.name} ({type(reason).__name__})")
            self._next_at = self._again_at = time.monotonic() + 1.0
            return
        self.tell(f"heal:   {fault.name}")
        self.happened.append(Happened(fault, self._since, time.time()))
        self._now, self._next_at = None, time.monotonic() + self.dice.uniform(*PAUSES[fault.slow])


def lanes(faults: Sequence[Fault], seed: int, *, hours: bool, tell: Callable[[str], None]) -> list[Lane]:
    """The quick and the slow, each shuffled by the seed."""
    made = []
    for slow in (False, True):
        dice = random.Random(f"{seed} {slow}")
        chosen = [fault for fault in faults if fault.slow is slow and (hours or not fault.hours)]
        dice.shuffle(chosen)
        made.append(Lane(chosen, dice, tell))
    return made
