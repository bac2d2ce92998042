"""What was measured, as a table: in columns for a terminal, in Markdown between the marks of docs/benchmarks.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.contests import Row

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by `make bench`: begin -->", "<!-- written by `make bench`: end -->"
HEADS = ("name", "a run", "ours: median (least-most)", "unit", "limit", "limit: median (least-most)", "ratio", "mark")


def in_columns(rows: Sequence[Row]) -> str:
    lines = [HEADS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    limit, ratio = (str(row.limit) if row.limit else ""), (f"{row.ratio:.2f}" if row.ratio is not None else "")
    return (row.name, row.amount, str(row.ours), row.unit, row.limit_name, limit, ratio, row.verdict)


def in_markdown(rows: Sequence[Row], machine: Mapping[str, Any], *, repeats: int, share: float) -> str:
    """The machine in a sentence, then the table."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    said = (
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}; load {machine['load_before']} before it began; "
        f"{repeats} interleaved repeats; {share:.0%} of the rows and seconds the marks are for. {versions}."
    )
    table = [HEADS, tuple("---" for _ in HEADS), *map(_cells, rows)]
    return "\n".join([said, "", *("| " + " | ".join(line) + " |" for line in table)])


def write_page(rows: Sequence[Row], machine: Mapping[str, Any], *, repeats: int, share: float) -> None:
    """Put the table between the marks of the page; what stands around them stays. Raises ValueError where a mark is missing."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name} has lost its marks {BEGIN} and {END}")
    middle = in_markdown(rows, machine, repeats=repeats, share=share)
    PAGE.write_text(f"{before}{BEGIN}\n\n{middle}\n\n{END}{after}", encoding="utf-8")
