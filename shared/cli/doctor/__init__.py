"""`doctor`: what a service stands on, looked at once, a line for each check, with the entry of docs/runbook.md that mends it.

Changes nothing and shows nobody's data. A check that cannot be made hides no other.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from shared.config import HttpSettings
from shared.crypto import KeyRing, SealBroken
from shared.events import Topic
from shared.inbox import Hearing

RUNBOOK = "docs/runbook.md"
SHOWN = 3  # faults of one check that are told; the rest is counted


class Mark(StrEnum):
    """How a check ended. `unseen`: what it needs is away, which another line says."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Finding:
    """What a check has found, in a sentence; `entry` is a heading of the runbook."""

    mark: Mark
    sentence: str
    entry: str = ""


@dataclass(frozen=True)
class Sealed:
    """Some sealed row: what it is, which setting opens it, and the attempt, which raises SealBroken."""

    what: str
    setting: str
    open: Callable[[], object]


OwnCheck = Callable[[Session, Any], Finding]


@dataclass(frozen=True)
class Own:
    """What only the service itself knows how to look at: its sealed rows, and checks of its database by name."""

    sealed: Callable[[Session, Any], Iterator[Sealed]] = field(default=lambda *_: iter(()))
    checks: Mapping[str, OwnCheck] = field(default_factory=dict)
    beside: Mapping[str, Callable[[Any], Finding]] = field(default_factory=dict)  # checks that need no database


@dataclass(frozen=True)
class Examined:
    """A service with its settings, as much of it as the checks need."""

    name: str
    settings: Any
    migrations: Path | None
    topics: Sequence[Topic]
    hearing: Hearing | None
    owed: Callable[[Session], str | None] | None
    own: Own


def ok(sentence: str) -> Finding:
    return Finding(Mark.OK, sentence)


def judged(faults: Sequence[str], *, mark: Mark, entry: str, otherwise: str) -> Finding:
    """`mark` with the first faults in one sentence, or ok where there are none."""
    if not faults:
        return ok(otherwise)
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return Finding(mark, "; ".join(faults[:SHOWN]) + more, entry)


def misconfigured(faults: Sequence[str]) -> Finding:
    """All that is wrong: without settings nothing else can be looked at."""
    return Finding(Mark.WRONG, "; ".join(faults) + "; nothing else can be looked at", "Settings")


def oddities(settings: HttpSettings) -> Finding:
    """Settings that are allowed and yet strange."""
    return judged(settings.oddities(), mark=Mark.WARNING, entry="Settings", otherwise="every setting is well-formed")


def opened(rows: Iterable[Sealed]) -> Finding:
    """Whether each opens with the present keys. Says what could not be opened, never whose."""
    faults, kinds = list[str](), list[str]()
    for row in rows:
        kinds.append(row.what)
        try:
            row.open()
        except SealBroken:
            faults.append(f"{row.what} cannot be opened: is the key that sealed it still in {row.setting}?")
    seen = ", ".join(dict.fromkeys(kinds))
    return judged(list(dict.fromkeys(faults)), mark=Mark.WRONG, entry="SealsBroken", otherwise=f"opened: {seen or 'nothing is sealed yet'}")


def known_key(ring: KeyRing, sealed: bytes) -> None:
    """For what is not to be opened here. Raises SealBroken where the ring lacks the key that sealed it."""
    if ring.key_id(sealed) not in ring.keys:
        raise SealBroken


def show(findings: Iterable[tuple[str, Finding]], *, only: Collection[str] = ()) -> bool:
    """A line for each, as it comes; whether something is wrong or could not be seen. Raises UsageError where `only` names a check that is none."""
    wrong, seen = False, set[str]()
    for name, finding in findings:
        seen.add(name)
        if only and name not in only:
            continue
        anchor = f"  ({RUNBOOK}#{finding.entry.lower()})" if finding.entry and finding.mark is not Mark.OK else ""
        click.echo(f"{finding.mark:<8} {name:<14} {finding.sentence}{anchor}")
        wrong = wrong or finding.mark in {Mark.WRONG, Mark.UNSEEN}
    if unknown := set(only) - seen:
        raise click.UsageError(f"no check {', '.join(sorted(unknown))}; there are {', '.join(sorted(seen))}")
    return wrong
