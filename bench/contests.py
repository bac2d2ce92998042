"""A contest: ours against a limit, in turn, several times; medians and the ratio between them. A reading: figures of ours that have no limit beside them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.past import Past

Run = Callable[[], float]
"""Runs once and returns a rate, a second; higher is better."""


@dataclass(frozen=True)
class Size:
    """How much of everything is done: 1 is what the marks are for, less is for slow machines and for tests. `past`: what the databases hold before.

    Where all of it takes long, an ordinary run does a part (`mostly`), and only one that is `whole` does all.
    """

    share: float = 1.0
    past: Past | None = None
    whole: bool = False

    def count(self, all_of_them: int, *, least: int = 20, mostly: float = 1.0) -> int:
        return max(least, round(all_of_them * self.share * (1.0 if self.whole else mostly)))

    def seconds(self, whole: float) -> float:
        return max(min(2.0, whole), whole * self.share)


@dataclass(frozen=True)
class Contest:
    """`limits` are measured beside ours; `marks` say which part of each is our aim (1.0: as fast as the limit). `amount`: what one run does."""

    name: str
    unit: str
    amount: str
    ours: Run
    limits: Mapping[str, Run]
    marks: Mapping[str, float]


@dataclass(frozen=True)
class Reading:
    """One run gives several figures by name, each with its unit. `at_most` and `at_least` are our marks for some of them."""

    name: str
    amount: str
    ours: Callable[[], Mapping[str, float]]
    units: Mapping[str, str]
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)


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
        return f"{shown(self.median)} ({shown(self.least)}-{shown(self.most)})"


def shown(value: float) -> str:
    """Whole numbers where they are large, else two digits behind the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Row:
    """One line of the table. Without a limit there is no ratio; `reached` is None where there is no mark."""

    name: str
    amount: str
    unit: str
    ours: Figure
    mark: str = ""
    reached: bool | None = None
    limit_name: str = ""
    limit: Figure | None = None
    ratio: float | None = None

    @property
    def verdict(self) -> str:
        return "no mark" if self.reached is None else f"{'reaches' if self.reached else 'misses'} {self.mark}"

    def document(self) -> dict[str, Any]:
        """As it stands in results.json."""
        return asdict(self) | {"verdict": self.verdict}


def measure(what: Contest | Reading, *, repeats: int, tell: Callable[[str], None]) -> list[Row]:
    """All rows of a contest or a reading."""
    return _compare(what, repeats, tell) if isinstance(what, Contest) else _read(what, repeats, tell)


def _compare(contest: Contest, repeats: int, tell: Callable[[str], None]) -> list[Row]:
    """Ours and every limit once a round, so that a machine that grows busy slows all of them."""
    runs = {contest.name: contest.ours, **contest.limits}
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1, repeats + 1):
        for name, run in runs.items():
            seen[name].append(run())
            tell(f"  {number}/{repeats}  {name}: {shown(seen[name][-1])} {contest.unit}")
    ours = Figure.of(seen[contest.name])
    rows = []
    for name in contest.limits:
        limit, mark = Figure.of(seen[name]), contest.marks.get(name)
        ratio = ours.median / limit.median
        reached = None if mark is None else ratio >= mark
        rows.append(
            Row(contest.name, contest.amount, contest.unit, ours, f"{mark:g}" if mark else "", reached, name, limit, round(ratio, 3))
        )
    return rows


def _read(reading: Reading, repeats: int, tell: Callable[[str], None]) -> list[Row]:
    seen: dict[str, list[float]] = {}
    for number in range(1, repeats + 1):
        found = reading.ours()
        for name, value in found.items():
            seen.setdefault(name, []).append(value)
        tell(
            f"  {number}/{repeats}  {reading.name}: "
            + ", ".join(f"{name} {shown(value)} {reading.units[name]}" for name, value in found.items())
        )
    return [_judged(reading, name, Figure.of(values)) for name, values in seen.items()]


def _judged(reading: Reading, name: str, figure: Figure) -> Row:
    most, least = reading.at_most.get(name), reading.at_least.get(name)
    mark, reached = "", None
    if most is not None:
        mark, reached = f"at most {most:g}", figure.median <= most
    elif least is not None:
        mark, reached = f"at least {least:g}", figure.median >= least
    return Row(f"{reading.name}: {name}", reading.amount, reading.units[name], figure, mark, reached)
