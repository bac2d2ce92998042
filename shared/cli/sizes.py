"""`sizes`: what takes room in a service's database. Names of tables and figures, no row."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import click
from sqlalchemy import text
from sqlalchemy.orm import Session

from . import tables

_SIZES = text(
    """
    SELECT c.relname AS table, pg_size_pretty(pg_total_relation_size(c.oid)) AS size, greatest(c.reltuples, 0)::bigint AS rows
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY pg_total_relation_size(c.oid) DESC, c.relname LIMIT 10
    """
)


def command(sessions: Callable[[], AbstractContextManager[Session]]) -> click.Command:
    """The ten largest tables, their indexes counted with them; the number of rows is PostgreSQL's estimate."""

    @click.command("sizes", help="The ten largest tables of the database, with their indexes; rows are an estimate.")
    def sizes() -> None:
        with sessions() as session:
            tables.show(session.execute(_SIZES).mappings().all(), "table", "size", "rows", none="there are no tables")

    return sizes
