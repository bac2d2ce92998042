"""`inbox`: records that an operator has read once more, and positions.

Shows types, places and reasons, never a record's value.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared import db
from shared.bus import BusUnavailable
from shared.bus.reading import GroupActive
from shared.cli import tables
from shared.cli.desks import Desk
from shared.config import Settings
from shared.inbox import reading
from shared.problems import Problem

SHOWN = 20  # of what failed


def group(desk: Desk) -> click.Group:
    """`inbox rebuild | ignored | replay | positions | move | acts`."""
    made = click.Group("inbox", help="What is heard: read states again, replay what was ignored, see and set positions.")
    for make in (_rebuild, _ignored, _replay, _positions, _move, _acts):
        made.add_command(make(desk))
    return made


def _rebuild(desk: Desk) -> click.Command:
    @click.command(
        "rebuild", help="Apply every state of a compacted TOPIC once more, from the beginning; rows that are as new stay as they are."
    )
    @click.argument("topic")
    def rebuild(topic: str) -> None:
        with _engine(desk) as (engine, settings):
            _tell(reading.rebuild(engine, settings, desk.hearing(), topic=topic))

    return rebuild


def _ignored(desk: Desk) -> click.Command:
    @click.command("ignored", help="Types that this service has heard and had no handler for.")
    def ignored() -> None:
        with desk.transaction() as session:
            rows = [{"type": name, "count": count} for name, count in reading.ignored_of(session, desk.hearing())]
        tables.show(rows, "type", "count", none="nothing was ignored")

    return ignored


def _replay(desk: Desk) -> click.Command:
    @click.command(
        "replay", help="Handle what was ignored of TYPE, now that this release knows it. Later facts of the same cases were handled before."
    )
    @click.argument("name", metavar="TYPE")
    @click.option("--because", required=True, help="Why; kept, nothing personal.")
    def replay(name: str, because: str) -> None:
        with desk.transaction() as session:
            _note(session, desk, "replay", name, because)
        with _engine(desk) as (engine, settings):
            _tell(reading.replay_ignored(engine, settings, desk.hearing(), name=name))

    return replay


def _positions(desk: Desk) -> click.Command:
    @click.command("positions", help="Where this service reads on, and what each partition holds; exit 1 where a position is lost.")
    def positions() -> None:
        with _spoken(), desk.transaction() as session:
            rows = reading.positions_of(session, desk.settings(), desk.hearing())
        tables.show(rows, "topic", "partition", "next", "oldest", "newest", "lost", none="nothing is heard")
        sys.exit(1 if any(row.lost for row in rows) else 0)

    return positions


def _move(desk: Desk) -> click.Command:
    @click.command("move", help="Read PARTITION of TOPIC on from --to, after `work` was stopped: what is passed over is never heard.")
    @click.argument("topic")
    @click.argument("partition", type=int)
    @click.option("--to", required=True, help="oldest, newest, or an offset.")
    @click.option("--because", required=True, help="Why; kept, nothing personal.")
    def move(topic: str, partition: int, to: str, because: str) -> None:
        with _spoken(), desk.transaction() as session:
            offset = reading.set_position(session, desk.settings(), desk.hearing(), topic=topic, partition=partition, to=to)
            _note(session, desk, "move", f"{topic} {partition} {offset}", because)
        click.echo(f"{topic} / {partition} is read from {offset}")

    return move


def _acts(desk: Desk) -> click.Command:
    @click.command("acts", help="Positions that were set and types that were replayed: who did it, and why. The oldest first.")
    @tables.paged(int)
    def acts(after: int | None, limit: int) -> None:
        with desk.transaction() as session:
            rows = reading.acts_of(session, desk.hearing(), after=after, limit=limit + 1)
        tables.show_page(rows, "id", "at", "actor", "act", "subject", "because", limit=limit, key="id", none="nothing was done")

    return acts


def _note(session: Session, desk: Desk, act: str, subject: str, because: str) -> None:
    """Beside what was done to it; where the service has an audit of all that operators do, there, too."""
    reading.note(session, desk.hearing(), act=act, subject=subject, actor=desk.actor(), because=because)
    desk.audit(session, actor=desk.actor(), act=f"inbox.{act}", subject=subject, because=because)


def _tell(done: reading.Read) -> None:
    """Figures; exit 1 where something failed."""
    click.echo(f"{done.handled} handled, {len(done.failed)} failed, {done.parked} behind a parked key, {done.gone} no longer in the topic")
    for line in done.failed[:SHOWN]:
        click.echo(line, err=True)
    sys.exit(1 if done.failed or done.parked else 0)


@contextmanager
def _engine(desk: Desk) -> Iterator[tuple[Engine, Settings]]:
    settings = desk.settings()
    engine = db.engine(settings.database_url, name="inbox-cli", timeouts=db.LOOP)
    try:
        with _spoken():
            yield engine, settings
    finally:
        engine.dispose()


@contextmanager
def _spoken() -> Iterator[None]:
    """Faults that an operator can do something about, as a sentence and exit 1."""
    try:
        yield
    except GroupActive as fault:
        raise click.ClickException(f"consumers of {fault} are at work: stop `work consume` first") from fault
    except BusUnavailable as fault:
        raise click.ClickException(f"the broker or the topic is not there: {fault}") from fault
    except Problem as problem:
        raise click.ClickException(f"{problem.title}: {problem.detail or problem.hint}") from problem
