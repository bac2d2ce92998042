"""`make proof`: that a moment is given once. 200 people take one slot at once, then a storm; what happened is printed, exit 1 when something must not have."""

import secrets
import sys

import click

from devstack import parts as devstack_parts
from services.enquiry.db import MIGRATIONS
from services.enquiry.settings import Settings
from shared import db, log
from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings
from tests.proof.contests import Result, storm, take_one
from tests.proof.town import Town


@click.command()
@click.option("--takers", default=200, type=click.IntRange(2, 250), show_default=True, help="who want one slot at the same moment")
@click.option("--seconds", default=20.0, type=click.FloatRange(1, 3600), show_default=True, help="of the storm")
@click.option("--threads", default=24, type=click.IntRange(2, 200), show_default=True, help="who act in the storm at once")
@click.option("--seed", default=None, type=int, help="of an earlier run: the same choices, in whatever order they meet")
def main(takers: int, seconds: float, threads: int, seed: int | None) -> None:
    """Real PostgreSQL, the rules that the API calls, a connection for each taker."""
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    log.configure(service="proof", level="error", style="text")
    with devstack_parts.running(tell=lambda line: click.echo(line, err=True)) as parts:
        url = parts.postgres.create_database(f"proof_{secrets.token_hex(4)}")
        db.migrate(url, MIGRATIONS)
        house = House(Settings(database_url=url, **secret_settings()), MovableClock(MONDAY))
        one = take_one(Town.of(house, people=takers), takers)
        _print(f"{takers} take one slot at once, {one.seconds:.1f} s", one)
        many = storm(Town.of(house, people=threads, doctors=2), seconds=seconds, threads=threads, seed=chosen)
        _print(f"{threads} act on the same 16 slots for {seconds:g} s, seed {chosen}", many)
        house.close()
    sys.exit(1 if any(one.wrong.values()) or any(many.wrong.values()) else 0)


def _print(title: str, result: Result) -> None:
    click.echo("\n".join([title, *result.lines(), ""]))


if __name__ == "__main__":
    main()
