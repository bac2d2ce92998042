"""Rows written together: as if each had been inserted at once, in fewer statements."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import uuid4

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    event,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared import db, writes

metadata = MetaData()
trees = Table("trees", metadata, Column("id", Integer, primary_key=True), Column("facts", JSONB))
leaves = Table(
    "leaves",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("tree", ForeignKey("trees.id")),
    Column("name", Text),
)

seeds = Table(
    "seeds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("raw", LargeBinary),
    Column("at", DateTime(timezone=True)),
    Column("grams", Numeric),
    Column("keeps", Interval),
    Column("good", Boolean),
    Column("facts", JSONB),
)


class Base(DeclarativeBase):
    metadata = MetaData()


class Tree(Base):
    __tablename__ = "trees"

    id: Mapped[int] = mapped_column(primary_key=True)


class _GivenUp(Exception):
    pass


class Colour(StrEnum):
    GREEN = "green"


@pytest.fixture
def statements(engine):
    """What was sent to the database, without BEGIN and COMMIT."""
    metadata.create_all(engine)
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    return seen


def grow(session, tree, *names):
    writes.add(session, trees, [{"id": tree, "facts": {"old": True}}])
    writes.add(session, leaves, [{"tree": tree, "name": name} for name in names])


def names(engine):
    with db.transaction(engine) as session:
        return list(session.scalars(text("SELECT name FROM leaves ORDER BY id")))


def test_rows_of_several_tables_are_one_statement_in_the_order_of_adding(engine, statements):
    with db.transaction(engine) as session:
        grow(session, 1, "b", Colour.GREEN)
        grow(session, 2, "a", None)
    assert len(statements) == 1
    assert names(engine) == ["b", "green", "a", None]


def test_many_rows_are_the_same_statement_whatever_their_number(engine, statements):
    for number in (1, 2):
        with db.transaction(engine) as session:
            grow(session, number, *(f"{number} {leaf:02}" for leaf in range(number * writes.MANY)), None)
            writes.add(
                session,
                trees,
                [{"id": 10 * number + extra, "facts": None if extra % 2 else {"at": [extra]}} for extra in range(writes.MANY)],
            )
    assert len(statements) == 2
    assert statements[0] == statements[1]
    assert names(engine)[: writes.MANY + 1] == [f"1 {leaf:02}" for leaf in range(writes.MANY)] + [None]
    with db.transaction(engine) as session:
        assert session.scalars(text("SELECT facts ->> 'at' FROM trees WHERE id >= 10 ORDER BY id LIMIT 3")).all() == ["[0]", None, "[2]"]


@pytest.mark.parametrize("number", [1, writes.MANY])
def test_a_value_of_any_type_is_written_as_it_was_given(engine, statements, number):
    given = {"raw": b"\x00\xff\\", "at": datetime(2027, 1, 12, 9, 0, 0, 123456, tzinfo=UTC), "grams": Decimal("0.10"), "keeps": timedelta(days=2, seconds=3), "good": False, "facts": '{"a": ["\\u00e9"]}'}  # fmt: skip
    rows = [{"id": uuid4(), **dict.fromkeys(given)}, *({"id": uuid4(), **given} for _ in range(number))]
    with db.transaction(engine) as session:
        writes.add(session, seeds, rows)
        found = {row["id"]: dict(row) for row in session.execute(select(seeds)).mappings()}
    assert [found[row["id"]] for row in rows] == [row | {"facts": row["facts"] and {"a": ["é"]}} for row in rows]


def test_something_is_told_once_with_the_rows_or_without(engine, statements):
    with db.transaction(engine) as session:
        grow(session, 1, "a")
        writes.tell(session, "SELECT pg_notify('a', '')::text")
        writes.tell(session, "SELECT pg_notify('b', '')::text")
        writes.tell(session, "SELECT pg_notify('a', '')::text")
    with db.transaction(engine) as session:
        writes.tell(session, "SELECT pg_notify('a', '')::text")
    assert [statement.count("pg_notify") for statement in statements] == [2, 1]


def test_what_was_added_is_seen_by_the_next_question(engine, statements):
    with db.transaction(engine) as session:
        grow(session, 1, "a")
        assert session.scalars(text("SELECT facts ->> 'old' FROM trees")).one() == "true"
        assert session.get(Tree, 1) is not None
        grow(session, 2, "b")
    assert names(engine) == ["a", "b"]


def test_rows_may_refer_to_objects_of_the_session(engine, statements):
    with db.transaction(engine) as session:
        writes.add(session, leaves, [{"tree": 1, "name": "a"}])
        session.add(Tree(id=1))
    assert names(engine) == ["a"]


def test_a_violated_constraint_is_raised_by_the_commit_at_the_latest(engine, statements):
    with pytest.raises(IntegrityError, match="leaves_tree_fkey"), db.transaction(engine) as session:
        writes.add(session, leaves, [{"tree": 7, "name": "a"}])
    assert names(engine) == []


def test_a_conflict_that_is_allowed_is_passed_over(engine, statements):
    with db.transaction(engine) as session:
        for _ in range(2):
            writes.add(session, trees, [{"id": 1, "facts": None}], on_conflict="ON CONFLICT DO NOTHING")
    assert len(statements) == 1


def test_a_savepoint_takes_only_its_own_rows_with_it(engine, statements):
    with db.transaction(engine) as session:
        grow(session, 1, "before")
        with suppress(_GivenUp), writes.savepoint(session):
            grow(session, 2, "within")
            raise _GivenUp
        with writes.savepoint(session):
            writes.add(session, leaves, [{"tree": 1, "name": "after"}])
    assert names(engine) == ["before", "after"]


def test_what_is_rolled_back_is_not_written_by_the_session_s_next_transaction(engine, statements):
    with suppress(_GivenUp), db.transaction(engine) as session:
        grow(session, 1, "a")
        raise _GivenUp
    with session.begin():
        session.execute(text("SELECT 1"))
    assert names(engine) == []
