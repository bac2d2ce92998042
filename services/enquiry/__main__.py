"""`python -m services.enquiry`: the commands every service has, and those that give the first people and systems their access."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any
from uuid import UUID

import click
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import cli, outbox, retention
from shared.auth import new_signing_keys
from shared.clock import system_clock

from . import patients, restoring
from .app import SERVICE
from .erasures import journal, wiping
from .partners import accounts, api_keys
from .partners.accounts import Account, NewAccountSchema
from .retention import RULES
from .settings import Settings
from .vault import Vault

main = cli.commands(SERVICE)
main.add_command(retention.command(SERVICE, RULES))


@contextmanager
def _writing() -> Iterator[tuple[Session, Settings]]:
    settings = cli.read_settings(SERVICE)
    assert isinstance(settings, Settings)  # noqa: S101
    with cli.transaction(SERVICE) as session:
        yield session, settings


def _checked(**document: Any) -> dict[str, Any]:
    """As over HTTP; what is wrong is named, and nothing is done."""
    try:
        found: dict[str, Any] = NewAccountSchema().load(document)
    except ValidationError as fault:
        raise click.ClickException("; ".join(f"{name}: {reasons}" for name, reasons in sorted(fault.messages_dict.items()))) from fault
    return found


@main.command("person-add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--hospital", help="slug; without one the person is of operations")
@click.option("--language", default="en", type=click.Choice(["en", "tr", "ar"]))
@click.option("--role", default="admin", type=click.Choice(accounts.ROLES))
def person_add(email: str, name: str, hospital: str | None, language: str, role: str) -> None:
    """Give a person of operations or of a hospital an account; the link that sets up the second factor is mailed."""
    person = _checked(kind="hospital" if hospital else "ops", email=email, name=name, language=language, role=role)
    del person["origins"]
    with _writing() as (session, settings):
        hospital_id = accounts.hospital_id_of(session, hospital) if hospital else None
        new = accounts.Person(**person, hospital_id=hospital_id)
        accounts.add_person(session, Vault.of(settings), settings, new, now=system_clock())
    click.echo("The account is there; its link is on the way by mail.")


@main.command("system-add")
@click.argument("label")
@click.option("--kind", required=True, type=click.Choice(accounts.KINDS))
@click.option("--hospital", help="slug, for kind hospital")
@click.option("--origin", "origins", multiple=True, help="origin of a web client's pages, as https://www.example.org")
def system_add(label: str, kind: str, hospital: str | None, origins: tuple[str, ...]) -> None:
    """Give a system an account and print its API key, this once."""
    system = _checked(kind=kind, label=label, origins=list(origins))
    with _writing() as (session, _):
        hospital_id = accounts.hospital_id_of(session, hospital) if kind == "hospital" else None
        account = accounts.add_system(
            session, kind=kind, label=label, hospital_id=hospital_id, origins=system["origins"], now=system_clock()
        )
        _, secret = api_keys.add_key(session, account, label=label, now=system_clock())
    click.echo(secret)


@main.command("key-add")
@click.argument("account_label")
def key_add(account_label: str) -> None:
    """One more API key for a system, printed this once."""
    with _writing() as (session, _):
        account = session.scalar(select(Account).where(Account.label == account_label, Account.deactivated_at.is_(None)))
        if account is None:
            raise click.ClickException(f"there is no system {account_label}")
        _, secret = api_keys.add_key(session, account, label=account_label, now=system_clock())
    click.echo(secret)


@main.command("signing-keys")
def signing_keys() -> None:
    """Print a new JWK set for the setting SIGNING_KEYS."""
    click.echo(new_signing_keys())


@main.command("rewrap")
def rewrap() -> None:
    """After a new key was put first in CASE_KEYS or CONTACT_KEYS: wrap every key under it, while everything runs; then the old one may go."""
    with _writing() as (session, settings):
        people = accounts.rewrap_keys(session, Vault.of(settings))
        receipts = wiping.rewrap_contacts(session, Vault.of(settings))
    click.echo(f"{people} people, {receipts} receipts")
    _in_batches(patients.rewrap_keys, tell=lambda batches: click.echo(f"{batches} batches of patients", err=True))
    click.echo("every key is wrapped anew")


@main.command("erasure-journal")
@click.option(
    "--apply",
    "source",
    type=click.File(encoding="utf-8"),
    help="Erase again whom this restored database still knows; - reads from the pipe.",
)
def erasure_journal(source: IO[str] | None) -> None:
    """Print the journal of erasures, to be kept outside of the database; or apply one to a database that was restored, which then may serve."""
    if source is None:
        with _writing() as (session, _):
            for line in journal.lines_of(session):
                click.echo(line)
        return
    try:
        entries = journal.read(source)
    except journal.NotAJournal as fault:
        raise click.ClickException(str(fault)) from fault
    again = 0
    for entry in entries:
        with _writing() as (session, settings):
            again += journal.apply(session, Vault.of(settings), entry, now=system_clock())
    _say_everything_again()
    with _writing() as (session, _):
        journal.settle(session, system_clock())
    click.echo(f"{len(entries)} entries, {again} erased again")


@main.command("republish")
def republish() -> None:
    """Publish every contact and tombstone once more, for topics that were lost."""
    _say_everything_again()


def _say_everything_again() -> None:
    with _writing() as (session, settings):
        rest = restoring.say_the_rest_again(session, Vault.of(settings))
    batches = _in_batches(restoring.say_contacts_again)
    click.echo(f"{rest} accounts and tombstones, {batches} batches of contacts are said again", err=True)


def _in_batches(step: Callable[..., UUID | None], *, tell: Callable[[int], None] = lambda _: None) -> int:
    """Each batch a transaction: `step(session, vault, after=last)` returns the last id it did, None when nothing was left. How many there were."""
    last, batches = None, 0
    while True:
        with _writing() as (session, settings):
            last = step(session, Vault.of(settings), after=last)
        if last is None:
            return batches
        batches += 1
        tell(batches)


@main.command("unaccounted")
def unaccounted() -> None:
    """How many facts have had no outcome for a minute; exit 1 unless it is none."""
    with _writing() as (session, _):
        count, dropped = outbox.unaccounted(session), outbox.count_dropped(session)
    click.echo(str(count))
    if dropped:
        click.echo(f"{dropped} could not be published and were dropped by operations: they had no outcome", err=True)
    raise SystemExit(1 if count else 0)


if __name__ == "__main__":
    main()
