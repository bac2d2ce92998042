"""`python -m bench.plans`: walks every hot path on parts of its own and writes docs/plans.md."""

import sys
from pathlib import Path as File

import click

from bench.plans import page
from devstack import parts as devstack_parts

PAGE = File(__file__).parents[2] / "docs" / "plans.md"


@click.command(help="Write docs/plans.md anew; its exit status says whether a growing table is read from end to end.")
def main() -> None:
    with devstack_parts.running(durable=False, tell=lambda line: click.echo(line, err=True)) as parts:
        paths = page.walk(parts)
    PAGE.write_text(page.written(paths), encoding="utf-8")
    for fault in (faults := page.faults_of(paths)):
        click.echo(fault, err=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
