"""`make faults` and `make soak`: a campaign with its seed printed, so that it can be given again; exit 1 when a promise was broken."""

import secrets
import sys
from pathlib import Path

import click

from tests.faults import campaign

LOG = Path(".devstack") / "faults.log"
TABLE = LOG.with_name("faults-table.txt")  # what is printed in the end


@click.command()
@click.option("--seed", type=int, default=None, help="of an earlier run, to have the same faults again")
@click.option("--minutes", type=float, default=4.0, help="of faults; starting and coming to rest take about three more")
@click.option("--rate", type=float, default=20.0, help="enquiries a second")
@click.option("--only", default="", help="faults whose name contains this")
@click.option("--soak", is_flag=True, help="again and again with new seeds, with the faults that take long, until the minutes are over")
def main(seed: int | None, minutes: float, rate: float, only: str, *, soak: bool) -> None:
    """Faults under load, and the count of every promise afterwards."""
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:

        def write(line: str) -> None:
            log.write(line + "\n")

        def tell(line: str) -> None:
            write(f"---- {line}")
            click.echo(line)

        report = campaign.run(chosen, seconds=minutes * 60, rate=rate, hours=soak, only=only, write=write, tell=tell)
    TABLE.write_text(report.text() + "\n", encoding="utf-8")
    click.echo(report.text())
    if report.wrong:
        again = f"make faults ARGS='--seed {chosen} --minutes {minutes:g} --rate {rate:g}'"
        click.echo(f"\nbroken: {'; '.join(report.wrong)}\nthe services' log is {LOG}; again: {again}", err=True)
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
