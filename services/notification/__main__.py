"""`python -m services.notification`: what every service has, and what operations need here. Every act takes a reason and is kept in the audit."""

from typing import Any
from uuid import UUID

import click
from marshmallow import ValidationError

from shared import cli, retention
from shared.cli import tables
from shared.crypto import KeyRing, SealBroken, lookup_hash
from shared.events.notification import Channel

from . import alerts, audit, backlog, holds, tasks
from .app import SERVICE
from .contacts import endpoints
from .deliveries import State, holding, records
from .endpoints.routes import NewEndpointSchema
from .ops import register_for_hospital
from .retention import RULES

_OF_A_DELIVERY = (
    "id", "message_id", "event_id", "case_id", "recipient", "recipient_id", "endpoint_id", "channel", "template", "state", "reason", "created_at",
    "due_at", "expires_at", "settled_at", "decided_at", "again_of", "folded_into",
)  # fmt: skip

main = cli.commands(SERVICE)
main.add_command(retention.command(SERVICE, RULES))
because = click.option("--because", required=True, help="Why; kept in the audit, nothing personal.")


@main.command("backlog")
def show_backlog() -> None:
    """How much waits, and since when."""
    with cli.transaction(SERVICE) as session:
        tables.show(backlog.backlog_of(session), "channel", "state", "count", "oldest", none="nothing waits")


@main.command("deliveries")
@click.option("--state", "states", multiple=True, type=click.Choice([str(one) for one in State]))
@click.option("--undecided", is_flag=True, help="Uncertain ones that nobody has sent again or left yet.")
@tables.paged(click.UUID)
def list_deliveries(states: tuple[str, ...], undecided: bool, after: UUID | None, limit: int) -> None:
    """Deliveries, the newest first."""
    with cli.transaction(SERVICE) as session:
        rows = records.deliveries_page(session, after=after, limit=limit, states=list(states), undecided=undecided)
    names = ("id", "channel", "recipient", "template", "state", "attempts", "created_at", "reason")
    tables.show_page(rows, *names, limit=limit, key="id", none="no such deliveries")


@main.command("delivery")
@click.argument("delivery_id", type=click.UUID)
def show_delivery(delivery_id: UUID) -> None:
    """One delivery and every attempt, with the beginning of what was answered."""
    with cli.transaction(SERVICE) as session:
        found = records.find_delivery(session, delivery_id)
        tables.show_one(found, *_OF_A_DELIVERY)
        attempts = records.attempts_of(session, delivery_id)
        tables.show(attempts, "number", "started_at", "finished_at", "result", "status", "reply", none="no attempt was made")


@main.command("resend")
@click.argument("delivery_id", type=click.UUID)
@because
def resend(delivery_id: UUID, because: str) -> None:
    """Send a delivery that has ended once more."""
    with cli.transaction(SERVICE) as session:
        audit.note(session, actor=cli.actor(), act="delivery.resend", subject=str(delivery_id), because=because)
        again = records.resend(session, records.find_delivery(session, delivery_id))
        click.echo(str(again.id))


@main.command("leave")
@click.argument("delivery_id", type=click.UUID)
@because
def leave(delivery_id: UUID, because: str) -> None:
    """Leave an uncertain delivery as it is: nothing is sent again, and it waits for nobody's decision any more."""
    with cli.transaction(SERVICE) as session:
        records.leave(session, records.find_delivery(session, delivery_id))
        audit.note(session, actor=cli.actor(), act="delivery.leave", subject=str(delivery_id), because=because)
    click.echo("left as it is")


@main.command("holds")
@tables.paged(click.UUID)
def list_holds(after: UUID | None, limit: int) -> None:
    """What is held back now, the newest first."""
    with cli.transaction(SERVICE) as session:
        rows = holds.holds_of(session, live=True, after=after, limit=limit)
    tables.show_page(rows, "id", "kind", "value", "held_at", "held_by", "because", limit=limit, key="id", none="nothing is held")


@main.command("hold")
@click.argument("kind", type=click.Choice(holds.KINDS))
@click.argument("value")
@because
def hold(kind: str, value: str, because: str) -> None:
    """Hold back a channel, a template or a hospital; what is held waits and is not lost."""
    with cli.transaction(SERVICE) as session:
        holds.hold(session, kind=kind, value=value, actor=cli.actor(), because=because)
    click.echo(f"{kind} {value} is held")


@main.command("release")
@click.argument("kind", type=click.Choice(holds.KINDS))
@click.argument("value")
@because
def release(kind: str, value: str, because: str) -> None:
    """Let what was held go on."""
    with cli.transaction(SERVICE) as session:
        found = holds.find_live(session, kind=kind, value=value)
        holding.release(session, hold_id=found.id, actor=cli.actor(), because=because)
    click.echo(f"{kind} {value} goes on")


@main.command("tasks")
@tables.paged(click.UUID)
def list_tasks(after: UUID | None, limit: int) -> None:
    """The work list of operations, the oldest first."""
    with cli.transaction(SERVICE) as session:
        rows = tasks.tasks_of(session, done=False, after=after, limit=limit)
    tables.show_page(rows, "id", "kind", "created_at", "details", limit=limit, key="id", none="nothing to do")


@main.command("done")
@click.argument("task_id", type=click.UUID)
@because
def finish(task_id: UUID, because: str) -> None:
    """Take a task off the work list."""
    with cli.transaction(SERVICE) as session:
        tasks.finish_task(session, task_id=task_id, actor=cli.actor(), because=because)
    click.echo("done")


@main.command("withheld")
@tables.paged(click.UUID)
def list_withheld(after: UUID | None, limit: int) -> None:
    """Facts that came too late, so that nobody was told."""
    with cli.transaction(SERVICE) as session:
        rows = alerts.withheld_of(session, after=after, limit=limit)
    tables.show_page(rows, "event_id", "type", "occurred_at", limit=limit, key="event_id", none="nothing is withheld")


@main.command("release-withheld")
@click.argument("event_id", type=click.UUID)
@because
def release_withheld(event_id: UUID, because: str) -> None:
    """Tell now whom a withheld fact would have told."""
    with cli.transaction(SERVICE) as session:
        count = alerts.release_withheld(session, cli.read_settings(SERVICE), event_id=event_id, actor=cli.actor(), because=because)
    click.echo(f"{count} deliveries planned")


@main.command("endpoint-add")
@click.argument("hospital_id", type=click.UUID)
@click.argument("kind", type=click.Choice([str(one) for one in Channel]))
@click.argument("place")
@click.option("--trusted", is_flag=True, help="Use a mail address without proof: you know whose it is, and the reason says how.")
@because
def add_endpoint(hospital_id: UUID, kind: str, place: str, because: str, *, trusted: bool) -> None:
    """Register a mail address or a webhook for a hospital; a webhook's secret is shown this once, an address is mailed a link to prove it."""
    try:
        NewEndpointSchema().load({"kind": kind, "address" if kind == Channel.EMAIL else "url": place})
    except ValidationError as fault:
        raise click.ClickException(str(fault)) from fault
    with cli.transaction(SERVICE) as session:
        chosen: dict[str, Any] = {"hospital_id": hospital_id, "kind": kind, "place": place, "trusted": trusted}
        made, secret = register_for_hospital(session, cli.read_settings(SERVICE), actor=cli.actor(), because=because, **chosen)
    click.echo(f"{made.id}  {secret or ''}".rstrip())


@main.command("lift")
@click.option("--address", prompt=True, help="Asked for where it is not given: what is typed there is in no shell's history.")
@because
def lift(address: str, because: str) -> None:
    """Let mail go again to an address that a mail server has refused; the audit holds the beginning of its keyed hash only."""
    address_hash = lookup_hash(cli.read_settings(SERVICE).lookup_key_bytes, address)
    with cli.transaction(SERVICE) as session:
        if not endpoints.lift(session, address_hash):
            raise click.ClickException("nothing keeps mail from this address")
        audit.note(session, actor=cli.actor(), act="suppression.lift", subject=address_hash.hex()[:16], because=because)
    click.echo("mail may go there again")


@main.command("rewrap")
def rewrap() -> None:
    """After a new key was put first in NOTIFICATION_KEYS: seal every address and secret under it, while everything runs."""
    ring = KeyRing.parse(cli.read_settings(SERVICE).notification_keys)
    last, changed, current = None, 0, 0
    while True:
        try:
            with cli.transaction(SERVICE) as session:
                last, sealed, spared = endpoints.rewrap(session, ring, after=last)
        except SealBroken as fault:
            raise click.ClickException("an endpoint cannot be opened: a key is missing in NOTIFICATION_KEYS") from fault
        changed, current = changed + sealed, current + spared
        if last is None:
            break
    click.echo(f"{changed} endpoints are sealed anew, {current} had the newest key already")


if __name__ == "__main__":
    main()
