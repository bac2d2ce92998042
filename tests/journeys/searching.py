"""Where something personal could lie, and every form in which it could: what the canary is searched in."""

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import requests
from kafka import KafkaConsumer, TopicPartition

from devstack.processes import LISTENING, SERVICES


def forms_of_bytes(raw: bytes) -> set[bytes]:
    """As it is, in hex, and in base64 at each of the three places in which it may begin."""
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for before, cut in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        inner = coded[cut : len(coded) - (1 if (before + len(raw)) % 3 else 0)]
        found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_")), inner.hex().encode()}
    return found


def forms_of(text: str) -> set[bytes]:
    """In UTF-8 and UTF-16, each as bytes, hex and base64; escaped for JSON, for an address, for a mail."""
    found = {form for coding in ("utf-8", "utf-16-le", "utf-16-be") for form in forms_of_bytes(text.encode(coding))}
    quoted = "".join(chr(byte) if 33 <= byte < 127 and byte != 61 else f"={byte:02X}" for byte in text.encode())
    return found | {json.dumps(text)[1:-1].encode(), urllib.parse.quote(text).encode(), quoted.encode()}


def sightings(hay: Iterable[tuple[str, bytes]], forms: dict[str, set[bytes]]) -> list[tuple[str, str]]:
    """(where, what) for each needle that is seen in any of its forms."""
    return sorted({(where, name) for where, held in hay for name, wanted in forms.items() if any(form in held for form in wanted)})


# -- where it could lie -------------------------------------------------------


def tables(place) -> Iterator[tuple[str, bytes]]:
    """Every value of every row of every database; bytes as they are."""
    for service in SERVICES:
        with psycopg.connect(place.parts.postgres.url(service)) as connection:
            names = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            ).fetchall()
            for (name,) in names:
                with connection.cursor() as cursor:
                    cursor.execute(f'SELECT * FROM "{name}"')
                    columns = [one.name for one in cursor.description]
                    for row in cursor:
                        yield from ((f"{service}.{name}.{column}", _bytes(value)) for column, value in zip(columns, row, strict=True))


def _bytes(value) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return (json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)).encode()


def topics(place) -> Iterator[tuple[str, bytes]]:
    """Key, headers and value of every record of every topic, from the beginning."""
    for record in records(place.parts.kafka):
        headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers or ())
        yield f"topic {record.topic}", b"\n".join((record.key or b"", headers, record.value or b""))


def records(brokers: str, *topics: str) -> Iterator[Any]:
    """Everything in these topics, or in all, from the beginning to the present ends."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, isolation_level="read_uncommitted")
    try:
        names = topics or sorted(name for name in consumer.topics() if not name.startswith("__"))
        places = [TopicPartition(name, partition) for name in names for partition in consumer.partitions_for_topic(name) or ()]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        while any((consumer.position(one, timeout_ms=10_000) or 0) < ends[one] for one in places):
            for found in consumer.poll(timeout_ms=500).values():
                yield from found
    finally:
        consumer.close(autocommit=False)


def logs(place, written) -> Iterator[tuple[str, bytes]]:
    """What every process of ours has said, and the two servers."""
    for path in (written, *(server.log for server in place.parts.servers)):
        yield f"log {path.name}", path.read_bytes()


def figures(place) -> Iterator[tuple[str, bytes]]:
    for service in LISTENING:
        yield f"metrics of {service}", requests.get(f"{place.http(service)}/metrics", timeout=120).content


def told_to_others(place, address) -> Iterator[tuple[str, bytes]]:
    """Mails to anybody but the requester, and every webhook."""
    for mail in place.mailbox.messages():
        if address not in str(mail["X-RcptTo"]):
            yield f"mail to {mail['X-RcptTo']}", mail.as_bytes() + b"".join(part.get_payload(decode=True) or b"" for part in mail.walk())
    yield "webhooks", requests.get(f"{place.receiver.url.rstrip('/')}/received", timeout=120).content
