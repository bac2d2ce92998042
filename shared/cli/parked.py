"""`parked`, `letters`, `letter`, `replay`, `drop`: what an operator does about records that could not be handled.

Shows names and reasons, never a record's value.
"""

import dataclasses

import click

from shared.cli import tables
from shared.cli.desks import Desk
from shared.inbox import parked as keys

because = click.option("--because", required=True, help="Why; kept, nothing personal.")


def commands(desk: Desk) -> list[click.Command]:
    """All of them; each acts in a transaction of its own."""
    return [_parked(desk), _letters(desk), _letter(desk), _replay(desk), _drop(desk)]


def _parked(desk: Desk) -> click.Command:
    @click.command("parked", help="Keys whose records could not be handled; `letter` is the first that waits.")
    @tables.paged(int)
    def list_parked(after: int | None, limit: int) -> None:
        with desk.transaction() as session:
            rows = keys.parked_of(session, desk.hearing(), after=after, limit=limit + 1)
        names = ("topic", "key", "waiting", "letter", "parked_at", "reason")
        tables.show_page(rows, *names, limit=limit, key="letter", none="no key is parked")

    return list_parked


def _letters(desk: Desk) -> click.Command:
    @click.command("letters", help="Dead letters that wait, the oldest first.")
    @tables.paged(int)
    def list_letters(after: int | None, limit: int) -> None:
        with desk.transaction() as session:
            rows = keys.letters_of(session, desk.hearing(), after=after, limit=limit + 1)
        names = ("id", "topic", "partition", "offset", "key", "type", "bytes", "reason")
        tables.show_page(rows, *names, limit=limit, key="id", none="no dead letters")

    return list_letters


def _letter(desk: Desk) -> click.Command:
    @click.command("letter", help="One dead letter: where it stands, why it could not be handled; never its contents.")
    @click.argument("letter_id", type=int)
    def show_letter(letter_id: int) -> None:
        with desk.transaction() as session:
            found = keys.find_letter(session, desk.hearing(), letter_id)
        tables.show_one(found, *(field.name for field in dataclasses.fields(found)))

    return show_letter


def _replay(desk: Desk) -> click.Command:
    @click.command("replay", help="Handle what waits under a parked KEY, in order; if one fails again nothing is changed.")
    @click.argument("topic")
    @click.argument("key")
    @because
    def replay(topic: str, key: str, because: str) -> None:
        who = desk.actor()
        try:
            with desk.transaction() as session:
                desk.audit(session, actor=who, act="parked.replay", subject=f"{topic} {key}", because=because)
                count = keys.replay_key(session, desk.hearing(), topic=topic, key=key, actor=who, because=because)
        except keys.StillFailing as fault:
            raise click.ClickException(f"{fault}; nothing was changed") from fault
        click.echo(f"{count} handled, the key goes on")

    return replay


def _drop(desk: Desk) -> click.Command:
    @click.command("drop", help="Give one dead letter up.")
    @click.argument("letter_id", type=int)
    @because
    def drop(letter_id: int, because: str) -> None:
        who = desk.actor()
        with desk.transaction() as session:
            keys.drop_letter(session, desk.hearing(), letter_id=letter_id, actor=who, because=because)
            desk.audit(session, actor=who, act="letter.drop", subject=str(letter_id), because=because)
        click.echo("dropped")

    return drop
