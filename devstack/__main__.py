"""The commands of `python -m devstack`; each says what it opened and ends everything with ctrl-C.

Decides nothing: what a command does stands in its module.
"""

import imaplib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import click

from devstack.launch import CannotStart
from devstack.supervisor import ProgramEnded


@click.group()
def devstack() -> None:
    """PostgreSQL, Kafka and all processes of Passage on this machine."""


@devstack.command()
@click.option("--docker", is_flag=True, help="PostgreSQL and Kafka in containers.")
def up(docker: bool) -> None:
    """All of Passage: print every address, show every log, end with ctrl-C."""
    from devstack import orders, robots
    from devstack import up as everything

    with (
        suppress(KeyboardInterrupt),
        everything.running(docker=docker) as (place, them),
        robots.at_work(place, click.echo),
        orders.taken(place, them) as look_for_orders,
    ):
        everything.print_addresses(place)
        them.watch(also=look_for_orders)


@devstack.command()
@click.option("--docker", is_flag=True, help="PostgreSQL and Kafka in containers.")
@click.option("--keep/--no-keep", default=None, help="Leave everything up until ctrl-C; by default where a person looks on.")
def demo(docker: bool, keep: bool | None) -> None:
    """The main job: one enquiry from the seed's page to mailbox and webhook, hop by hop."""
    from devstack import demo as story

    with suppress(KeyboardInterrupt):
        story.demo(docker=docker, keep=keep)


@devstack.command()
@click.option("--docker", is_flag=True, help="PostgreSQL and Kafka in containers.")
def parts(docker: bool) -> None:
    """Only PostgreSQL and Kafka: print their addresses and wait for ctrl-C."""
    from devstack import parts as devstack_parts

    with suppress(KeyboardInterrupt), devstack_parts.running(docker=docker) as started:
        click.echo(f"{devstack_parts.POSTGRES_URL}={started.postgres.superuser_url}")
        click.echo(f"{devstack_parts.KAFKA}={started.kafka}")
        signal.pause()


@devstack.command()
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="Of the mailbox's IMAP.")
@click.option("--to", "address", help="Only mails to this address.")
def mails(port: int, address: str | None) -> None:
    """Show the mails of a running mailbox; `.devstack/mails` knows its port and password."""
    from devstack.mailbox import PASSWORD, Mailbox

    held = Mailbox(smtp_port=0, web_port=0, imap_port=port, password=os.environ.get(PASSWORD, ""))
    try:
        click.echo(held.shown(address) or "no mails")
    except (OSError, imaplib.IMAP4.error) as fault:
        raise click.ClickException(f"the mailbox at port {port} does not answer: {fault}") from fault


@devstack.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("act", type=click.Choice(["stop", "start", "restart"]))
@click.argument("names", nargs=-1, required=True)
def parts_of(folder: Path, act: str, names: tuple[str, ...]) -> None:
    """End or start programs of a run; `.devstack/parts` knows its folder."""
    from devstack import orders

    for name in names:
        for step in orders.ACTS[act]:
            click.echo(orders.ask(folder, step, name))


@devstack.command()
def lock_jars() -> None:
    """Resolve Apache Kafka's jars anew and write kafka-jars.lock."""
    from devstack import jars

    jars.write_lock(click.echo)


def main() -> None:
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)  # as ctrl-C: it leaves every `with`, and so ends what was started
    try:
        devstack()
    except (CannotStart, ProgramEnded, RuntimeError) as error:
        sys.exit(f"devstack: {error}")


if __name__ == "__main__":
    main()
