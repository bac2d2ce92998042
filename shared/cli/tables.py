"""Rows as an operator reads them in a terminal.

Knows no row: names of columns come from the caller.
"""

from collections.abc import Iterable
from typing import Any

import click


def show(rows: Iterable[Any], *names: str, none: str) -> None:
    """Columns separated by two spaces, or one sentence where there is nothing."""
    held = [[_cell(row[name] if isinstance(row, dict) else getattr(row, name)) for name in names] for row in rows]
    if not held:
        click.echo(none)
        return
    widths = [max(len(line[at]) for line in [list(names), *held]) for at in range(len(names))]
    for line in [list(names), *held]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
