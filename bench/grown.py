"""`--past`: the same contests over empty tables and over those of a year, in turn: cost must not grow with the past."""

import importlib
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench.contests import Contest, Figure, Reading, Size, shown
from bench.past import Past
from devstack.parts import Parts

ROOMS: Mapping[str, tuple[str, ...]] = {
    "pages": ("page_get", "page_304"),
    "posts": ("enquiry_post",),
    "relays": ("relay_drain",),
    "inboxes": ("inbox_drain",),
    "deliverers": ("mail_drain", "webhook_drain"),
    "journeys": ("e2e_50", "e2e_max"),
}
"""`search` and `import` go over a catalog, which has no past: its size is that of their own rows."""
FIGURES: Mapping[str, tuple[str, ...]] = {"e2e_50": ("all p50", "POST answered p50"), "e2e_max": ("sustained",)}
"""Of a reading those that are compared: in milliseconds less is better, else more."""
MARK = 0.8
HEADS = ("name", "a run", "empty: median (least-most)", "with its past", "unit", "ratio", f"mark {MARK:g}")


@dataclass(frozen=True)
class Grown:
    """One line: a rate, or a time, over empty tables and over full ones."""

    name: str
    amount: str
    unit: str
    empty: Figure
    full: Figure

    @property
    def ratio(self) -> float:
        """Below 1 where the past makes it slower."""
        better, worse = (self.empty, self.full) if self.unit == "ms" else (self.full, self.empty)
        return round(better.median / worse.median, 3)

    def cells(self) -> tuple[str, ...]:
        verdict = "reaches it" if self.ratio >= MARK else "misses it"
        return (self.name, self.amount, str(self.empty), str(self.full), self.unit, f"{self.ratio:.2f}", verdict)

    def document(self) -> dict[str, Any]:
        """As it stands in grown.json."""
        return asdict(self) | {"ratio": self.ratio}


def compare(parts: Parts, names: Collection[str], *, repeats: int, size: Size, past: Past, tell: Callable[[str], None]) -> list[Grown]:
    """Those of ROOMS that are named, all where none is."""
    found = list[Grown]()
    for room, there in ROOMS.items():
        chosen = [name for name in there if name in (names or there)]
        if chosen:
            with ExitStack() as stack:
                contests = importlib.import_module(f"bench.{room}").contests
                tell(f"{room}: filling")
                empty = stack.enter_context(contests(parts, size))
                full = stack.enter_context(contests(parts, replace(size, past=past)))
                pairs = [(one, other) for one, other in zip(empty, full, strict=True) if one.name in chosen]
                found += [row for one, other in pairs for row in _compared(one, other, repeats, tell)]
    return found


def _compared(empty: Contest | Reading, full: Contest | Reading, repeats: int, tell: Callable[[str], None]) -> list[Grown]:
    seen: dict[str, tuple[list[float], list[float]]] = {}
    units: dict[str, str] = {}
    for number in range(1, repeats + 1):
        for at, one in enumerate((empty, full)):
            for name, unit, value in _figures(one):
                seen.setdefault(name, ([], []))[at].append(value)
                units[name] = unit
        for name, (before, after) in seen.items():
            tell(f"  {number}/{repeats}  {name}: {shown(before[-1])}, with its past {shown(after[-1])} {units[name]}")
    return [Grown(name, empty.amount, units[name], Figure.of(before), Figure.of(after)) for name, (before, after) in seen.items()]


def _figures(one: Contest | Reading) -> list[tuple[str, str, float]]:
    """Name, unit and value of what one run gives."""
    if isinstance(one, Contest):
        return [(one.name, one.unit, one.ours())]
    found = one.ours()
    return [(f"{one.name}: {name}", one.units[name], found[name]) for name in FIGURES[one.name]]
