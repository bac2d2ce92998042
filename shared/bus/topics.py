"""The job that creates topics as they are declared, and says where the broker differs. It never changes a number of partitions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from shared.bus import BusUnavailable, connection
from shared.config import Settings
from shared.events import MAX_BYTES, Topic

_DAY_MS = 24 * 3600 * 1000
_FACT = {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS)}
# a tombstone outlives every consumer that may be away; personal records are compacted away within Settings.kafka_personal_lag
_STATE = {
    "cleanup.policy": "compact",
    "delete.retention.ms": str(45 * _DAY_MS),
    "max.compaction.lag.ms": str(_DAY_MS),
    "segment.ms": str(_DAY_MS),
}
_LIMITS = {"max.message.bytes": str(MAX_BYTES + 16_384), "compression.type": "producer"}


def settings_of(topic: Topic, *, replication: int, personal_lag: timedelta) -> dict[str, str]:
    """The broker's settings for this topic, as Kafka names them."""
    chosen = (_personal(personal_lag) if topic.personal else _STATE) if topic.compacted else _FACT
    return {**chosen, **_LIMITS, "min.insync.replicas": "2" if replication >= 3 else "1"}


def _personal(lag: timedelta) -> dict[str, str]:
    milliseconds = str(int(lag.total_seconds() * 1000))
    return _STATE | {"max.compaction.lag.ms": milliseconds, "segment.ms": milliseconds, "min.cleanable.dirty.ratio": "0.01"}


def ensure_topics(settings: Settings, topics: Sequence[Topic]) -> list[str]:
    """Create what is missing; return a sentence for each difference found. Raises BusUnavailable."""
    try:
        admin = KafkaAdminClient(**connection(settings))
        try:
            return _ensure(admin, settings, topics)
        finally:
            admin.close()
    except kafka_errors.KafkaError as fault:
        raise BusUnavailable(type(fault).__name__) from fault


def _ensure(admin: Any, settings: Settings, topics: Sequence[Topic]) -> list[str]:
    replication = settings.kafka_replication
    declared = {
        settings.kafka_topic_prefix + t.name: settings_of(t, replication=replication, personal_lag=settings.kafka_personal_lag)
        for t in topics
    }
    wanted = {settings.kafka_topic_prefix + topic.name: topic for topic in topics}
    there = set(admin.list_topics())
    missing = {
        name: {"num_partitions": t.partitions, "replication_factor": replication, "configs": declared[name]}
        for name, t in wanted.items()
        if name not in there
    }  # fmt: skip
    if missing:
        admin.create_topics(missing, wait_for_metadata=True)
    return [line for name in wanted if name in there for line in _drift(admin, name, wanted[name], declared[name])]


def _drift(admin: Any, name: str, topic: Topic, declared: dict[str, str]) -> list[str]:
    found = len(admin.describe_topics([name])[0]["partitions"])
    lines = (
        []
        if found == topic.partitions
        else [f"{name} has {found} partitions, declared are {topic.partitions}: not changed, it would break the order per case"]
    )
    held = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    values = {key: entry["value"] for key, entry in next(iter(held["topic"].values())).items()}
    for key, value in declared.items():
        if values.get(key) != value:
            lines.append(f"{name}: {key} is {values.get(key)}, declared is {value}")
    return lines
