"""Everything at once: the two parts, mailbox, receiver, databases, topics and all processes of all services.

What `make up` and `make demo` stand on; each run starts empty and leaves nothing.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import click
from rich.console import Console
from rich.table import Table

from devstack import access, folders, parts, processes
from devstack.mailbox import mailbox
from devstack.preloaded import preloaded
from devstack.processes import Place
from devstack.receiver import receiver
from devstack.supervisor import Supervisor

IN_A_SECOND_TERMINAL = (
    "In a second terminal, from this folder:",
    "  . .devstack/env                       the addresses again, as $WEB, $ENQUIRY, $MAILBOX …",
    "  .devstack/mails --to ADDRESS          what was mailed to an address",
    "  .devstack/passage SERVICE COMMAND…    a service's command line",
    "  .devstack/parts restart NAME…         one program (enquiry-work …), kafka or postgres; also stop, start",
)
WIDEST = 140  # PostgreSQL's address with its password on one line, to be copied


@contextmanager
def running(
    *,
    docker: bool = False,
    write: Callable[[str], None] = click.echo,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
    stays: bool = True,
) -> Iterator[tuple[Place, Supervisor]]:
    """All of it, ready. Raises CannotStart, ProgramEnded.

    `write` takes every line of progress and log; `settings` are given to every service. A run that does not stay up opens no way in
    for a second terminal: that of another run stays as it is.
    """
    processes.require(processes.SERVED)
    begun = time.monotonic()
    with ExitStack() as stack:
        forks = stack.enter_context(preloaded()) if sys.platform == "linux" else None  # imports while PostgreSQL and Kafka start
        folder = stack.enter_context(folders.run_folder())
        mail, hooks = stack.enter_context(mailbox()), stack.enter_context(receiver())
        ports = processes.reserve_ports(stack)
        them = stack.enter_context(Supervisor(["mailbox", "receiver", *processes.names()], write=write, forks=forks))
        them.start(mail.program(log=folder / "mailbox.log"))  # both come up while PostgreSQL and Kafka do
        them.start(hooks.program())
        write(f"{0:5.1f} s  PostgreSQL and Kafka are starting")
        started = stack.enter_context(parts.running(docker=docker, durable=durable, tell=write))
        stack.callback(them.stop)  # before the parts they stand on
        place = Place(folder, started, mail, hooks, ports, forks)
        _tell_step(write, begun, "PostgreSQL and Kafka are ready")
        place.environments.update({service: own | dict(settings or {}) for service, own in processes.environments(place).items()})
        if stays:
            stack.enter_context(access.open_for(place))
        _tell_step(write, begun, "databases, topics and the sample catalog are being made")
        _start_services(place, them)
        _tell_step(write, begun, "the servers are starting")
        them.wait_until_ready()
        _tell_step(write, begun, "everything is ready")
        yield place, them


def _start_services(place: Place, them: Supervisor) -> None:
    for service in processes.SERVICES:
        place.parts.postgres.create_database(service)
    them.run(processes.preparations(place.environments))
    for program in processes.programs(place, place.environments):
        them.start(program)
    them.run(processes.imports(place.environments))


def print_addresses(place: Place) -> None:
    """Everything that listens, for people."""
    table = Table(title="Passage is up; ctrl-C ends everything", title_justify="left")
    table.add_column("what")
    table.add_column("where", no_wrap=True)
    table.add_row("the site", place.http(processes.SITE))
    for service in processes.SERVICES:
        table.add_row(service, place.http(service))
    table.add_row("mailbox: every mail; takes some seconds", place.mailbox.url)
    table.add_row("webhooks received by the demo hospitals", place.receiver.url)
    table.add_row("SMTP of the mailbox", f"127.0.0.1:{place.mailbox.smtp_port}")
    table.add_row("PostgreSQL", place.parts.postgres.superuser_url)
    table.add_row("Kafka", place.parts.kafka)
    Console(width=max(Console().width, WIDEST)).print(table, *IN_A_SECOND_TERMINAL, sep="\n", highlight=False)


def _tell_step(write: Callable[[str], None], begun: float, what: str) -> None:
    write(f"{time.monotonic() - begun:5.1f} s  {what}")
