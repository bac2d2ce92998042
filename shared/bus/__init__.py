"""Kafka, and nothing but: the only module that knows kafka-python. What is published and polled, how brokers are reached, and the publisher; consumers and topics have modules of their own.

Never decides what a record means; that is shared.events, and what to make of it shared.inbox.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka import errors as kafka_errors

from shared import log
from shared.config import Settings

logger = log.get(__name__)

FLUSH_SECONDS = 12.0  # for the acks of a batch: a little longer than the producer itself keeps it

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
