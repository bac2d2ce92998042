"""Kafka, and nothing but: the only module that knows kafka-python. Publishes batches, polls batches, keeps topics as they are declared.

Never decides what a record means; that is shared.events, and what to make of it shared.inbox.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from shared import log
from shared.config import Settings

logger = log.get(__name__)

FLUSH_SECONDS = 12.0  # for the acks of a batch: a little longer than the producer itself keeps it
METADATA_MS = 10_000  # a topic that was not there when we came is heard of within this

_FENCED = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError, kafka_errors.TransactionCoordinatorFencedError)
_REFUSED = (kafka_errors.MessageSizeTooLargeError, kafka_errors.InvalidRecordError, kafka_errors.RecordListTooLargeError)


class BusUnavailable(Exception):
    """The broker did not take or give it now; nothing is known to be lost. Try again."""


class Fenced(Exception):
    """A newer producer of the same name has begun: this process must not publish any more."""


class RecordRefused(Exception):
    """One record can never be published. `at` is its place in the batch."""

    def __init__(self, at: int, because: str) -> None:
        super().__init__(because)
        self.at, self.because = at, because


class PositionLost(Exception):
    """The place to read on from is gone from the broker: records may have been missed. A person must decide.

    `places`: the offsets that are gone, by (topic, partition).
    """

    def __init__(self, places: Mapping[tuple[str, int], int]) -> None:
        super().__init__(", ".join(f"{topic} / {partition} / {offset}" for (topic, partition), offset in places.items()))
        self.places = places


@dataclass(frozen=True)
class Outgoing:
    """A record to be published; `key` decides the partition."""

    topic: str
    key: bytes
    headers: dict[str, str]
    value: bytes | None


@dataclass(frozen=True)
class Ack:
    """Where a record stands now."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Incoming:
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: dict[str, bytes]
    value: bytes | None


@dataclass(frozen=True)
class Batch:
    """Records of one partition in the order of their offsets, at least one."""

    topic: str
    partition: int
    records: list[Incoming]

    @property
    def next_offset(self) -> int:
        return self.records[-1].offset + 1


class Positions(Protocol):
    """Who remembers how far a consumer came, in case the broker forgot."""

    def next_offset(self, topic: str, partition: int) -> int | None: ...


def connection(settings: Settings) -> dict[str, Any]:
    """How kafka-python is to reach the brokers."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "reconnect_backoff_max_ms": 1000,
        "bootstrap_timeout_ms": 3000,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options |= {"ssl_cafile": settings.kafka_ca or None, "ssl_certfile": settings.kafka_certificate or None}
    if settings.kafka_security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password,
        }
    return options


class Publisher:
    """A transactional producer. Opening it fences whoever published under the same name before (KIP-98)."""

    def __init__(self, settings: Settings, *, name: str) -> None:
        self._settings, self._name = settings, settings.kafka_topic_prefix + name
        self._producer: Any = None

    def open(self) -> None:
        """Begin to publish under this name. Raises BusUnavailable."""
        try:
            self._producer = KafkaProducer(
                **connection(self._settings),
                transactional_id=self._name,
                transaction_timeout_ms=10_000,
                enable_idempotence=True,
                acks="all",
                retry_backoff_ms=5,
                max_block_ms=10_000,
                request_timeout_ms=8_000,
                delivery_timeout_ms=10_000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
            self._producer.init_transactions()
        except kafka_errors.KafkaError as fault:
            self.close()
            raise BusUnavailable(type(fault).__name__) from fault

    def publish(self, records: Sequence[Outgoing]) -> list[Ack]:
        """Publish a batch in one Kafka transaction and wait for the acks. Raises BusUnavailable, Fenced or RecordRefused, the producer then closed."""
        if self._producer is None:
            self.open()
        try:
            self._producer.begin_transaction()
            acks = [Ack(sent.partition, sent.offset) for sent in self._send(records)]
            self._producer.commit_transaction()
        except (kafka_errors.KafkaError, RecordRefused) as fault:
            (self._abandon if isinstance(fault, kafka_errors.KafkaTimeoutError) else self.close)()
            if isinstance(fault, RecordRefused):
                raise
            raise (Fenced if isinstance(fault, _FENCED) else BusUnavailable)(type(fault).__name__) from fault
        return acks

    def _send(self, records: Sequence[Outgoing]) -> Iterator[Any]:
        futures, prefix = [], self._settings.kafka_topic_prefix
        for at, record in enumerate(records):
            headers = [(name, text.encode()) for name, text in record.headers.items()]
            try:
                futures.append(self._producer.send(prefix + record.topic, record.value, record.key, headers))
            except _REFUSED as fault:
                raise RecordRefused(at, type(fault).__name__) from fault
        self._producer.flush(timeout=FLUSH_SECONDS)
        for at, future in enumerate(futures):
            try:
                yield future.get(timeout=10)
            except _REFUSED as fault:
                raise RecordRefused(at, type(fault).__name__) from fault

    def _abandon(self) -> None:
        """Let go of a broker that says nothing: to abort would wait for it without end. The next `open` fences what this one began."""
        producer, self._producer = self._producer, None
        producer._sender.force_close()  # noqa: SLF001  # there is no public way to give up what waits
        producer._sender.join(FLUSH_SECONDS)  # noqa: SLF001
        producer.close(timeout=2)

    def close(self) -> None:
        """Give the open transaction up and let the connection go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(
                kafka_errors.KafkaError, AssertionError
            ):  # there may be none to abort, or the broker is away: its time-out aborts it
                producer.abort_transaction()
            producer.close(timeout=2)


def batch_of(prefix: str, partition: TopicPartition, records: Sequence[Any]) -> Batch:
    """Kafka's records of one partition as ours, under the topic's name without the installation's prefix."""
    topic = partition.topic.removeprefix(prefix)
    return Batch(
        topic,
        partition.partition,
        [Incoming(topic, r.partition, r.offset, r.key, {name: raw or b"" for name, raw in r.headers or ()}, r.value) for r in records],
    )


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
