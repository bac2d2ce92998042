"""The migrations make the tables that the models name."""

from collections.abc import Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.catalog import app  # noqa: F401  (it brings every table in)
from services.catalog.db import MECHANISMS, Base
from tests.catalog.conftest import engine_of

WITHOUT_A_MODEL = ("outbox_archive", "outbox_awaiting", "outbox_relay", "alembic_version")


def test_the_migrated_database_is_what_the_models_say(database: Callable[[str], str]):
    def ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or not (name or "").startswith(WITHOUT_A_MODEL)

    with engine_of(database("catalog")) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        assert compare_metadata(context, [Base.metadata, *MECHANISMS]) == []
