"""A contest: ours against a limit, in turn, several times; medians and the ratio between them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Run = Callable[[], float]
"""Runs once and returns a rate, a second; higher is better."""


@dataclass(frozen=True)
class Contest:
    """`limits` are measured beside ours; `marks` say which part of each is our aim (1.0: as fast as the limit)."""

    name: str
    unit: str
    ours: Run
    limits: dict[str, Run]
    marks: dict[str, float]


@dataclass(frozen=True)
class Figure:
    """What was seen in all repeats."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, seen: Sequence[float]) -> "Figure":
        return cls(statistics.median(seen), min(seen), max(seen))

    def __str__(self) -> str:
        return f"{self.median:,.0f} ({self.least:,.0f}-{self.most:,.0f})"


@dataclass(frozen=True)
class Comparison:
    """Ours beside one limit."""

    name: str
    unit: str
    ours: Figure
    limit_name: str
    limit: Figure
    ratio: float
    mark: float | None

    @property
    def verdict(self) -> str:
        if self.mark is None:
            return "no mark"
        return f"{'reaches' if self.ratio >= self.mark else 'misses'} {self.mark:g}"

    def document(self) -> dict[str, Any]:
        """As it stands in results.json."""
        return asdict(self) | {"ratio": round(self.ratio, 3), "verdict": self.verdict}


def measure(contest: Contest, *, repeats: int, tell: Callable[[str], None]) -> list[Comparison]:
    """Ours and every limit once a round, so that a machine that grows busy slows all of them."""
    runs = {contest.name: contest.ours, **contest.limits}
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1, repeats + 1):
        for name, run in runs.items():
            seen[name].append(run())
            tell(f"  {number}/{repeats}  {name}: {seen[name][-1]:,.0f} {contest.unit}")
    figures = {name: Figure.of(rates) for name, rates in seen.items()}
    ours = figures[contest.name]
    return [
        Comparison(contest.name, contest.unit, ours, name, figures[name], ours.median / figures[name].median, contest.marks.get(name))
        for name in contest.limits
    ]
