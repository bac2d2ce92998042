"""What a log must not tell."""

import pytest
import stamina
from sqlalchemy.exc import OperationalError

from services.catalog.db import MIGRATIONS
from shared import db, log

SECRET = "open-sesame"


@pytest.fixture
def one_retry():
    with stamina.set_testing(True, attempts=2):
        yield
    assert not stamina.is_testing()


def test_a_database_that_cannot_be_reached_is_tried_again_without_telling_its_password(one_retry, capsys):
    log.configure(service="catalog", level="info", style="json")
    with pytest.raises(OperationalError):
        db.migrate(f"postgresql://passage:{SECRET}@127.0.0.1:1/catalog", MIGRATIONS)
    told = capsys.readouterr().out
    assert '"event": "tried again"' in told
    assert "OperationalError" in told
    assert SECRET not in told
