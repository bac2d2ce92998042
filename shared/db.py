"""PostgreSQL: engines with the time-outs of the house, sessions, migrations, names of constraints.

Each service has its own database and its own Base; nothing here knows a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import stamina
from sqlalchemy import DateTime, Engine, ExceptionContext, LargeBinary, MetaData, Select, Text, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from shared import metrics
from shared.clock import Clock, system_clock

if TYPE_CHECKING:  # alembic takes an eighth of a command's start, and most commands only read a table
    from alembic.runtime.environment import EnvironmentContext

# time-outs in milliseconds. A loop that is paused in a transaction would otherwise block its successor.
WEB = {"statement_timeout": 5_000, "lock_timeout": 2_000, "idle_in_transaction_session_timeout": 10_000, "transaction_timeout": 30_000}
LOOP = {**WEB, "statement_timeout": 15_000, "lock_timeout": 5_000}

# serialization_failure, deadlock_detected, lock_not_available, query_canceled: the same work may succeed a moment later
TRANSIENT = {"40001", "40P01", "55P03", "57014"}
# insufficient_resources (disk_full, out_of_memory, too_many_connections), operator_intervention (a restart), system_error (an I/O error):
# the server's trouble, never the work's
TRANSIENT_CLASSES = {"53", "57", "58"}

MAX_SKEW_SECONDS = 2.0  # between our clock and the database's: beyond it we do nothing that goes by the clock

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
COLUMN_TYPES: dict[Any, Any] = {
    str: Text,
    bytes: LargeBinary,
    datetime: DateTime(timezone=True),
    dict[str, Any]: JSONB,
    list[Any]: JSONB,
    dict[str, str]: JSONB,
    list[str]: JSONB,
}


def metadata() -> MetaData:
    """Tables of one service or of one mechanism, with constraints named as PostgreSQL would."""
    return MetaData(naming_convention=NAMES)


def engine(url: str, *, name: str, timeouts: dict[str, int] = WEB, pool: int = 1) -> Engine:
    """An engine for one process, made after its fork. `name` is what pg_stat_activity shows. Errors never quote parameters."""
    options = " ".join(f"-c {key}={value}" for key, value in timeouts.items())
    made = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=False,
        hide_parameters=True,
        connect_args={"options": f"{options} -c timezone=UTC", "application_name": name, "connect_timeout": 5, **keepalives()},
    )
    event.listen(made, "handle_error", _count_fault)
    return made


def _count_fault(context: ExceptionContext) -> None:
    """The server's own trouble, for whoever watches. A statement that is wrong, or breaks a constraint, is none."""
    fault = context.original_exception
    sqlstate = getattr(fault, "sqlstate", None)
    if sqlstate is None and isinstance(fault, psycopg.OperationalError):
        metrics.database_faults.labels("connection").inc()
    elif sqlstate is not None and sqlstate[:2] in TRANSIENT_CLASSES:
        metrics.database_faults.labels(sqlstate).inc()


def keepalives() -> dict[str, int]:
    """libpq settings that notice a dead peer within some 5 seconds."""
    return {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000}


@contextmanager
def transaction(bound: Engine) -> Iterator[Session]:
    """One session, one transaction: committed at the end, rolled back on any error."""
    with Session(bound, expire_on_commit=False) as session, session.begin():
        yield session


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed a moment later: the connection was lost, one of TRANSIENT, or trouble of the server's own (a full disk)."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, psycopg.OperationalError)
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is None:
        return error.connection_invalidated or isinstance(error, OperationalError)
    return error.connection_invalidated or sqlstate in TRANSIENT or sqlstate[:2] in TRANSIENT_CLASSES


def newest_first(query: Select[Any], column: Any, *, after: UUID | None, limit: int) -> Select[Any]:
    """A page by ids that are ordered by time: one row more than `limit`, from the newest down, behind `after`."""
    return (query.where(column < after) if after else query).order_by(column.desc()).limit(limit + 1)


def oldest_first(query: Select[Any], column: Any, *, after: UUID | None, limit: int) -> Select[Any]:
    """The same from the oldest up."""
    return (query.where(column > after) if after else query).order_by(column).limit(limit + 1)


def clock_skew(session: Session, clock: Clock = system_clock) -> float:
    """Seconds by which this machine's clock is ahead of the database's (negative: behind)."""
    theirs: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
    return (clock() - theirs).total_seconds()


# -- migrations ---------------------------------------------------------------


@stamina.retry(on=OperationalError, attempts=20, timeout=120, wait_max=5.0)
def migrate(url: str, scripts: Path) -> None:
    """Bring the database to the newest revision. Waits at most 2 s for a lock, then lets others pass and tries again."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def is_behind(session: Session, scripts: Path) -> bool:
    """Whether the database lacks a revision that we have. One that is newer than we are is not behind: the release before keeps serving while the next one migrates."""
    if session.scalars(text("SELECT to_regclass('alembic_version')")).one() is None:
        return True
    known, head = _revisions(scripts)
    held = set(session.scalars(text("SELECT version_num FROM alembic_version")))
    return not held or (head not in held and held <= known)


@cache
def _revisions(scripts: Path) -> tuple[frozenset[str], str | None]:
    """All of them, and the newest."""
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(str(scripts))
    return frozenset(one.revision for one in directory.walk_revisions()), directory.get_current_head()


def run_migrations(environment: EnvironmentContext) -> None:
    """What each service's migrations/env.py calls: one transaction for all revisions, one migrator at a time."""
    bound = engine(environment.config.attributes["url"], name="migrate", timeouts={"lock_timeout": 2_000})
    with bound.connect() as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(7270961)"))
        environment.configure(connection=connection, target_metadata=None)
        environment.run_migrations()
    bound.dispose()


def statements_of(revision: str) -> str:
    """The SQL beside a revision's Python file: structure is written as SQL, where a linter and a person can read it."""
    return Path(revision).with_suffix(".sql").read_text(encoding="utf-8")
