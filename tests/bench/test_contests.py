"""Every contest runs, as small as it can be: what it measures is nobody's business here, that it can be measured is."""

import importlib

import pytest

from bench import grown, tables
from bench.__main__ import ROOMS
from bench.contests import Figure, Row, Size, measure
from bench.past import Past

TINY = Size(0.0002)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_measures_what_it_is_listed_with(room, parts):
    with importlib.import_module(f"bench.{room}").contests(parts, TINY) as contests:
        assert tuple(one.name for one in contests) == ROOMS[room]
        rows = [row for one in contests for row in measure(one, repeats=1, tell=print)]
    assert all(row.ours.median > 0 for row in rows)


def test_the_same_contests_run_over_tables_that_have_a_past(parts):
    rows = grown.compare(parts, (), repeats=1, size=TINY, past=Past(archived=2000, enquiries=400, things=100), tell=print)
    assert list(dict.fromkeys(row.name.partition(":")[0] for row in rows)) == [name for there in grown.ROOMS.values() for name in there]
    assert all(row.empty.median > 0 and row.full.median > 0 for row in rows)


def test_a_ratio_below_the_mark_misses_it_and_stands_so_in_the_page():
    figure = Figure.of([1.0, 3.0, 2.0])
    assert str(figure) == "2 (1-3)"
    missed = Row("a", "1 s", "x/s", figure, "0.5", reached=False, limit_name="bare", limit=Figure.of([8.0]), ratio=0.25)
    page = tables.in_markdown("", tables.lines_of([missed]))
    assert "| a | 1 s | 2 (1-3) | x/s | bare | 8 (8-8) | 0.25 | misses 0.5 |" in page
