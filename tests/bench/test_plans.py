"""No statement of a hot path reads a growing table from end to end, and docs/plans.md shows each of them."""

from collections.abc import Sequence

import pytest

from bench.plans import page
from bench.plans.__main__ import PAGE
from bench.plans.seen import Path, Statement
from devstack.parts import Parts


@pytest.fixture(scope="module")
def paths(parts: Parts) -> Sequence[Path]:
    return page.walk(parts)


def test_no_growing_table_is_read_from_end_to_end(paths: Sequence[Path]):
    assert page.faults_of(paths) == []


def test_the_page_shows_every_statement_of_every_hot_path(paths: Sequence[Path]):
    """`make plans` writes it anew."""
    shown = PAGE.read_text(encoding="utf-8")
    assert [path.name for path in paths if f"\n## {path.name}\n" not in shown] == []
    assert [text for path in paths for text in path.statements if f"```sql\n{text}\n```" not in shown] == []


def test_a_scan_of_a_growing_table_and_of_a_day_of_one_is_seen():
    plan = (
        "Append",
        "  ->  Seq Scan on deliveries d",
        "  ->  Parallel Seq Scan on outbox_archive_<day> row_1",
        "  ->  Seq Scan on holds h",
    )
    statement = Statement("SELECT", plan)
    assert statement.scanned == {"deliveries", "outbox_archive"}
    assert len(page.faults_of([Path("a path", {"SELECT": statement})])) == 2


def test_a_day_that_has_just_begun_may_be_read_from_end_to_end():
    found = "  ->  Index Scan using outbox_archive_<day> on outbox_archive_<day> row_2"
    assert Statement("SELECT", ("Append", found, found, "  ->  Seq Scan on outbox_archive_<day> row_1")).scanned == set()
