"""`python -m docs.generate` writes the generated documents anew; with `--check` it changes nothing and fails where one is out of date."""

import difflib
import sys

import click

from docs.generate import DOCUMENTS, write, written

SHOWN_LINES = 20


def difference(name: str, old: str, new: str) -> list[str]:
    """The first lines that differ."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"docs/{name}", "the code", lineterm="", n=0)
    return [line for _, line in zip(range(SHOWN_LINES), lines, strict=False)]


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where a document is out of date.")
def main(*, check: bool) -> None:
    """Write the generated documents."""
    stale = {name: (old, new) for name, make in DOCUMENTS.items() if (old := written(name)) != (new := make())}
    for name, (old, new) in stale.items():
        if check:
            click.echo("\n".join([f"docs/{name} is out of date: run `make docs`", *difference(name, old or "", new)]), err=True)
        else:
            write(name, new)
            click.echo(f"docs/{name} written")
    sys.exit(1 if check and stale else 0)


main()
