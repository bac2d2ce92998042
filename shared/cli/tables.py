"""Rows as an operator reads them in a terminal.

Knows no row: names of columns come from the caller.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

MOST = 1000  # rows of one page
Command = TypeVar("Command", bound=Callable[..., Any])


def show(rows: Iterable[Any], *names: str, none: str) -> None:
    """Columns separated by two spaces, or one sentence where there is nothing."""
    held = [[_cell(row[name] if isinstance(row, Mapping) else getattr(row, name)) for name in names] for row in rows]
    if not held:
        click.echo(none)
        return
    widths = [max(len(line[at]) for line in [list(names), *held]) for at in range(len(names))]
    for line in [list(names), *held]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def show_one(row: Any, *names: str) -> None:
    """One row, a line for each of these columns."""
    width = max(len(name) for name in names)
    for name in names:
        click.echo(f"{name.ljust(width)}  {_cell(getattr(row, name))}")


def show_page(rows: Sequence[Any], *names: str, limit: int, key: str, none: str) -> None:
    """The same of a list that was read one row further than `limit`; where it goes on is said on stderr."""
    show(rows[:limit], *names, none=none)
    if len(rows) > limit:
        click.echo(f"there are more: --after {getattr(rows[limit - 1], key)}", err=True)


def paged(kind: Any) -> Callable[[Command], Command]:
    """Options of a list: `--limit`, and `--after` the id of the last one seen."""

    def decorate(command: Command) -> Command:
        command = click.option("--after", type=kind, help="The one named by the page before.")(command)
        return click.option("--limit", default=100, type=click.IntRange(1, MOST))(command)

    return decorate


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
