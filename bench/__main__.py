"""`python -m bench [NAMES…]`: every contest in turn, and a table. All of them at full size also write bench/results.json and docs/benchmarks.md."""

import importlib
import json
import os
import platform
import sys
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from bench import grown, tables
from bench.contests import Row, Size, measure
from bench.past import Past
from devstack import parts as devstack_parts
from devstack.parts import Parts

ROOMS = {
    "pages": ("page_get", "page_304"),
    "posts": ("enquiry_post",),
    "relays": ("relay_drain",),
    "inboxes": ("inbox_drain",),
    "deliverers": ("mail_drain", "webhook_drain"),
    "searches": ("search",),
    "imports": ("import",),
    "journeys": ("e2e_50", "e2e_max"),
    "memory": ("memory",),
}
LIBRARIES = ("flask", "gunicorn", "kafka-python", "marshmallow", "psycopg", "sqlalchemy")
RESULTS, GROWN = (Path(__file__).parent / name for name in ("results.json", "grown.json"))


@click.command(help="Measure what is named (all without names): ours beside the limit, by interleaved repeats.")
@click.argument("names", nargs=-1)
@click.option("--repeats", default=3, type=click.IntRange(1, 50), show_default=True)
@click.option(
    "--share", default=1.0, type=click.FloatRange(0.0001, 1), show_default=True, help="Of the rows and seconds: less for a slow machine."
)
@click.option(
    "--whole", is_flag=True, help="All 100,000 facts of inbox_drain (else half) and all 100,000 hospitals of import (else a tenth)."
)
@click.option("--write", is_flag=True, help="Write the page also with fewer names, repeats or rows; it says so.")
@click.option(
    "--past",
    is_flag=False,
    flag_value=1.0,
    type=click.FloatRange(0.0001, 1),
    help="Compare over empty tables and over those of a year (10,000,000 archived rows, 1,000,000 enquiries; a number: that part of them).",
)
def main(names: tuple[str, ...], repeats: int, share: float, whole: bool, write: bool, past: float | None) -> None:
    known = [name for there in (grown.ROOMS if past else ROOMS).values() for name in there]
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    if past:
        _compare_past(names, repeats, Size(share, whole=whole), past, write=write)
    else:
        _measure_all(names, known, repeats, Size(share, whole=whole), write=write)


def _compare_past(names: tuple[str, ...], repeats: int, size: Size, part: float, *, write: bool) -> None:
    machine, past = _machine(), Past.part(part)
    with devstack_parts.running(tell=_tell) as parts:
        rows = grown.compare(parts, names, repeats=repeats, size=size, past=past, tell=_tell)
    lines = tables.grown_lines_of(rows)
    click.echo(tables.in_columns(lines))
    if write or (not names and repeats >= 3 and part == 1):
        said = f"{tables.said_of(machine, repeats=repeats, size=size)} The past: {past}."
        found = {
            "machine": machine,
            "repeats": repeats,
            "share": size.share,
            "whole": size.whole,
            "past": asdict(past),
            "rows": [row.document() for row in rows],
        }
        GROWN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        tables.write_page("make bench ARGS=--past", tables.in_markdown(said, lines))


def _measure_all(names: tuple[str, ...], known: list[str], repeats: int, size: Size, *, write: bool) -> None:
    machine, rows, failed = _machine(), list[Row](), dict[str, str]()
    with devstack_parts.running(tell=_tell) as parts:
        for room, there in ROOMS.items():
            chosen = [name for name in there if name in (names or known)]
            if chosen:
                try:
                    rows += _run(parts, room, chosen, repeats, size)
                except Exception as fault:  # noqa: BLE001  # the other contests are worth their time; it is told, and is the exit status
                    failed |= dict.fromkeys(chosen, f"{type(fault).__name__}: {fault}")
    click.echo(tables.in_columns(tables.lines_of(rows)))
    for name, why in failed.items():
        click.echo(f"{name} failed: {why}", err=True)
    if write or (not names and not failed and repeats >= 3 and size.share == 1):
        found = {"machine": machine, "repeats": repeats, "share": size.share, "whole": size.whole, "rows": [row.document() for row in rows]}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        tables.write_page("make bench", tables.in_markdown(tables.said_of(machine, repeats=repeats, size=size), tables.lines_of(rows)))
    sys.exit(1 if failed else 0)


def _run(parts: Parts, room: str, names: list[str], repeats: int, size: Size) -> list[Row]:
    with ExitStack() as stack:
        rows = []
        for contest in stack.enter_context(importlib.import_module(f"bench.{room}").contests(parts, size)):
            if contest.name in names:
                click.echo(contest.name, err=True)
                rows += measure(contest, repeats=repeats, tell=_tell)
        return rows


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    main()
