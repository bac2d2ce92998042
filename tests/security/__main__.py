"""`make fuzz`: the documents as every kind of caller for longer than a test may take, with a seed that can be given again; exit 1 when an answer broke a promise."""

import secrets
import sys

import click

from devstack import parts
from tests.security.fuzz import CALLERS, EACH, LED_FAR, LINKED, WITHOUT_LIMITS, fuzz
from tests.security.town import logged, town

MANNERS = (("one by one", EACH, CALLERS), ("along links", LINKED, LED_FAR))


@click.command()
@click.option("--seed", type=int, default=None, help="of an earlier run; what fits into the time may differ")
@click.option("--seconds", type=click.IntRange(2, 240), default=60, help="for each caller and manner; a token lives for 300")
@click.option("--rounds", type=click.IntRange(1), default=1, help="each with the next seed")
def main(seed: int | None, seconds: int, rounds: int) -> None:
    """Print a line for each caller, and what was found."""
    first = secrets.randbelow(1_000_000) if seed is None else seed
    failed = False
    with logged("fuzz.log") as write, parts.running(durable=False) as started, town(started, write, WITHOUT_LIMITS) as made:
        for chosen in range(first, first + rounds):
            for words, manner, callers in MANNERS:
                for service, caller in ((service, caller) for service, several in callers.items() for caller in several):
                    done = fuzz(made, service, caller, manner=manner, seconds=seconds, seed=chosen)
                    click.echo(
                        f"seed {chosen:<8} {service:<13} {caller:<9} {words:<12} {done.cases:>7} requests  {done.links:>3} links  {'well' if done.code == 0 else 'FOUND'}"
                    )
                    if done.code:
                        failed = True
                        click.echo(done.printed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
