"""Parked keys and dead letters, as an operator sees them: list, show, replay a key, drop a letter with a reason.

Replay locks the key, so that what arrives meanwhile waits its turn behind it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, true, update
from sqlalchemy.orm import Session

from shared.bus import Incoming
from shared.inbox import Hearing, dead_letters, parked_keys
from shared.inbox.receive import handle
from shared.problems import Conflict, NotFound

_MOST_ID = 2**63 - 1  # of a bigint: PostgreSQL would refuse to compare with more


@dataclass(frozen=True)
class Letter:
    """A dead letter as it is shown: never its value, which may be anything."""

    id: int
    topic: str
    partition: int
    offset: int
    key: str
    type: str
    state: str
    reason: str
    bytes: int
    received_at: datetime


@dataclass(frozen=True)
class ParkedKey:
    """A key whose records wait, `letter` being the number of the first of them."""

    topic: str
    key: str
    reason: str
    parked_at: datetime
    waiting: int
    letter: int


class StillFailing(Exception):
    """A letter failed again: nothing was changed. Carries its id and the reason."""

    def __init__(self, letter_id: int, reason: str) -> None:
        super().__init__(f"letter {letter_id}: {reason}")
        self.letter_id, self.reason = letter_id, reason


def letters_of(session: Session, hearing: Hearing, *, state: str = "waiting", after: int | None = None, limit: int = 100) -> list[Letter]:
    """The oldest dead letters of a consumer in that state behind the number `after`, at most `limit`."""
    query = select(dead_letters).where(
        dead_letters.c.consumer == hearing.name, dead_letters.c.state == state, dead_letters.c.id > (after or 0)
    )
    return [_letter(row) for row in session.execute(query.order_by(dead_letters.c.id).limit(limit))]


def parked_of(session: Session, hearing: Hearing, *, after: int | None = None, limit: int = 100) -> list[ParkedKey]:
    """Parked keys in the order of their first letters that wait, those behind the letter `after`, at most `limit`."""
    same = (
        (dead_letters.c.consumer == parked_keys.c.consumer)
        & (dead_letters.c.topic == parked_keys.c.topic)
        & (dead_letters.c.key == parked_keys.c.key)
    )
    first, waiting = func.min(dead_letters.c.id).label("first"), func.count().label("waiting")
    behind = select(func.coalesce(first, 0).label("first"), waiting).where(same, dead_letters.c.state == "waiting").lateral()
    query = select(parked_keys, behind.c.first, behind.c.waiting).join(behind, true())
    query = query.where(parked_keys.c.consumer == hearing.name, behind.c.first > (-1 if after is None else after))
    rows = session.execute(query.order_by(behind.c.first).limit(limit))
    return [ParkedKey(r.topic, _readable(r.key), r.reason, r.parked_at, r.waiting, r.first) for r in rows]


def find_letter(session: Session, hearing: Hearing, letter_id: int) -> Letter:
    """Raises NotFound, also for a number that no letter can have."""
    if letter_id > _MOST_ID:
        raise NotFound("not-found")
    query = select(dead_letters).where(dead_letters.c.consumer == hearing.name, dead_letters.c.id == letter_id)
    row = session.execute(query).first()
    if row is None:
        raise NotFound("not-found")
    return _letter(row)


def replay_key(session: Session, hearing: Hearing, *, topic: str, key: str, actor: str, because: str) -> int:
    """Handle what waits under a key, in order, and unpark it; returns how many. Who did it and why is kept with each letter. Raises NotFound, StillFailing (and then nothing is changed)."""
    raw = _raw(key)
    _lock(session, hearing, topic, raw)
    count = 0
    for row in _waiting(session, hearing, topic, raw):
        reason = handle(session, hearing, _incoming(row))
        if reason is not None:
            raise StillFailing(row.id, reason)
        _settle(session, row.id, "replayed", actor=actor, because=because)
        count += 1
    _unpark(session, hearing, topic, raw)
    return count


def drop_letter(session: Session, hearing: Hearing, *, letter_id: int, actor: str, because: str) -> None:
    """Give one waiting letter up, for a reason that is kept with who gave it; the key is unparked when nothing waits under it. Raises NotFound, Conflict."""
    letter = find_letter(session, hearing, letter_id)
    raw = _raw(letter.key)
    _lock(session, hearing, letter.topic, raw)
    if find_letter(session, hearing, letter_id).state != "waiting":
        raise Conflict("invalid-transition", state=letter.state, possible=[])
    _settle(session, letter_id, "dropped", actor=actor, because=because)
    if not _waiting(session, hearing, letter.topic, raw):
        _unpark(session, hearing, letter.topic, raw)


def _lock(session: Session, hearing: Hearing, topic: str, key: bytes) -> None:
    c = parked_keys.c
    query = select(c.reason).where(c.consumer == hearing.name, c.topic == topic, c.key == key).with_for_update()
    if session.execute(query).first() is None:
        raise NotFound("not-found")


def _unpark(session: Session, hearing: Hearing, topic: str, key: bytes) -> None:
    c = parked_keys.c
    session.execute(delete(parked_keys).where(c.consumer == hearing.name, c.topic == topic, c.key == key))


def _waiting(session: Session, hearing: Hearing, topic: str, key: bytes) -> list[Any]:
    c = dead_letters.c
    query = select(dead_letters).where(c.consumer == hearing.name, c.topic == topic, c.key == key, c.state == "waiting")
    return list(session.execute(query.order_by(c.offset)))


def _settle(session: Session, letter_id: int, state: str, *, actor: str, because: str) -> None:
    values = {"state": state, "settled_at": func.clock_timestamp(), "settled_by": actor, "settled_because": because}
    session.execute(update(dead_letters).where(dead_letters.c.id == letter_id).values(values))


def _incoming(row: Any) -> Incoming:
    headers = {name: bytes.fromhex(text) for name, text in row.headers.items()}
    return Incoming(row.topic, row.partition, row.offset, bytes(row.key), headers, None if row.value is None else bytes(row.value))


def _letter(row: Any) -> Letter:
    kind = bytes.fromhex(row.headers.get("ce_type", "")).decode(errors="replace")
    size = len(row.value or b"")
    return Letter(row.id, row.topic, row.partition, row.offset, _readable(row.key), kind, row.state, row.reason, size, row.received_at)


def _readable(key: bytes) -> str:
    """Keys are UUIDs in ASCII; garbage is shown as hex behind `0x`."""
    text = bytes(key).decode("ascii", errors="replace")
    return text if text.isprintable() and not text.startswith("0x") and "\ufffd" not in text else "0x" + bytes(key).hex()


def _raw(key: str) -> bytes:
    """What `_readable` was made of. Raises NotFound where it is no such text."""
    try:
        return bytes.fromhex(key[2:]) if key.startswith("0x") else key.encode()
    except ValueError as fault:
        raise NotFound("not-found") from fault


def forget_keys(session: Session, keys: list[str]) -> None:
    """After an erasure: what the letters under these keys held is gone, and nothing of theirs waits any more."""
    raw = [key.encode() for key in keys]
    gone: dict[str, Any] = {"value": None, "headers": {}}
    dropped = {"state": "dropped", "settled_at": func.clock_timestamp(), "settled_because": "the person was erased"}
    session.execute(update(dead_letters).where(dead_letters.c.key.in_(raw), dead_letters.c.state == "waiting").values(**dropped))
    session.execute(update(dead_letters).where(dead_letters.c.key.in_(raw)).values(**gone))
    session.execute(delete(parked_keys).where(parked_keys.c.key.in_(raw)))
