"""The topics job: creates what is missing, says what differs, changes nothing that is there."""

from dataclasses import replace

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from shared.bus.reading import bounds_of
from shared.bus.topics import ensure_topics
from shared.events.catalog import HOSPITALS
from shared.events.enquiry import EVENTS
from tests.waiting import until


def test_topics_are_made_once_as_they_are_declared(settings):
    assert ensure_topics(settings, [EVENTS, HOSPITALS]) == []
    assert {topic.name: len(bounds_of(settings, topic.name)) for topic in (EVENTS, HOSPITALS)} == {
        EVENTS.name: EVENTS.partitions,
        HOSPITALS.name: HOSPITALS.partitions,
    }


def test_a_number_of_partitions_that_differs_is_said_and_never_changed(settings):
    """More of them would send later facts of a case to another partition."""
    for _ in range(2):
        (line,) = ensure_topics(settings, [replace(EVENTS, partitions=24)])
        assert "has 12 partitions, declared are 24" in line
    assert len(bounds_of(settings, EVENTS.name)) == 12


def test_a_setting_that_was_altered_is_said_and_left(settings):
    name = settings.kafka_topic_prefix + EVENTS.name
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "1000"})])
    finally:
        admin.close()
    said = f"{name}: retention.ms is 1000, declared is 2592000000"
    until(lambda: said in ensure_topics(settings, [EVENTS]), what="the altered setting")
    assert said in ensure_topics(settings, [EVENTS])
