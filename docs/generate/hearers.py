"""Who writes a topic and who hears a fact, as the services' own doors say it. For the documents only: services never ask this."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from services.catalog import app as catalog
from services.enquiry import app as enquiry
from services.notification import app as notification
from services.notification import told
from shared import config
from shared.events import Fact, State, Topic


def blank(settings: type[config.Settings]) -> config.Settings:
    """The defaults, and nothing where a value must be given."""
    required: Any = {one.name: "" for one in dataclasses.fields(settings) if one.default is one.default_factory}
    return settings(**required)


WRITTEN = {service.name: service.topics for service in (catalog.SERVICE, enquiry.SERVICE, notification.SERVICE)}
HEARINGS = {
    service.name: service.hearing(blank(service.settings)) for service in (enquiry.SERVICE, notification.SERVICE) if service.hearing
}


def writer_of(topic: Topic) -> str:
    """The one service that writes this topic."""
    (name,) = (name for name, topics in WRITTEN.items() if topic in topics)
    return name


def topics() -> list[Topic]:
    """In the order of the services and of their doors."""
    return [topic for topics in WRITTEN.values() for topic in topics]


def hearers_of(event: type[Fact | State]) -> list[str]:
    """The services that do something with it."""
    return [name for name, hearing in HEARINGS.items() if event in hearing.facts or event.topic in hearing.states]


def told_of(event: type[Fact | State]) -> Iterable[str]:
    """Whom notification tells of it: `patient: enquiry_opened`."""
    if issubclass(event, Fact):
        for alert in told.TOLD.get(event, ()):
            yield f"{alert.recipient}: `{alert.letter}`"
