"""Of records in `enquiry.events` that nobody of ours wrote: garbage, an unknown type, a newer version, one that a bad release cannot bear."""

import random
from collections.abc import Callable
from dataclasses import replace

import psycopg
from kafka import KafkaProducer
from kafka.errors import KafkaError

from shared import crypto
from shared.clock import system_clock
from shared.events import Case, Envelope, encode
from shared.events.enquiry import EnquiryWithdrawn
from tests.faults.deploys import DEADLY
from tests.faults.house import House
from tests.faults.injected import Fault, NotNow
from tests.faults.injected.programs import release

TOPIC = "enquiry.events"
Record = tuple[bytes, dict[str, bytes], bytes]


def plant(what: str, make: Callable[[House], Record], planted: set[tuple[str, int, int]]) -> Fault:
    """`planted` hears where the record stands."""

    def inject(house: House) -> None:
        key, headers, value = make(house)
        try:
            producer = KafkaProducer(
                bootstrap_servers=house.place.parts.kafka,
                bootstrap_timeout_ms=2000,
                max_block_ms=3000,
                request_timeout_ms=3000,
                delivery_timeout_ms=4000,
                metrics_enabled=False,
            )
            try:
                sent = producer.send(TOPIC, value, key, list(headers.items())).get(timeout=5)
                planted.add((TOPIC, sent.partition, sent.offset))
            finally:
                producer.close(timeout=1)
        except KafkaError as fault:
            raise NotNow from fault

    return Fault(what, inject, seconds=(0.2, 0.5))


def withdrawn(reference: str = "PLANTED") -> Record:
    """A fact as ours are, of a case that is not there."""
    case_id = crypto.new_id()
    fact = EnquiryWithdrawn(case=Case(id=case_id, version=1), reference=reference, verified=False)
    headers, value = encode(
        Envelope(id=crypto.new_id(), event=fact, key=str(case_id), version=1, sequence=0, occurred_at=system_clock()), source="/test"
    )
    return str(case_id).encode(), {name: text.encode() for name, text in headers.items()}, value or b""


def renamed(name: str) -> Record:
    key, headers, value = withdrawn()
    return key, headers | {"ce_type": name.encode()}, value


def garbage(dice: random.Random, key: bytes) -> Record:
    return key, {"ce_id": dice.randbytes(9), "junk": b"\xff\x00"}, dice.randbytes(300)


def of_a_case(house: House) -> bytes:
    """The key of the newest case: what follows under it has to wait until operations have dropped the garbage."""
    try:
        newest = house.rows("enquiry", "SELECT id::text FROM enquiries ORDER BY id DESC LIMIT 1")
    except psycopg.Error as fault:
        raise NotNow from fault
    if not newest:
        raise NotNow
    return str(newest[0]["id"]).encode()


def all_of(dice: random.Random, planted: set[tuple[str, int, int]]) -> tuple[list[Fault], list[str]]:
    """The faults of this kind, and a sentence for each that cannot be here."""
    return [
        plant("a record of garbage", lambda _: garbage(dice, str(crypto.new_id()).encode()), planted),
        plant("a record of garbage under a case's key", lambda house: garbage(dice, of_a_case(house)), planted),
        plant("a record of an unknown type", lambda _: renamed("enquiry.teleported.v1"), planted),
        plant("a record of a newer version", lambda _: renamed("enquiry.opened.v2"), planted),
        deadly(planted),
    ], []


def deadly(planted: set[tuple[str, int, int]]) -> Fault:
    """A release that a record kills, and the record. Each death holds its partitions up for a session's time-out, so it takes long to be found."""
    record = plant("the record", lambda _: withdrawn(DEADLY), planted)
    deploy = release("notification-consume", "deadly", "a record that kills the process that reads it", seconds=(100.0, 110.0), hours=True)

    def inject(house: House) -> None:
        record.inject(house)
        deploy.inject(house)

    return replace(deploy, inject=inject)
