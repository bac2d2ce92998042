"""What was measured, as a table: in columns for a terminal, in Markdown between the marks of docs/benchmarks.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import grown
from bench.contests import Row, Size

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEADS = ("name", "a run", "ours: median (least-most)", "unit", "limit", "limit: median (least-most)", "ratio", "mark")


def in_columns(lines: Sequence[Sequence[str]]) -> str:
    """For a terminal; the first line is the heads."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def lines_of(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    return [HEADS, *map(_cells, rows)]


def grown_lines_of(rows: Sequence[grown.Grown]) -> list[tuple[str, ...]]:
    return [grown.HEADS, *(row.cells() for row in rows)]


def _cells(row: Row) -> tuple[str, ...]:
    limit, ratio = (str(row.limit) if row.limit else ""), (f"{row.ratio:.2f}" if row.ratio is not None else "")
    return (row.name, row.amount, str(row.ours), row.unit, row.limit_name, limit, ratio, row.verdict)


def said_of(machine: Mapping[str, Any], *, repeats: int, size: Size) -> str:
    """The machine in a sentence, and how much was done."""
    done = "all rows and seconds the marks are for" if size.share == 1 else f"{size.share:.0%} of the rows and seconds the marks are for"
    if not size.whole:
        done += "; of the facts of `inbox_drain` half of that, of the hospitals of `import` a tenth (`--whole` does all)"
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}; load {machine['load_before']} before it began; "
        f"{repeats} interleaved repeats; {done}. {versions}."
    )


def in_markdown(said: str, lines: Sequence[Sequence[str]]) -> str:
    """A sentence, then the table."""
    heads, *rows = lines
    return "\n".join([said, "", *("| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *rows))])


def write_page(command: str, middle: str) -> None:
    """Put it between the marks of this command in the page; what stands around them stays. Raises ValueError where a mark is missing."""
    begin_mark, end_mark = (f"<!-- written by `{command}`: {edge} -->" for edge in ("begin", "end"))
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not (begin and end):
        raise ValueError(f"{PAGE.name} has lost its marks {begin_mark} and {end_mark}")
    PAGE.write_text(f"{before}{begin_mark}\n\n{middle}\n\n{end_mark}{after}", encoding="utf-8")
