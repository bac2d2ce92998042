"""`--past`: the same contests over empty tables and over those of a year, in turn: cost must not grow with the past."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from bench.contests import Contest, Figure, Size
from bench.past import Past
from devstack.parts import Parts

ROOMS: Mapping[str, tuple[str, ...]] = {
    "posts": ("enquiry_post",),
    "relays": ("relay_drain",),
    "inboxes": ("inbox_drain",),
    "deliverers": ("mail_drain", "webhook_drain"),
}
MARK = 0.8
HEADS = ("name", "a run", "empty: median (least-most)", "with its past", "unit", "ratio", f"mark {MARK:g}")


@dataclass(frozen=True)
class Grown:
    """One line: a rate over empty tables and over full ones."""

    name: str
    amount: str
    unit: str
    empty: Figure
    full: Figure

    @property
    def ratio(self) -> float:
        return round(self.full.median / self.empty.median, 3)

    def cells(self) -> tuple[str, ...]:
        verdict = "reaches it" if self.ratio >= MARK else "misses it"
        return (self.name, self.amount, str(self.empty), str(self.full), self.unit, f"{self.ratio:.2f}", verdict)

    def document(self) -> dict[str, Any]:
        """As it stands in grown.json."""
        return asdict(self) | {"ratio": self.ratio}


def compare(parts: Parts, names: Collection[str], *, repeats: int, share: float, past: Past, tell: Callable[[str], None]) -> list[Grown]:
    """Those of ROOMS that are named, all where none is."""
    found = list[Grown]()
    for room, there in ROOMS.items():
        chosen = [name for name in there if name in (names or there)]
        if chosen:
            with ExitStack() as stack:
                contests = importlib.import_module(f"bench.{room}").contests
                tell(f"{room}: filling")
                empty = stack.enter_context(contests(parts, Size(share)))
                full = stack.enter_context(contests(parts, Size(share, past)))
                pairs = [(one, other) for one, other in zip(empty, full, strict=True) if one.name in chosen]
                found += [_compared(one, other, repeats, tell) for one, other in pairs]
    return found


def _compared(empty: Contest, full: Contest, repeats: int, tell: Callable[[str], None]) -> Grown:
    rates: Sequence[tuple[list[float], Contest]] = ([], empty), ([], full)
    for number in range(1, repeats + 1):
        for seen, contest in rates:
            seen.append(contest.ours())
        tell(f"  {number}/{repeats}  {empty.name}: {rates[0][0][-1]:,.0f}, with its past {rates[1][0][-1]:,.0f} {empty.unit}")
    return Grown(empty.name, empty.amount, empty.unit, Figure.of(rates[0][0]), Figure.of(rates[1][0]))
