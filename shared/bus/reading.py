"""Topics read, and positions set, from outside of a consumer group: for operators, and for whoever must see a whole log.

Joins no group and commits nothing for itself.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors

from shared.bus import Batch, BusUnavailable, batch_of, connection
from shared.config import Settings

POLL_MS = 500
STALL_SECONDS = 30.0  # without a step: a broker that went away while it was read


class GroupActive(Exception):
    """Members of the consumer group are at work: what is set now they would undo."""


@dataclass(frozen=True)
class Bounds:
    """What a partition holds: from `oldest` to before `newest`."""

    oldest: int
    newest: int


def read(settings: Settings, topic: str, *, first: Mapping[int, int] | None = None) -> Generator[Batch]:
    """A topic to the ends seen at the start: all of it, or only the partitions in `first`, each from that offset or the oldest that is left.

    Raises BusUnavailable where it is not there, cannot be reached or stands still for 30 s: it was then not read to its ends.
    """
    try:
        with _reader(settings) as consumer:
            places = _places(consumer, settings, topic)
            chosen = [place for place in places if first is None or place.partition in first]
            consumer.assign(chosen)
            consumer.seek_to_beginning(*chosen)
            for partition, offset in (first or {}).items():
                consumer.seek(TopicPartition(settings.kafka_topic_prefix + topic, partition), offset)
            yield from _to_the_ends(consumer, consumer.end_offsets(chosen), settings.kafka_topic_prefix)
    except kafka_errors.KafkaError as fault:
        raise BusUnavailable(type(fault).__name__) from fault


def _to_the_ends(consumer: Any, ends: Mapping[TopicPartition, int], prefix: str, stall_seconds: float = STALL_SECONDS) -> Iterator[Batch]:
    """Raises BusUnavailable after `stall_seconds` without a step. Positions count, not records: a transaction's marker is a step, too."""
    stood, since = dict[TopicPartition, int](), time.monotonic()
    while now := _behind(consumer, ends):
        if now != stood:
            stood, since = now, time.monotonic()
        elif time.monotonic() - since > stall_seconds:
            raise BusUnavailable("the broker does not answer")
        for place, records in consumer.poll(timeout_ms=POLL_MS).items():
            if records:
                yield batch_of(prefix, place, records)


def _behind(consumer: Any, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Positions of those that have not reached their end."""
    now = {place: consumer.position(place, timeout_ms=1000) or 0 for place in ends}
    return {place: at for place, at in now.items() if at < ends[place]}


def bounds_of(settings: Settings, topic: str) -> dict[int, Bounds]:
    """What each partition holds now. Raises BusUnavailable, also where the topic is not there."""
    try:
        with _reader(settings) as consumer:
            places = _places(consumer, settings, topic)
            oldest, newest = consumer.beginning_offsets(places), consumer.end_offsets(places)
    except kafka_errors.KafkaError as fault:
        raise BusUnavailable(type(fault).__name__) from fault
    return {place.partition: Bounds(oldest[place], newest[place]) for place in sorted(places)}


def set_position(settings: Settings, *, group: str, topic: str, partition: int, offset: int) -> None:
    """Where the group reads on. Raises GroupActive while it has members, BusUnavailable."""
    prefix = settings.kafka_topic_prefix
    place = TopicPartition(prefix + topic, partition)
    try:
        admin = KafkaAdminClient(**connection(settings))
        try:
            answer = admin.alter_group_offsets(prefix + group, {place: OffsetAndMetadata(offset, "", -1)})[place]
        finally:
            admin.close()
    except kafka_errors.KafkaError as fault:
        raise BusUnavailable(type(fault).__name__) from fault
    if answer in {kafka_errors.UnknownMemberIdError, kafka_errors.IllegalGenerationError, kafka_errors.RebalanceInProgressError}:
        raise GroupActive(group)
    if answer is not kafka_errors.NoError:
        raise BusUnavailable(answer.__name__)


def _places(consumer: Any, settings: Settings, topic: str) -> list[TopicPartition]:
    name = settings.kafka_topic_prefix + topic
    found = [TopicPartition(name, partition) for partition in consumer.partitions_for_topic(name) or ()]
    if not found:
        raise kafka_errors.UnknownTopicOrPartitionError(name)
    return found


@contextmanager
def _reader(settings: Settings) -> Iterator[Any]:
    """A consumer without a group, which sees what was aborted, too: it lies in the log all the same."""
    consumer = KafkaConsumer(
        **connection(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_uncommitted",
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )
    try:
        yield consumer
    finally:
        consumer.close(autocommit=False, timeout_ms=5000)
