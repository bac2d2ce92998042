"""A member of a consumer group: polls batches, commits what it is told to. Makes nothing of a record."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from shared import log
from shared.bus import Batch, BusUnavailable, PositionLost, batch_of, connection
from shared.config import Settings

logger = log.get(__name__)

METADATA_MS = 10_000  # a topic that was not there when we came is heard of within this


class Positions(Protocol):
    """Who remembers how far a consumer came, in case the broker forgot."""

    def next_offset(self, topic: str, partition: int) -> int | None: ...


def _committed(offsets: Mapping[TopicPartition, OffsetAndMetadata], answer: Any) -> None:
    if isinstance(answer, Exception):
        logger.info("offsets not committed", partitions=len(offsets), reason=type(answer).__name__)


class Consumer:
    """A member of a consumer group that commits only what it is told to, and never jumps over a gap on its own."""

    def __init__(self, settings: Settings, *, group: str, topics: Sequence[str], positions: Positions) -> None:
        """Raises BusUnavailable where no broker answers within 3 seconds."""
        self._prefix, self._positions, self._held_at = settings.kafka_topic_prefix, positions, time.monotonic()
        try:
            self._consumer = KafkaConsumer(
                **connection(settings),
                group_id=self._prefix + group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                partition_assignment_strategy=(CooperativeStickyAssignor,),
                session_timeout_ms=10_000,
                metadata_max_age_ms=METADATA_MS,
                max_poll_records=500,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except kafka_errors.KafkaError as fault:
            raise BusUnavailable(type(fault).__name__) from fault
        self._consumer.subscribe([self._prefix + topic for topic in topics])

    @property
    def seconds_without_partitions(self) -> float:
        """How long it has held none: a member too many, or one that the group has lost sight of."""
        return time.monotonic() - self._held_at

    def poll(self, seconds: float) -> list[Batch]:
        """What has arrived, waiting at most `seconds`. Raises BusUnavailable or PositionLost."""
        try:
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
            if self._consumer.assignment():
                self._held_at = time.monotonic()
        except kafka_errors.NoOffsetForPartitionError as fault:
            self._start(fault.args[0])
            return []
        except kafka_errors.OffsetOutOfRangeError as fault:
            gone: dict[TopicPartition, int] = fault.args[0]
            raise PositionLost({(at.topic.removeprefix(self._prefix), at.partition): offset for at, offset in gone.items()}) from fault
        except kafka_errors.KafkaError as fault:
            raise BusUnavailable(type(fault).__name__) from fault
        return [batch_of(self._prefix, partition, records) for partition, records in polled.items() if records]

    def _start(self, partitions: set[TopicPartition]) -> None:
        """The broker knows no position: go on where our own records say, and begin a new group at the oldest record."""
        oldest = self._consumer.beginning_offsets(list(partitions))
        for partition in partitions:
            known = self._positions.next_offset(partition.topic.removeprefix(self._prefix), partition.partition)
            self._consumer.seek(partition, oldest[partition] if known is None else known)

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Tell the group how far it is, without waiting. A failure (a rebalance, a broker away) is harmless: what is read again is recognised."""
        places = {TopicPartition(self._prefix + topic, at): OffsetAndMetadata(offset, "", -1) for (topic, at), offset in offsets.items()}
        self._consumer.commit_async(places, _committed)

    def rewind(self, batch: Batch) -> None:
        """Read this batch again at the next poll."""
        partition = TopicPartition(self._prefix + batch.topic, batch.partition)
        if partition in self._consumer.assignment():
            self._consumer.seek(partition, batch.records[0].offset)

    def end_offsets(self, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """Where each partition ends now, by (topic, partition). Raises BusUnavailable, also where one of the topics is not there yet."""
        try:
            places = {t: self._consumer.partitions_for_topic(self._prefix + t) for t in topics}
            if not all(places.values()):
                raise kafka_errors.UnknownTopicOrPartitionError(*(t for t, found in places.items() if not found))
            known = [TopicPartition(self._prefix + t, p) for t, found in places.items() for p in found]
            ends = self._consumer.end_offsets(known)
        except kafka_errors.KafkaError as fault:
            raise BusUnavailable(type(fault).__name__) from fault
        return {(partition.topic.removeprefix(self._prefix), partition.partition): end for partition, end in ends.items()}

    def position(self, topic: str, partition: int) -> int:
        """The offset this member reads next (behind a transaction's marker too); -1 where the partition is not its own."""
        place = TopicPartition(self._prefix + topic, partition)
        if place not in self._consumer.assignment():
            return -1
        with suppress(kafka_errors.KafkaError, AssertionError):
            return int(self._consumer.position(place, timeout_ms=1000) or 0)
        return -1

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._consumer.close(autocommit=False, timeout_ms=5000)
