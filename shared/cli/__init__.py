"""The commands every service has: serve, settings and doctor; with a database also work, migrate, topics, health, outbox; where it hears, also parked, letters, letter, replay, drop, inbox. A service adds its own.

Bad configuration: every fault at once, exit 2. SIGTERM: finish what is in hand, exit 0.
"""

import getpass
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared import beats, db, log
from shared.cli import backups, blocked, doctor, parked, reading, server, sizes
from shared.cli.backups import Restoring
from shared.cli.desks import Desk
from shared.cli.loops import Loop, run_loops, serve_metrics
from shared.config import BadConfiguration, HttpSettings, Settings
from shared.events import TOPICS, Topic
from shared.inbox import Hearing
from shared.problems import Problem

S = TypeVar("S", bound=HttpSettings)


@dataclass(frozen=True)
class Service(Generic[S]):
    """What the commands need to know of a service."""

    name: str
    settings: type[S]
    migrations: Path | None = None  # None: it has no database, and so neither topics nor loops
    topics: Sequence[Topic] = ()  # those it writes, and so creates
    loops: Callable[[Settings], Mapping[str, Loop]] = field(default=lambda _: {})
    connections: Mapping[str, int] = field(
        default_factory=dict
    )  # to its database, at most: of each process of `serve`, of each loop by name
    hearing: Callable[[Any], Hearing] | None = None  # what its consumer, which has the service's name, hears under these settings
    restoring: Restoring | None = None  # what a restored database needs
    own: doctor.Own = field(default_factory=doctor.Own)  # what `doctor` looks at besides
    owed: Callable[[Session], str | None] | None = None  # what must be done before it serves or works, in a sentence
    audit: Callable[..., None] | None = None  # (session, actor=, act=, subject=, because=): where a service keeps what operators did


def commands(service: Service[Any]) -> click.Group:
    """The command group of a service, to be called by its __main__."""
    group = _Group(service.name, help=f"The {service.name} service.", context_settings={"help_option_names": ["-h", "--help"]})
    for make in (
        (_serve, _settings, _doctor) if service.migrations is None else (_serve, _work, _migrate, _topics, _health, _settings, _doctor)
    ):
        group.add_command(make(service))
    if service.migrations is not None:
        group.add_command(blocked.group(lambda: transaction(service), actor))
        group.add_command(sizes.command(lambda: transaction(service)))
    if service.restoring is not None:
        consumer = service.name if service.hearing else None
        for command in backups.commands(service.name, lambda: read_settings(service), service.restoring, consumer=consumer):
            group.add_command(command)
    if service.hearing is not None:
        hearing = service.hearing
        desk = Desk(
            lambda: hearing(read_settings(service)),
            lambda: read_settings(service),
            lambda: transaction(service),
            actor,
            service.audit or _no_audit,
        )
        for command in (*parked.commands(desk), reading.group(desk)):
            group.add_command(command)
    return group


class _Group(click.Group):
    """Its commands take texts that a database and a topic can hold."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for text in args:
            try:
                text.encode()
            except UnicodeEncodeError as fault:
                raise click.UsageError("an argument is not UTF-8", ctx) from fault
        return super().parse_args(ctx, args)


def _no_audit(_session: Session, **_act: str) -> None:
    """What was done stays with its reason in the rows it was done to."""


def read_settings(service: Service[S]) -> S:
    """The settings, with logging set up by them; every fault on stderr and exit 2."""
    try:
        settings = service.settings.from_env()
    except BadConfiguration as bad:
        for fault in bad.faults:
            click.echo(f"{service.name}: {fault}", err=True)
        sys.exit(2)
    log.configure(service=service.name, level=settings.log_level, style=settings.log_format)
    return settings


@contextmanager
def transaction(service: Service[Any]) -> Iterator[Session]:
    """One transaction on the service's database, for a command; a problem ends the command with a sentence and exit 1."""
    settings: Settings = read_settings(service)
    engine = db.engine(settings.database_url, name=f"{service.name}-cli")
    try:
        with db.transaction(engine) as session:
            yield session
    except Problem as problem:
        raise click.ClickException(f"{problem.title}: {problem.detail or problem.hint}") from problem
    finally:
        engine.dispose()


def _refuse_what_is_owed(service: Service[Any]) -> None:
    """A restored database does not serve before it has forgotten whom it must. Raises ClickException; a database that is away is no reason here."""
    if service.owed is None:
        return
    try:
        with transaction(service) as session:
            owed = service.owed(session)
    except SQLAlchemyError:
        return
    if owed:
        raise click.ClickException(f"{service.name}: {owed}")


def actor() -> str:
    """Who typed the command, as the audit names them."""
    return f"cli:{getpass.getuser()}"


def _serve(service: Service[Any]) -> click.Command:
    @click.command("serve", help="Answer HTTP at HTTP_BIND, by gunicorn.")
    def serve() -> None:
        settings = read_settings(service)
        _refuse_what_is_owed(service)
        each = service.connections.get("serve", 0)
        log.get(__name__).info("serve begins", processes=settings.http_processes, connections=settings.http_processes * each)
        server.serve(service.name, settings)

    return serve


def _work(service: Service[Any]) -> click.Command:
    @click.command("work", help="Run the loops of this service (or only those named) until SIGTERM; end if one of them ends.")
    @click.argument("names", nargs=-1)
    def work(names: tuple[str, ...]) -> None:
        settings: Settings = read_settings(service)
        _refuse_what_is_owed(service)
        loops = dict(service.loops(settings))
        unknown = [name for name in names if name not in loops]
        if unknown:
            raise click.UsageError(f"unknown loop {', '.join(unknown)}; there are {', '.join(loops)}")
        chosen = {name: loop for name, loop in loops.items() if not names or name in names}
        connections = sum(service.connections[name] for name in chosen)
        log.get(__name__).info("work begins", connections=connections, **_useful_workers(service, settings))
        if settings.metrics_bind:
            serve_metrics(settings.metrics_bind)
        sys.exit(run_loops(service.name, chosen))

    return work


def _useful_workers(service: Service[Any], settings: Settings) -> dict[str, int]:
    """More consumers than partitions have nothing to do; empty where nothing is heard."""
    heard = service.hearing(settings).topics if service.hearing else ()
    return {"useful_workers": max(TOPICS[name].partitions for name in heard)} if heard else {}


def _migrate(service: Service[Any]) -> click.Command:
    @click.command("migrate", help="Bring the database to the newest structure.")
    def migrate() -> None:
        assert service.migrations is not None  # noqa: S101
        settings: Settings = read_settings(service)
        db.migrate(settings.migrate_database_url or settings.database_url, service.migrations)
        click.echo(f"{service.name}: the database is current")

    return migrate


def _topics(service: Service[Any]) -> click.Command:
    @click.command("topics", help="Create this service's topics; say where the broker differs (exit 1).")
    def topics() -> None:
        from shared.bus.topics import ensure_topics

        drift = ensure_topics(read_settings(service), service.topics)
        for line in drift:
            click.echo(f"{service.name}: {line}", err=True)
        click.echo(f"{service.name}: topics {', '.join(topic.name for topic in service.topics) or 'none'}")
        sys.exit(1 if drift else 0)

    return topics


def _health(service: Service[Any]) -> click.Command:
    @click.command("health", help="Whether every loop of `work` on this machine has turned within the last 30 seconds.")
    def health() -> None:
        sys.exit(beats.main(service.name))

    return health


def _doctor(service: Service[Any]) -> click.Command:
    @click.command(
        "doctor", help="Look at everything this service stands on, or at the checks named, a line each; exit 1 where something is wrong."
    )
    @click.argument("names", nargs=-1, metavar="[CHECK…]")
    def look(names: tuple[str, ...]) -> None:
        from shared.cli.doctor.checks import examine

        try:
            settings = service.settings.from_env()
        except BadConfiguration as bad:
            doctor.show([("configuration", doctor.misconfigured(bad.faults))])
            sys.exit(1)
        log.configure(service=service.name, level="critical", style="text")  # each finding says what a library would
        hearing = service.hearing(settings) if service.hearing else None
        it = doctor.Examined(service.name, settings, service.migrations, service.topics, hearing, service.owed, service.own)
        sys.exit(1 if doctor.show(examine(it), only=names) else 0)

    return look


def _settings(service: Service[Any]) -> click.Command:
    @click.command("settings", help="List every setting: name, meaning, default.")
    def settings() -> None:
        from dataclasses import MISSING

        for one in fields(service.settings):
            value = one.default if one.default_factory is MISSING else one.default_factory()
            default = "required" if value is MISSING else f"default {value!r}"
            shown = "secret" if one.metadata["secret"] and default != "required" else default
            click.echo(f"{one.name.upper()}  ({shown})\n    {one.metadata['meaning']}")

    return settings
