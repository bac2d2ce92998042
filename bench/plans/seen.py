"""What a path asks of PostgreSQL: each statement once, with the plan PostgreSQL makes for the very values it is sent with."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from shared import db

GROWING = frozenset(
    [
        "outbox",
        "outbox_archive",
        "outbox_awaiting",
        "inbox",
        "idempotency_keys",
        "rate_limits",
        "patients",
        "enquiries",
        "consents",
        "history",
        "invitations",
        "resources",
        "appointments",
        "slot_claims",
        "quotes",
        "links",
        "tellings",
        "timers",
        "sessions",
        "deliveries",
        "attempts",
        "withheld",
        "tasks",
        "endpoints",
        "procedures",
        "hospitals",
        "offerings",
        "prices",
        "documents",
        "words",
        "publications",
        "listed_hospitals",
        "listed_procedures",
    ]
)
"""Tables that a year, or a larger catalog, fills: none is ever read from end to end."""
_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE")
_SCAN = re.compile(r"Seq Scan on (\w+)")
_DAY = re.compile(r"(Seq )?Scan(?: using \S+)? on (\w+)_<day>")
_VALUES = (
    (re.compile(r"'(?:[^']|'')*'"), "'…'"),
    (re.compile(r"\b[0-9]{5,}\b"), "…"),
    (re.compile(r"outbox_archive_[0-9]{8}\S*"), "outbox_archive_<day>"),
)


@dataclass(frozen=True)
class Statement:
    """`text` as it is sent, on one line; `plan` without costs and values, so that it is the same tomorrow."""

    text: str
    plan: tuple[str, ...]

    @property
    def scanned(self) -> set[str]:
        """Growing tables that it reads from end to end."""
        whole = {table for line in self.plan for table in _SCAN.findall(line)} & GROWING
        days = [_DAY.search(line) for line in self.plan]
        seen = Counter(
            (day[2], bool(day[1])) for day in days if day
        )  # a day that is empty, or has just begun, is rightly read from end to end
        return whole | {table for table, scanned in seen if scanned and seen[table, True] > seen[table, False]}


@dataclass
class Path:
    """A hot path by its name, in the words of the page."""

    name: str
    statements: dict[str, Statement] = field(default_factory=dict)


@contextmanager
def seeing(engine: Engine, path: Path) -> Iterator[None]:
    """While it lasts, every statement this engine sends is explained first, on the same connection, in the same transaction."""

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        text = " ".join(statement.split())
        if text.startswith(_EXPLAINED) and text not in path.statements:
            with cursor.connection.cursor() as other:
                values = parameters[0] if many else parameters
                other.execute(f"EXPLAIN (COSTS OFF) {statement}", values)
                path.statements[text] = Statement(text, tuple(_shortened(line) for (line,) in other.fetchall()))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _shortened(line: str) -> str:
    for pattern, shown in _VALUES:
        line = pattern.sub(shown, line)
    return line if len(line) <= 240 else line[:240] + " …"


def walked(engine: Engine, name: str, act: Callable[[Session], object]) -> Path:
    """The path that an act walks in one transaction, or in several of its own."""
    path = Path(name)
    with seeing(engine, path), db.transaction(engine) as session:
        act(session)
    return path
