"""`backup`, `restore`, `new-broker` and their like of a service's database, by PostgreSQL's own programs; and what makes a restored one fit to go on.

A restored database has forgotten how far it had come: its versions are raised above all that was ever published, its states are said again.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import backups, db
from shared.bus import BusUnavailable
from shared.bus.groups import forget_group
from shared.config import Settings
from shared.events import TOPICS

VERSION_STEP = 1_000_000  # more than any thing changes between a backup and its use
DUMP = ("--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data")
RESTORE = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")


class CannotRestore(Exception):
    """The file is damaged, the database is not empty, or PostgreSQL's program has refused. Nothing was changed."""


@dataclass(frozen=True)
class Restoring:
    """What a service does with its restored database. `statements` know `:step`; `say_again` publishes its states and says how many."""

    statements: Sequence[str] = ()
    say_again: Callable[[Session, Any], int] = field(default=lambda *_: 0)


def back_up(settings: Settings, to: Path) -> str:
    """Write the database to a file, and its SHA-256 beside it; returns that. Raises CannotRestore where pg_dump does."""
    _run(settings, settings.database_url, "pg_dump", [*DUMP, f"--file={to}"])
    digest = _digest(to)
    _beside(to).write_text(f"{digest}  {to.name}\n", encoding="utf-8")
    note_taken(settings)
    return digest


def note_taken(settings: Settings) -> None:
    """A backup was taken, here or by other means: the alert of its age (BackupOld) begins anew."""
    engine = db.engine(settings.database_url, name="backup")
    try:
        with db.transaction(engine) as session:
            backups.note_taken(session)
    finally:
        engine.dispose()


def restore(settings: Settings, restoring: Restoring, source: Path, *, consumer: str | None, new_broker: bool) -> int:
    """Fill an empty database from a file and make it fit to go on; returns how many states were said again.

    `new_broker`: the topics were lost with the database, so what may not have been heard is published again, before what waits.
    """
    _check(source)
    url = settings.migrate_database_url or settings.database_url
    engine = db.engine(url, name="restore", timeouts=db.LOOP | {"statement_timeout": 0, "transaction_timeout": 0})
    try:
        with db.transaction(engine) as session:
            if session.scalars(text("SELECT to_regclass('alembic_version') IS NOT NULL")).one():
                raise CannotRestore("the database is not empty")
        if consumer is not None and not new_broker:
            _forget_position(settings, consumer)
        _run(settings, url, "pg_restore", [*RESTORE, str(source)])
        return _go_on(engine, settings, restoring, consumer=consumer, new_broker=new_broker)
    finally:
        engine.dispose()


def make_fit(settings: Settings, restoring: Restoring, *, consumer: str | None, new_broker: bool) -> int:
    """As `restore`, where PostgreSQL's own programs have filled the database elsewhere; nobody may serve from it before. May be done again."""
    engine = db.engine(settings.database_url, name="restore", timeouts=db.LOOP | {"statement_timeout": 0, "transaction_timeout": 0})
    try:
        if consumer is not None and not new_broker:
            _forget_position(settings, consumer)
        return _go_on(engine, settings, restoring, consumer=consumer, new_broker=new_broker)
    finally:
        engine.dispose()


def _go_on(engine: Engine, settings: Settings, restoring: Restoring, *, consumer: str | None, new_broker: bool) -> int:
    """In one transaction: above all that was published, from where the database says; returns how many states are said again."""
    with db.transaction(engine) as session:
        for statement in (*restoring.statements, *_ALWAYS):
            if consumer is not None or "consumer_" not in statement:
                session.execute(text(statement), {"step": VERSION_STEP, "states": [name for name, one in TOPICS.items() if one.compacted]})
        if new_broker:
            _publish_again(session, consumer)
        return restoring.say_again(session, settings)


# States that waited to be published are older than what has been: on a compacted topic they would stay for ever. States are read from the beginning.
_ALWAYS = (
    "DELETE FROM outbox WHERE topic = ANY(:states)",
    "DELETE FROM consumer_progress WHERE topic = ANY(:states)",
    "DELETE FROM consumer_targets",
)


def begin_again(settings: Settings, restoring: Restoring, *, consumer: str | None) -> int:
    """The databases are there and the topics are not: what may not have been heard is published once more, in its order, before what waits.

    Whoever heard it recognises it. Returns how many records wait to be published.
    """
    engine = db.engine(settings.database_url, name="new-broker", timeouts=db.LOOP | {"statement_timeout": 0, "transaction_timeout": 0})
    try:
        with db.transaction(engine) as session:
            _publish_again(session, consumer)
            restoring.say_again(session, settings)
            return int(session.scalars(text("SELECT count(*) FROM outbox")).one())
    finally:
        engine.dispose()


def _publish_again(session: Session, consumer: str | None) -> None:
    """Into the outbox, in their order and before what waits there; the new topics are read from the beginning."""
    if consumer is not None:
        session.execute(text("DELETE FROM consumer_progress"))
    session.execute(_SAY_AGAIN, {"answered": [name for name, topic in TOPICS.items() if topic.accounted]})


# Facts that somebody answers for: those without an answer. The others: those of the last day, far more than a consumer is ever behind.
_SAY_AGAIN = text(
    """
    WITH waiting AS (DELETE FROM outbox RETURNING *), again AS (
        SELECT * FROM waiting UNION ALL
        SELECT id, event_id, topic, key, type, version, sequence, recorded_at, headers, value, NULL, NULL FROM outbox_archive AS said
        WHERE CASE WHEN topic = ANY(:answered) THEN EXISTS (SELECT FROM outbox_awaiting WHERE event_id = said.event_id)
            ELSE acked_at > clock_timestamp() - interval '1 day' END
    )
    INSERT INTO outbox (event_id, topic, key, type, version, sequence, recorded_at, headers, value, blocked_because, blocked_at)
    SELECT event_id, topic, key, type, version, sequence, recorded_at, headers, value, blocked_because, blocked_at FROM again ORDER BY id
    ON CONFLICT (topic, key, version, sequence) DO NOTHING
    """
)


def _forget_position(settings: Settings, consumer: str) -> None:
    try:
        forget_group(settings, consumer)
    except BusUnavailable as fault:
        raise CannotRestore(f"the broker does not forget the group {consumer} ({fault}): end every worker of it and try again") from fault


def _check(source: Path) -> None:
    if not source.is_file() or not _beside(source).is_file():
        raise CannotRestore(f"{source.name} and {_beside(source).name} must lie side by side")
    if _beside(source).read_text(encoding="utf-8").split()[:1] != [_digest(source)]:
        raise CannotRestore(f"{source.name} is not what was written: its SHA-256 differs")


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _run(settings: Settings, url: str, program: str, arguments: Sequence[str]) -> None:
    """The password travels in the environment: arguments can be read by everybody on the machine."""
    found = shutil.which(program, path=settings.postgres_programs or None)
    if found is None:
        raise CannotRestore(f"{program} is not there: install PostgreSQL's client programs, or name their folder in POSTGRES_PROGRAMS")
    at = conninfo_to_dict(url)
    password = at.pop("password", None)
    environment = {"LC_ALL": "C"} | ({"PGPASSWORD": str(password)} if password else {})
    chosen = [f"--dbname={make_conninfo('', **at)}", *arguments]  # with sslmode and its certificates, as everybody else connects
    ended = subprocess.run([found, *chosen], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise CannotRestore(f"{program}: {(ended.stderr.strip().splitlines() or ['no reason given'])[0]}")


def commands(name: str, read: Callable[[], Settings], restoring: Restoring, *, consumer: str | None) -> list[click.Command]:
    """`backup FILE`, `backup-taken`, `restore FILE`, `restored` and `new-broker` of the service."""

    @click.command("backup", help="Write the database to FILE, and its checksum beside it. Everything may go on running.")
    @click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
    def backup(file: Path) -> None:
        try:
            click.echo(f"{name}: {file} {back_up(read(), file)}")
        except CannotRestore as fault:
            raise click.ClickException(str(fault)) from fault

    @click.command("backup-taken", help="Say that a backup was taken by other means than `backup`, and is where it is kept.")
    def backup_taken() -> None:
        note_taken(read())

    @click.command(
        "restored", help="The empty database was filled by pg_restore elsewhere: make it fit to go on. Nothing of the service may run."
    )
    @click.option("--new-broker", is_flag=True, help="The topics were lost, too.")
    def restored(new_broker: bool) -> None:
        try:
            count = make_fit(read(), restoring, consumer=consumer, new_broker=new_broker)
        except CannotRestore as fault:
            raise click.ClickException(str(fault)) from fault
        click.echo(f"{name}: restored, {count} states said again")

    @click.command("restore", help="Fill the empty database from FILE. Nothing of the service may run; the other services may.")
    @click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
    @click.option("--new-broker", is_flag=True, help="The topics were lost, too.")
    def restore_(file: Path, new_broker: bool) -> None:
        try:
            count = restore(read(), restoring, file, consumer=consumer, new_broker=new_broker)
        except CannotRestore as fault:
            raise click.ClickException(str(fault)) from fault
        click.echo(f"{name}: restored, {count} states said again")

    @click.command(
        "new-broker", help="The topics were lost and made anew, the database is there: publish once more what may not have been heard."
    )
    def new_broker_() -> None:
        click.echo(f"{name}: {begin_again(read(), restoring, consumer=consumer)} records wait to be published")

    return [backup, backup_taken, restore_, restored, new_broker_]
