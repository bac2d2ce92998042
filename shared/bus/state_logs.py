"""A compacted topic as a log of bytes: what is still in it, and records that make it forget.

Knows keys and whether there is a value; never what a value means.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from shared import crypto, log
from shared.bus import BusUnavailable, connection
from shared.bus.reading import read
from shared.config import Settings
from shared.events import Envelope, Tombstone, Topic, encode, heartbeat_id

logger = log.get(__name__)


class StateLog:
    """One compacted topic. A broker that is away is no error here: the answer is None or False, and the caller comes again."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self._settings, self._topic = settings, topic
        self._name = settings.kafka_topic_prefix + topic.name

    def keys_with_values(self, ids: Collection[UUID]) -> set[UUID] | None:
        """Which of these still have a value anywhere in the log, superseded records included. None where that could not be read to the end."""
        wanted = {str(one).encode(): one for one in ids}
        try:
            records = (record for batch in read(self._settings, self._topic.name) for record in batch.records)
            return {wanted[record.key] for record in records if record.key in wanted and record.value is not None}
        except BusUnavailable as fault:
            logger.warning("log not read", topic=self._topic.name, reason=str(fault))
            return None

    def beat(self) -> bool:
        """A tombstone under a reserved key into each partition: a segment is closed only when something is appended, and only a closed one is compacted."""
        try:
            producer = KafkaProducer(**connection(self._settings), acks="all", max_block_ms=10_000, allow_auto_create_topics=False, metrics_enabled=False)  # fmt: skip
        except kafka_errors.KafkaError as fault:
            logger.warning("no heartbeat", topic=self._topic.name, reason=type(fault).__name__)
            return False
        try:
            sent = [self._send_beat(producer, partition) for partition in range(self._topic.partitions)]
            producer.flush(timeout=10)
            for one in sent:
                one.get(timeout=10)
        except kafka_errors.KafkaError as fault:
            logger.warning("no heartbeat", topic=self._topic.name, reason=type(fault).__name__)
            return False
        finally:
            producer.close(timeout=2)
        return True

    def _send_beat(self, producer: Any, partition: int) -> Any:
        key = heartbeat_id(partition)
        event = Tombstone(topic=self._topic, id=key, version=0)
        envelope = Envelope(id=crypto.new_id(), event=event, key=str(key), version=0, sequence=0, occurred_at=datetime.now(UTC))
        headers, _ = encode(envelope, source=f"/{self._topic.name.split('.')[0]}")
        return producer.send(self._name, None, str(key).encode(), [(name, text.encode()) for name, text in headers.items()], partition)
