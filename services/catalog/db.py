"""The catalog's database: its Base, what every record carries, which shared tables it has.

Knows no table of its own; each stands in the room of its noun.
"""

from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped

from shared import db, outbox

MIGRATIONS = Path(__file__).parent / "migrations"
MECHANISMS = (outbox.metadata,)

Texts: TypeAlias = dict[str, str]
"""Language (BCP 47) to text; never empty."""
JSON = JSONB(none_as_null=True)


class Base(DeclarativeBase):
    metadata = db.metadata()
    type_annotation_map = {**db.COLUMN_TYPES, dict[str, Any]: JSON, dict[str, str]: JSON, list[Any]: JSON, list[str]: JSON}  # noqa: RUF012


class Recorded:
    """What every record of an import carries. `provenance` is {source, observed_on?}; a sample was invented and is shown as such."""

    sample: Mapped[bool]
    provenance: Mapped[dict[str, Any] | None]


def table_of(model: type[Base]) -> Table:
    """The table of a mapped class, for statements without objects."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101  # for the type checker: a class could be mapped to a join
    return table
