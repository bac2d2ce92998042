"""A service of the shared tables only, on the real parts."""

import pytest

from shared import db
from shared.bus import Publisher
from shared.bus.topics import ensure_topics
from shared.config import Settings
from shared.events.catalog import HOSPITALS
from shared.events.enquiry import EVENTS
from shared.outbox.relay import relay


@pytest.fixture
def settings(settings_for, database):
    made = settings_for(Settings, database("shared"))
    ensure_topics(made, [EVENTS, HOSPITALS])
    return made


@pytest.fixture
def engine(settings):
    made = db.engine(settings.database_url, name="test", timeouts=db.LOOP, pool=3)
    yield made
    made.dispose()


@pytest.fixture
def publishing(settings):
    return lambda stop, beat: relay(settings.database_url, Publisher(settings, name="test-relay"), stop=stop, beat=beat)
