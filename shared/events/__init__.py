"""What an event is, and how it is written: CloudEvents 1.0 in Kafka's binary mode. The facts themselves stand in the modules beside this one.

Keys, subjects and attributes travel in clear: opaque ids, states and reason codes only, never personal data.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from marshmallow import ValidationError

from shared.events.schemas import WireOnly, schema_of

MAX_BYTES = 262_144
LONGEST_TYPE = 200  # characters; PostgreSQL keeps the names of types that nobody knows
TOMBSTONE = "tombstone.v1"
_HEARTBEATS = b"00000000-0000-0000-0000-"


@dataclass(frozen=True)
class Topic:
    """A topic and its settings. Fact topics keep 30 days; compacted ones keep the last record of each key."""

    name: str
    partitions: int
    compacted: bool
    meaning: str
    personal: bool = False  # compacted away soon after an erasure
    accounted: bool = False  # each fact must get an outcome from its consumer


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a fact is about, as the transaction that locked it knows it: an enquiry (or, for `account.*`, an account)."""

    id: UUID
    version: int
    patient_id: UUID | None = None
    sequences: Iterator[int] = field(default_factory=itertools.count, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Fact(WireOnly):
    """Something that happened to a case. Its id, case, version, sequence and time travel as CloudEvents attributes."""

    topic: ClassVar[Topic]
    type: ClassVar[str]
    case: Case = field(metadata={"wire": False})


@dataclass(frozen=True, kw_only=True)
class State:
    """The whole present state of one thing, for a compacted topic. The highest version wins."""

    topic: ClassVar[Topic]
    type: ClassVar[str]
    id: UUID
    version: int


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """The thing is gone: the record has no value, and Kafka forgets the key."""

    topic: Topic
    id: UUID
    version: int
    type: ClassVar[str] = TOMBSTONE


Event = Fact | State | Tombstone
REGISTRY: dict[str, type[Fact] | type[State]] = {}
TOPICS: dict[str, Topic] = {}
E_ = TypeVar("E_", bound=type[Fact] | type[State])


def register(name: str, topic: Topic) -> Callable[[E_], E_]:
    """Class decorator: this dataclass is event `name` (with its version, `enquiry.opened.v1`) of `topic`."""

    def add(cls: E_) -> E_:
        cls.type, cls.topic = name, topic
        REGISTRY[name] = cls
        TOPICS[topic.name] = topic
        return cls

    return add


def heartbeat_id(partition: int) -> UUID:
    """The reserved key of a partition: tombstones under it say nothing, they only let the log turn over."""
    return UUID(int=partition)


def is_heartbeat(key: bytes | None) -> bool:
    return key is not None and key.startswith(_HEARTBEATS)


class Unreadable(Exception):
    """The record is not one of our CloudEvents, or its data does not fit its schema."""


class UnknownType(Exception):
    """A well-formed CloudEvent of a type or version this release does not know."""

    def __init__(self, event_id: UUID, name: str) -> None:
        super().__init__(name)
        self.event_id, self.name = event_id, name


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """An event with what travels beside it. `value` is None for a tombstone; `headers` are the CloudEvents attributes."""

    id: UUID
    event: Event
    key: str
    version: int
    sequence: int
    occurred_at: datetime
    traceparent: str | None = None


def encode(envelope: Envelope, *, source: str) -> tuple[dict[str, str], bytes | None]:
    """Headers and value of the Kafka record. Raises ValueError for what cannot be serialised or exceeds 256 kB."""
    event = envelope.event
    attributes: dict[str, Any] = {
        "id": str(envelope.id),
        "source": source,
        "type": event.type,
        "subject": envelope.key,
        "time": envelope.occurred_at,
        "datacontenttype": "application/json",
        "version": str(envelope.version),
        "sequence": f"{envelope.sequence:04d}",
    }
    if isinstance(event, Fact) and event.case.patient_id:
        attributes["patientid"] = str(event.case.patient_id)
    if envelope.traceparent:
        attributes["traceparent"] = envelope.traceparent
    message = to_binary(CloudEvent(attributes, b""), JSONFormat())
    headers = {name: value.decode() for name, value in message.headers.items()}
    if isinstance(event, Tombstone):
        return headers, None
    value = orjson.dumps(schema_of(type(event)).dump(event))
    if len(value) > MAX_BYTES:
        raise ValueError(f"{event.type} of {len(value)} bytes exceeds {MAX_BYTES}")
    return headers, value


def decode(topic: str, headers: Mapping[str, bytes], value: bytes | None) -> Envelope:
    """The event of a record. Raises Unreadable or UnknownType; never anything else, whatever the bytes."""
    try:
        attributes = from_binary(KafkaMessage(headers=dict(headers), key=None, value=b"{}"), JSONFormat()).get_attributes()
        event_id, subject = UUID(attributes["id"]), UUID(attributes["subject"])
        version, sequence = int(attributes["version"]), int(attributes["sequence"])
        occurred_at = attributes["time"].astimezone(UTC)
        patient = UUID(attributes["patientid"]) if "patientid" in attributes else None
    except (CloudEventValidationError, KeyError, ArithmeticError, ValueError, TypeError, AttributeError) as fault:
        raise Unreadable(type(fault).__name__) from fault
    name = attributes["type"]
    if "\x00" in name or len(name) > LONGEST_TYPE:
        raise Unreadable("type")
    return Envelope(
        id=event_id,
        event=_event(topic, name, event_id, Case(id=subject, version=version, patient_id=patient), value),
        key=str(subject),
        version=version,
        sequence=sequence,
        occurred_at=occurred_at,
        traceparent=attributes.get("traceparent"),
    )


def _event(topic: str, name: str, event_id: UUID, case: Case, value: bytes | None) -> Event:
    if name == TOMBSTONE:
        if value is not None or topic not in TOPICS or not TOPICS[topic].compacted:
            raise Unreadable("tombstone")
        return Tombstone(topic=TOPICS[topic], id=case.id, version=case.version)
    cls = REGISTRY.get(name)
    if cls is None or cls.topic.name != topic:
        raise UnknownType(event_id, name)
    try:
        loaded = schema_of(cls).load(orjson.loads(value or b""))
    except (ValidationError, orjson.JSONDecodeError) as fault:
        raise Unreadable(name) from fault
    return cls(case=case, **loaded) if issubclass(cls, Fact) else loaded
