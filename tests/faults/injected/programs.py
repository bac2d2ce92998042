"""Of our processes: killed, stopped beyond their lease or session, on a wrong clock, deployed with a broken handler."""

import os
import random
import signal
from pathlib import Path

import psutil

from tests.faults.house import LOOPS, SERVED, House, another_release, changed
from tests.faults.injected import UNSURE, Fault, NotNow

CLOCK_OFF, CLOCK_BEHIND = "+40s", "-40s"  # more than a readiness check allows, less than the life of a token or of a webhook's signature
CLOCKS = (
    "notification-deliver",
    "notification-consume",
    "enquiry-timers",
    "enquiry-forgetting",
    "enquiry-relay",
    "enquiry-serve",
    "notification-serve",
)
FAKETIME = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), *map(Path, filter(None, [os.environ.get("LIBFAKETIME")]))]


def kill(name: str) -> Fault:
    """kill -9 of the program and all it has started."""
    return Fault(f"kill -9 {name}", lambda house: house.signal(name, signal.SIGKILL), seconds=(0.5, 1.5), explains=_unsure(name))


def _unsure(name: str) -> tuple[tuple[str, str], ...]:
    return UNSURE if LOOPS.get(name, ())[1:] == ("deliver",) else ()


def kill_web_worker(dice: random.Random) -> Fault:
    def inject(house: House) -> None:
        pid = house.pid("enquiry-serve")
        workers = psutil.Process(pid).children() if pid else []
        if not workers:
            raise NotNow
        dice.choice(workers).kill()

    return Fault("kill -9 one web worker", inject, seconds=(0.5, 1.5))


def pause(name: str, seconds: float) -> Fault:
    """SIGSTOP for longer than whatever it holds, then SIGCONT: it must find out that it was given up."""
    return Fault(
        f"SIGSTOP {name} for {seconds:.0f} s",
        lambda house: house.signal(name, signal.SIGSTOP),
        lambda house: house.signal(name, signal.SIGCONT),
        seconds=(seconds, seconds + 1),
        explains=_unsure(name),
        slow=True,
    )


def exchange(name: str, what: str, make: object, *, seconds: tuple[float, float], hours: bool = False) -> Fault:
    """A deploy of another build: `make(program)` in its place, and back."""

    def deploy(house: House, program: object) -> None:
        house.programs[name] = program
        house.signal(name, signal.SIGTERM)

    usual: dict = {}

    def inject(house: House) -> None:
        usual[name] = house.programs[name]
        deploy(house, make(house.programs[name]))

    return Fault(what, inject, lambda house: deploy(house, usual[name]), seconds=seconds, slow=True, hours=hours)


def clock_off(name: str, by: str) -> Fault:
    def make(program):
        return changed(program, LD_PRELOAD=str(FAKETIME[0]), FAKETIME=by, FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")

    return exchange(name, f"clock of {name} off by {by}", make, seconds=(10.0, 15.0))


def release(name: str, manner: str, what: str = "", *, seconds: tuple[float, float] = (0.0, 0.0), hours: bool = False) -> Fault:
    """A release of tests.faults.deploys in a program's place."""

    def make(program):
        return another_release(program, manner)

    return exchange(name, what, make, seconds=seconds, hours=hours)


def all_of(dice: random.Random) -> tuple[list[Fault], list[str]]:
    """The faults of this kind, and a sentence for each that cannot be here."""
    faults = [kill(name) for name in (*LOOPS, *SERVED)] + [kill_web_worker(dice)]
    faults += [pause(dice.choice(["enquiry-relay", "enquiry-relay-2"]), 13), pause("notification-relay", 13)]
    faults += [pause("notification-consume", 13), pause(dice.choice(["notification-deliver", "notification-deliver-2"]), 18)]
    faults += [pause(name, 13) for name in ("enquiry-timers", "enquiry-forgetting")]
    faults += [pause(name, 7) for name in ("enquiry-serve", "notification-serve", dice.choice(["web-serve", "catalog-serve"]))]
    faults += [release("notification-consume", "broken", "a deploy with a broken handler", seconds=(10.0, 14.0))]
    if not FAKETIME:
        return faults, ["no clock is off: libfaketime is not here (Debian: faketime)"]
    return [*faults, *(clock_off(name, by) for name, by in zip(dice.sample(CLOCKS, 2), (CLOCK_OFF, CLOCK_BEHIND), strict=True))], []
