"""The job that creates topics as they are declared, and says where the broker differs. It never changes a number of partitions."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
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
    with _admin(settings) as admin:
        return _ensure(admin, settings, topics)


def drift_of(settings: Settings, topics: Sequence[Topic]) -> list[str]:
    """A sentence for each that is missing or differs from what is declared; changes nothing. Raises BusUnavailable."""
    with _admin(settings) as admin:
        there = set(admin.list_topics())
        return [line for topic in topics for line in _faults_of(admin, settings, topic, there)]


def missing(settings: Settings, topics: Sequence[Topic]) -> list[str]:
    """Names of those that are not there. Raises BusUnavailable."""
    with _admin(settings) as admin:
        there = set(admin.list_topics())
    return [name for topic in topics if (name := settings.kafka_topic_prefix + topic.name) not in there]


def count_brokers(settings: Settings) -> int:
    """Brokers that are at work. Raises BusUnavailable."""
    with _admin(settings) as admin:
        return sum(not broker.get("is_fenced") for broker in admin.describe_cluster()["brokers"])


@contextmanager
def _admin(settings: Settings) -> Iterator[Any]:
    """Raises BusUnavailable."""
    try:
        admin = KafkaAdminClient(**connection(settings))
        try:
            yield admin
        finally:
            admin.close()
    except kafka_errors.KafkaError as fault:
        raise BusUnavailable(type(fault).__name__) from fault


def _declared(settings: Settings, topic: Topic) -> dict[str, str]:
    return settings_of(topic, replication=settings.kafka_replication, personal_lag=settings.kafka_personal_lag)


def _faults_of(admin: Any, settings: Settings, topic: Topic, there: Collection[str]) -> list[str]:
    name = settings.kafka_topic_prefix + topic.name
    return _drift(admin, name, topic, _declared(settings, topic)) if name in there else [f"{name} is missing: run `topics`"]


def _ensure(admin: Any, settings: Settings, topics: Sequence[Topic]) -> list[str]:
    wanted = {settings.kafka_topic_prefix + topic.name: topic for topic in topics}
    there = set(admin.list_topics())
    absent = {
        name: {"num_partitions": t.partitions, "replication_factor": settings.kafka_replication, "configs": _declared(settings, t)}
        for name, t in wanted.items()
        if name not in there
    }
    if absent:
        admin.create_topics(absent, wait_for_metadata=True)
    return [line for name in wanted if name in there for line in _drift(admin, name, wanted[name], _declared(settings, wanted[name]))]


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
