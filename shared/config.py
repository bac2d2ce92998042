"""Settings: one frozen dataclass per service, read once from the environment, every fault reported together.

Nobody else reads os.environ. A value chooses the backend, never `if TESTING`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import time, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Self, get_type_hints
from urllib.parse import urlsplit

from environs import EnvError, FileAwareEnv
from environs import fields as forms
from limits import parse

MOST_WAITS = 30  # of one schedule
LONGEST_WAIT = timedelta(days=30)


class BadConfiguration(Exception):
    """What is wrong with the environment: one sentence for each name."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def setting(meaning: str, *, default: Any = MISSING, check: Callable[[Any], str | None] | None = None, secret: bool = False) -> Any:
    """Declare one setting. `check` returns what is wrong with a value, or None; a secret is never printed."""
    metadata = {"meaning": meaning, "check": check, "secret": secret}
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not secret)


def at_least(least: float) -> Callable[[float], str | None]:
    return lambda value: None if value >= least else f"must be at least {least}"


def between(least: float, most: float) -> Callable[[float], str | None]:
    return lambda value: None if least <= value <= most else f"must be between {least} and {most}"


def one_of(*allowed: str) -> Callable[[str], str | None]:
    return lambda value: None if value in allowed else f"must be one of {', '.join(allowed)}"


def postgres_url_fault(text: str) -> str | None:
    """A check: an address of a PostgreSQL database; the fault never quotes it, it may hold a password."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "is not an address"
    right = parts.scheme in {"postgresql", "postgres"} and parts.hostname and parts.path.strip("/")
    return None if right else "must look like postgresql://user:password@host:port/name"


def host_port_fault(text: str) -> str | None:
    """A check: an address to listen at or to call, as host:port; an IPv6 address stands in brackets."""
    try:
        parts = urlsplit(f"//{text}")
        right = parts.hostname and parts.port is not None and parts.netloc == text and "@" not in text
    except ValueError:
        right = False
    return None if right else "must be host:port"


def brokers_fault(text: str) -> str | None:
    """A check: one host:port or several, separated by commas."""
    return None if all(host_port_fault(one) is None for one in text.split(",")) else "must be host:port or host:port,host:port"


def http_url_fault(text: str) -> str | None:
    """A check: an address that can be fetched."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "is not an address"
    return None if parts.scheme in {"http", "https"} and parts.hostname else "must look like https://host/path"


def file_fault(path: str) -> str | None:
    """A check: a file that can be read."""
    return None if os.access(path, os.R_OK) and Path(path).is_file() else "names a file that cannot be read"


def rate_fault(text: str) -> str | None:
    """A check: a rate as `30/hour`."""
    try:
        parse(text)
    except ValueError:
        return "must be a rate, as 30/hour"
    return None


def span_of_day_fault(text: str) -> str | None:
    """A check: from one local time to another, as `21:00-08:00`; over midnight where the second is earlier."""
    try:
        begins, ends = (time.fromisoformat(part) for part in text.split("-"))
    except ValueError:
        return "must be a span of local time, as 21:00-08:00"
    right = begins != ends and begins.tzinfo is None and ends.tzinfo is None
    return None if right else "must be a span of local time, as 21:00-08:00"


def optional(check: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """The same check, where empty is allowed."""
    return lambda text: check(text) if text else None


def longer_than_nothing(value: timedelta) -> str | None:
    """A check: a duration."""
    return None if value > timedelta(0) else "must be longer than nothing"


def schedule_fault(waits: Sequence[timedelta]) -> str | None:
    """A check: waits one after the other, as 10s,1m,5m."""
    right = 1 <= len(waits) <= MOST_WAITS and all(timedelta(0) < wait <= LONGEST_WAIT for wait in waits)
    return None if right else f"must be 1 to {MOST_WAITS} durations of at most {LONGEST_WAIT.days} days, as 10s,1m,5m"


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """What whoever answers HTTP needs; all there is to a service without a database."""

    http_bind: str = setting("address of the HTTP server, as host:port", default="127.0.0.1:8000", check=host_port_fault)
    http_processes: int = setting("processes of the HTTP server, one thread each", default=2, check=at_least(1))
    trusted_proxies: int = setting("proxies in front whose X-Forwarded-For is believed", default=0, check=at_least(0))
    max_body_bytes: int = setting("largest request body", default=262_144, check=at_least(1))
    log_level: str = setting("debug, info, warning or error", default="info", check=one_of("debug", "info", "warning", "error"))
    log_format: str = setting("json for machines, text for people", default="json", check=one_of("json", "text"))

    @classmethod
    def from_env(cls) -> Self:
        """Read the environment; NAME_FILE names a file that holds NAME. Raises BadConfiguration with every missing or ill-formed setting."""
        env, faults, hints = FileAwareEnv(strip_whitespace=True), list[str](), get_type_hints(cls)
        values = {declared.name: _read(env, declared, hints[declared.name], faults) for declared in fields(cls)}
        faults += cls.faults_between(values)
        if faults:
            raise BadConfiguration(faults)
        return cls(**values)

    @classmethod
    def faults_between(cls, values: Mapping[str, Any]) -> list[str]:  # noqa: ARG003
        """What is wrong with values that were read, taken together; None stands for one that was itself wrong."""
        return []

    def oddities(self) -> list[str]:
        """What is allowed and yet strange: names that miss a setting by a letter, names given twice, values for trying things out."""
        names = {declared.name.upper() for declared in fields(self)}
        given = {name for name in os.environ if name.removesuffix("_FILE") in names}
        missed = [
            (name, get_close_matches(name.removesuffix("_FILE"), names, n=1, cutoff=0.9))
            for name in sorted(os.environ)
            if name not in given
        ]
        return [
            *(f"{name} is no setting: is {close[0]} meant?" for name, close in missed if close),
            *(f"{name} and {name}_FILE are both given" for name in sorted(given) if f"{name}_FILE" in given),
        ]


@dataclass(frozen=True, kw_only=True)
class Settings(HttpSettings):
    """What a service with a database of its own needs. A service's own Settings extend it."""

    database_url: str = setting(
        "PostgreSQL of this service, as postgresql://user:password@host:port/name", check=postgres_url_fault, secret=True
    )
    migrate_database_url: str = setting(
        "the same database as the role that may change its structure; empty: DATABASE_URL",
        default="",
        check=optional(postgres_url_fault),
        secret=True,
    )
    kafka_bootstrap_servers: str = setting("brokers, as host:port,host:port", default="127.0.0.1:9092", check=brokers_fault)
    kafka_security_protocol: str = setting(
        "how to speak to the brokers", default="PLAINTEXT", check=one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    )
    kafka_ca: str = setting(
        "path of the certificates that may sign a broker's, in PEM; empty: those of the system", default="", check=optional(file_fault)
    )
    kafka_certificate: str = setting(
        "path of our own certificate for brokers that ask for one, in PEM, with its private key in the same file",
        default="",
        check=optional(file_fault),
    )
    kafka_sasl_mechanism: str = setting(
        "SASL mechanism, where the protocol has one", default="SCRAM-SHA-512", check=one_of("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
    )
    kafka_username: str = setting("SASL user", default="")
    kafka_password: str = setting("SASL password", default="", secret=True)
    kafka_topic_prefix: str = setting("put before each topic and consumer group, so that several installations share a broker", default="")
    kafka_personal_lag: timedelta = setting(
        "until a superseded or erased record is gone from a topic with personal data: its max.compaction.lag.ms and segment.ms",
        default=timedelta(hours=1),
        check=lambda lag: None if lag >= timedelta(seconds=1) else "must be at least a second",
    )
    kafka_replication: int = setting("replicas of each topic when it is created", default=1, check=at_least(1))
    metrics_bind: str = setting(
        "where `work` serves its figures for Prometheus, as host:port; empty: nowhere", default="", check=optional(host_port_fault)
    )
    cors_origins: list[str] = setting("origins of web clients that may call from a browser", default=[])
    token_issuer: str = setting("`iss` of the bearer tokens we accept", default="passage")
    token_audience: str = setting("`aud` of the bearer tokens we accept", default="passage")
    postgres_programs: str = setting("folder of pg_dump and pg_restore, for backup and restore; empty: found by PATH", default="")
    retention_pause: timedelta = setting("between two passes of the retention loop", default=timedelta(hours=1), check=longer_than_nothing)
    retain_inbox: timedelta = setting(
        "ids of facts heard: longer than the broker keeps facts", default=timedelta(days=45), check=longer_than_nothing
    )
    retain_dead_letters: timedelta = setting("records that could not be handled", default=timedelta(days=30), check=longer_than_nothing)
    retain_event_archive: timedelta = setting(
        "facts that were published, by whole days", default=timedelta(days=30), check=longer_than_nothing
    )
    retain_idempotency_keys: timedelta = setting(
        "answers to requests with an Idempotency-Key", default=timedelta(days=7), check=longer_than_nothing
    )
    retain_rate_limits: timedelta = setting(
        "counters of rate limits, after their window", default=timedelta(hours=1), check=longer_than_nothing
    )
    parked_keys_limit: int = setting(
        "a consumer stops with more parked keys than this: it is the deploy that is bad", default=50, check=at_least(1)
    )

    @classmethod
    def faults_between(cls, values: Mapping[str, Any]) -> list[str]:
        """A protocol with SASL needs somebody to be."""
        protocol = values["kafka_security_protocol"]
        if not str(protocol).startswith("SASL"):
            return []
        missing = [name for name in ("kafka_username", "kafka_password") if values[name] == ""]
        return [f"{name.upper()} is needed with KAFKA_SECURITY_PROTOCOL {protocol}" for name in missing]

    def oddities(self) -> list[str]:
        """Also what is lost with one broker."""
        brokers = len(self.kafka_bootstrap_servers.split(","))
        few = [f"KAFKA_REPLICATION is {self.kafka_replication} with {brokers} brokers: topics that are made now are lost with one of them"]
        return [*super().oddities(), *(few if brokers >= 3 > self.kafka_replication else [])]


def _read(env: FileAwareEnv, declared: Field[Any], kind: Any, faults: list[str]) -> Any:
    """One value, or None and a sentence in `faults`."""
    readers: dict[Any, Callable[..., Any]] = {
        str: env.str,
        int: env.int,
        float: env.float,
        bool: env.bool,
        list[str]: env.list,
        list[timedelta]: partial(env.list, subcast=forms.TimeDelta),
        timedelta: env.timedelta,
    }
    name, default = declared.name.upper(), declared.default
    if declared.default_factory is not MISSING:
        default = declared.default_factory()
    try:
        value = readers[kind](name) if default is MISSING else readers[kind](name, default)
    except (EnvError, ValueError) as fault:
        faults.append(str(fault))
        return None
    check = declared.metadata["check"]
    if wrong := check and check(value):
        faults.append(f"{name} {wrong}")
    return value
