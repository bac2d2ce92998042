"""Rows that a transaction adds, written together: one statement, with a part for each table, before anything else is asked of the session.

What is added here can be read, counted and rolled back as if it had been inserted at once. For rows that nobody needs back as objects.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session, SessionTransaction

_PENDING = "rows to be written"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

Shape = tuple[tuple[Table, tuple[str, ...], int, str], ...]
"""Of a statement: table, columns, number of rows (0: MANY or more) and what follows them, for each table."""

MANY = 9  # rows of one table: from here on one JSON document of all, so that the statement is the same for any number


class _Pending:
    """Rows by table, in the order of adding, and what is to be selected when they are in."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Table, tuple[str, ...], str], list[Mapping[str, Any]]] = {}
        self.then: dict[str, None] = {}


def add(session: Session, into: Table | type[DeclarativeBase], rows: Sequence[Mapping[str, Any]], *, on_conflict: str = "") -> None:
    """Insert rows in this order. `on_conflict` is SQL behind the values.

    A violated constraint is raised by what is asked of the session next, at the latest by its commit.
    """
    table = into if isinstance(into, Table) else into.metadata.tables[into.__tablename__]
    pending = _pending(session)
    for row in rows:
        pending.rows.setdefault((table, tuple(row), on_conflict), []).append(row)


def tell(session: Session, select: str) -> None:
    """Run a SELECT of one text, such as a NOTIFY, when the rows are in: once, however often it is asked for."""
    _pending(session).then[select] = None


def _pending(session: Session) -> _Pending:
    pending: _Pending = session.info.setdefault(_PENDING, _Pending())
    return pending


def write(session: Session) -> None:
    """Write what is pending, behind what the session itself has to write: rows may refer to its objects."""
    if _PENDING not in session.info:
        return
    session.flush()
    pending: _Pending | None = session.info.pop(_PENDING, None)
    if pending is None:
        return
    shape = tuple(
        (table, columns, len(rows) if len(rows) < MANY else 0, on_conflict) for (table, columns, on_conflict), rows in pending.rows.items()
    )
    values = list[Any]()
    for (table, columns, _), rows in pending.rows.items():
        if len(rows) < MANY:
            values += [_adapted(table, name, row[name]) for row in rows for name in columns]
        else:
            values.append(_document(table, columns, rows))
    session.connection().exec_driver_sql(_statement(shape, tuple(pending.then)), tuple(values))


@lru_cache(maxsize=256)
def _statement(shape: Shape, then: tuple[str, ...]) -> str:
    """The same text for the same shape: PostgreSQL prepares it once a connection."""
    parts = []
    for number, (table, columns, count, on_conflict) in enumerate(shape):
        names = ", ".join(f'"{name}"' for name in columns)
        rows = _from_values(columns, count) if count else _from_document(table, columns)
        parts.append(f"added_{number} AS (INSERT INTO {table.name} ({names}) {rows} {on_conflict})")
    told = " UNION ALL ".join(then) or "SELECT"
    return f"WITH {', '.join(parts)} {told}" if parts else told


def _from_values(columns: tuple[str, ...], count: int) -> str:
    row = f"({', '.join(['%s'] * len(columns))})"
    return f"VALUES {', '.join([row] * count)}"


def _from_document(table: Table, columns: tuple[str, ...]) -> str:
    """Rows in the order of the document, by which an identity counts, too. psycopg would take ten times as long to write an array for each column."""
    names = ", ".join(f'"{name}"' for name in columns)
    typed = ", ".join(f'"{name}" {table.c[name].type.compile(_DIALECT)}' for name in columns)
    given = f'ROWS FROM (json_to_recordset(%s::json) AS ({typed})) WITH ORDINALITY AS given ({names}, "place in order")'
    return f'SELECT {names} FROM {given} ORDER BY "place in order"'  # noqa: S608


def _document(table: Table, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> str:
    """JSON that is a text already is taken as it is."""
    json = {name for name in columns if isinstance(table.c[name].type, JSONB)}
    given = [
        {name: orjson.Fragment(row[name]) if name in json and isinstance(row[name], str) else row[name] for name in columns} for row in rows
    ]
    return orjson.dumps(given, default=_text_of).decode()


def _text_of(value: Any) -> str:
    """What JSON has no form for, as PostgreSQL reads it."""
    return f"\\x{value.hex()}" if isinstance(value, bytes | memoryview) else str(value)


def _adapted(table: Table, name: str, value: Any) -> Any:
    if isinstance(value, str):  # JSON in a text, too; an enumeration as the text it is
        return str(value)
    return Jsonb(value, dumps=orjson.dumps) if value is not None and isinstance(table.c[name].type, JSONB) else value


@contextmanager
def savepoint(session: Session) -> Iterator[SessionTransaction]:
    """`session.begin_nested()` that does not take with it, when it is rolled back, what was added before it."""
    write(session)
    with session.begin_nested() as nested:
        yield nested


@event.listens_for(Session, "do_orm_execute")
def _before_it_is_asked(state: ORMExecuteState) -> None:
    write(state.session)


@event.listens_for(Session, "before_commit")
def _before_it_commits(session: Session) -> None:
    """Also of a savepoint."""
    write(session)


@event.listens_for(Session, "after_soft_rollback")
def _after_it_was_rolled_back(session: Session, _transaction: SessionTransaction) -> None:
    session.info.pop(_PENDING, None)
