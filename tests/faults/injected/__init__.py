"""Faults: small named objects that can be injected and healed, and say which ends of deliveries they explain.

Knows how to break the house; what is promised nevertheless is tests.faults.invariants' business.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.house import House

Act = Callable[[House], None]
UNSURE = (("email", "uncertain"),)  # a mail was under way: nobody knows whether it arrived, and some letters must not come twice


class NotNow(Exception):
    """It could not be injected at this moment; the campaign goes on and says so."""


def nothing(_: House) -> None:
    """Some faults heal by themselves: whoever dies is started again."""


@dataclass(frozen=True)
class Fault:
    """`seconds` it lasts at least and at most; `slow` ones run beside the quick ones; `explains` are (channel, state) of deliveries."""

    name: str
    inject: Act
    heal: Act = nothing
    seconds: tuple[float, float] = (1.0, 3.0)
    explains: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    hours: bool = False  # takes so long that only a soak has time for it
