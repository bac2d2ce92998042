"""The page: every hot path, its statements and their plans; and what is wrong with them."""

from collections.abc import Sequence

from bench.past import Past
from bench.plans import catalog_walk, enquiry_walk, notification_walk
from bench.plans.seen import GROWING, Path
from devstack.parts import Parts

PAST = Past(archived=60_000, enquiries=20_000)
EXCUSED = {
    ("enquiry: the outbox's figures", "outbox"): "it holds what is not yet published, and all of it is counted",
    ("notification: the backlog", "outbox"): "the same",
    ("notification: its figures", "endpoints"): "a few for each hospital, and all that are used are counted",
    (
        "enquiry: POST /v1/enquiries, then the same under the same Idempotency-Key",
        "listed_procedures",
    ): "asks whether there is any row: the first is enough",
}
"""What is read from end to end all the same, and why it may be."""
_HEAD = """# How PostgreSQL goes about the hot paths

Written by `make plans`: each path is walked once by the code that walks it in production, over tables with {archived:,} archived rows, {enquiries:,} cases and {things:,} procedures and hospitals each, and each statement is
explained with the values it was sent with, before it is sent. Costs and values are left out. A test walks the same paths and fails where a table that grows is read from end to end ({growing}),
and where a path or a statement is not in this page. Which of two good indexes is taken may differ from one run to the next; that is not compared.

Without harm read from end to end: {excused}.
"""


def walk(parts: Parts) -> list[Path]:
    return [*catalog_walk.walk(parts), *enquiry_walk.walk(parts, PAST), *notification_walk.walk(parts, PAST)]


def faults_of(paths: Sequence[Path]) -> list[str]:
    """One line for each growing table that a statement reads from end to end."""
    return [
        f"{path.name}: reads {table} from end to end: {statement.text[:200]}"
        for path in paths
        for statement in path.statements.values()
        for table in sorted(statement.scanned)
        if (path.name, table) not in EXCUSED
    ]


def written(paths: Sequence[Path]) -> str:
    excused = "; ".join(f"`{table}` ({path}: {why})" for (path, table), why in EXCUSED.items())
    head = _HEAD.format(
        archived=PAST.archived, enquiries=PAST.enquiries, things=catalog_walk.THINGS, growing=", ".join(sorted(GROWING)), excused=excused
    )
    return head + "".join(map(_section, paths))


def _section(path: Path) -> str:
    lines = [f"\n## {path.name}\n"]
    for statement in path.statements.values():
        plan = "\n".join(statement.plan)
        lines.append(f"\n```sql\n{statement.text}\n```\n```\n{plan}\n```\n")
    return "".join(lines)
