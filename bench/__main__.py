"""`python -m bench [NAMES…]`: every contest in turn, a table, and bench/results.json."""

import importlib
import json
import os
import platform
import sys
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from bench.contests import Comparison, measure
from devstack import parts as devstack_parts
from devstack.parts import Parts

ROOMS = {"pages": ("page_get", "page_304"), "posts": ("enquiry_post",), "relays": ("relay_drain",)}
LIBRARIES = ("flask", "gunicorn", "kafka-python", "marshmallow", "psycopg", "sqlalchemy")
RESULTS = Path(__file__).parent / "results.json"


@click.command(help="Measure what is named (all without names): ours beside the limit, by interleaved repeats.")
@click.argument("names", nargs=-1)
@click.option("--repeats", default=3, type=click.IntRange(3, 50), show_default=True)
@click.option("--out", default=RESULTS, type=click.Path(dir_okay=False, path_type=Path), show_default=True)
def main(names: tuple[str, ...], repeats: int, out: Path) -> None:
    known = [name for there in ROOMS.values() for name in there]
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    with devstack_parts.running(tell=lambda line: click.echo(line, err=True)) as parts:
        compared = [
            one for room, there in ROOMS.items() if not names or set(names) & set(there) for one in _run(parts, room, names, repeats)
        ]
    click.echo(_table(compared))
    out.write_text(
        json.dumps({"machine": _machine(), "repeats": repeats, "comparisons": [one.document() for one in compared]}, indent=1) + "\n"
    )


def _run(parts: Parts, room: str, names: tuple[str, ...], repeats: int) -> list[Comparison]:
    with ExitStack() as stack:
        contests = stack.enter_context(importlib.import_module(f"bench.{room}").contests(parts))
        compared = []
        for contest in contests:
            if not names or contest.name in names:
                click.echo(contest.name, err=True)
                compared += measure(contest, repeats=repeats, tell=lambda line: click.echo(line, err=True))
        return compared


def _table(compared: list[Comparison]) -> str:
    rows = [("name", "ours: median (least-most)", "unit", "limit", "limit: median (least-most)", "ratio", "mark")]
    rows += [(one.name, str(one.ours), one.unit, one.limit_name, str(one.limit), f"{one.ratio:.2f}", one.verdict) for one in compared]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    sys.exit(main())
