"""`outbox`: what an operator does about records that cannot be published.

Shows names and reasons, never a record's value.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import click
from sqlalchemy.orm import Session

from shared.cli import tables
from shared.outbox import blocked as records

Sessions = Callable[[], AbstractContextManager[Session]]


def group(sessions: Sessions, actor: Callable[[], str]) -> click.Group:
    """`outbox blocked | retry | drop`, each in a transaction of its own."""
    made = click.Group("outbox", help="Records that cannot be published: each blocks its own key alone.")
    made.add_command(_blocked(sessions))
    made.add_command(_retry(sessions))
    made.add_command(_drop(sessions, actor))
    return made


def _blocked(sessions: Sessions) -> click.Command:
    @click.command("blocked", help="List them, the oldest first.")
    @tables.paged(int)
    def list_blocked(after: int | None, limit: int) -> None:
        with sessions() as session:
            rows = records.blocked_of(session, after=after, limit=limit + 1)
        names = ("id", "topic", "key", "type", "version", "since", "waiting", "reason")
        tables.show_page(rows, *names, limit=limit, key="id", none="no record is blocked")

    return list_blocked


def _retry(sessions: Sessions) -> click.Command:
    @click.command("retry", help="Let the relay try RECORD_ID, or with --all every blocked record, again: after the cause was mended.")
    @click.argument("record_id", type=int, required=False)
    @click.option("--all", "every", is_flag=True)
    def retry(record_id: int | None, *, every: bool) -> None:
        if (record_id is None) is not every:
            raise click.UsageError("give either RECORD_ID or --all")
        with sessions() as session:
            count = records.retry(session, record_id)
        click.echo(f"{count} to be tried again")

    return retry


def _drop(sessions: Sessions, actor: Callable[[], str]) -> click.Command:
    @click.command("drop", help="Give RECORD_ID up for ever: nobody will hear of it; what waits behind it goes on.")
    @click.argument("record_id", type=int)
    @click.option("--because", required=True, help="Why; kept, nothing personal.")
    def drop(record_id: int, because: str) -> None:
        with sessions() as session:
            records.drop(session, record_id, actor=actor(), because=because)
        click.echo("dropped")

    return drop
