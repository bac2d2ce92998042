"""The migrations make the tables that the models name."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.notification import app  # noqa: F401  (it brings every table in)
from services.notification.db import MECHANISMS, Base
from shared import db

WITHOUT_A_MODEL = ("outbox_archive", "outbox_awaiting", "outbox_relay", "alembic_version")


def test_the_migrated_database_is_what_the_models_say(database):
    def ours(_object, name, kind, *_):
        return kind != "table" or not (name or "").startswith(WITHOUT_A_MODEL)

    engine = db.engine(database("notification"), name="test")
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_object": ours})
            assert compare_metadata(context, [Base.metadata, *MECHANISMS]) == []
    finally:
        engine.dispose()
