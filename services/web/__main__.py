"""`python -m services.web`: serve, settings, health, and the upkeep of the catalogues of texts."""

import sys

import click

from shared import cli

from . import catalogues, clients
from .app import SERVICE

main = cli.commands(SERVICE)


@main.command("health")
def health() -> None:
    """Whether the server at HTTP_BIND answers."""
    alive = clients.answers(cli.read_settings(SERVICE).http_bind)
    click.echo("web: live" if alive else "web: no answer", err=not alive)
    sys.exit(0 if alive else 1)


@main.command("texts")
def texts() -> None:
    """Bring the catalogues of texts to what pages and code say; list what is not translated yet (exit 1)."""
    lacking = catalogues.renew()
    for one in lacking:
        click.echo(one, err=True)
    sys.exit(1 if lacking else 0)


if __name__ == "__main__":
    main()
