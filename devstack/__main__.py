"""The commands of `python -m devstack`; each says what it opened and ends everything with ctrl-C.

Decides nothing: what a command does stands in its module.
"""

import signal
import sys
from contextlib import suppress

import click

from devstack.launch import CannotStart


@click.group()
def devstack() -> None:
    """PostgreSQL, Kafka and all processes of Passage on this machine."""


@devstack.command()
@click.option("--docker", is_flag=True, help="PostgreSQL and Kafka in containers.")
def parts(docker: bool) -> None:
    """Only PostgreSQL and Kafka: print their addresses and wait for ctrl-C."""
    from devstack import parts as devstack_parts

    with devstack_parts.running(docker=docker) as started:
        click.echo(f"{devstack_parts.POSTGRES_URL}={started.postgres.superuser_url}")
        click.echo(f"{devstack_parts.KAFKA}={started.kafka}")
        with suppress(KeyboardInterrupt):
            signal.pause()


@devstack.command()
def lock_jars() -> None:
    """Resolve Apache Kafka's jars anew and write kafka-jars.lock."""
    from devstack import jars

    jars.write_lock(click.echo)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end a `with`, and so everything that was started
    try:
        devstack()
    except CannotStart as error:
        sys.exit(f"devstack: {error}")


if __name__ == "__main__":
    main()
