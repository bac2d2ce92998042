"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header): the same request again gets the first answer again.

The key, the fingerprint and the encrypted answer commit with the write; only 2xx answers are kept.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec
from uuid import UUID

import orjson
from flask import Response, g, make_response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Column, DateTime, Integer, LargeBinary, Row, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import auth, db, web, writes
from shared.problems import BadRequest, Conflict, Invalid
from shared.web.bodies import read_json

P = ParamSpec("P")
MAX_KEY = 255
_KEPT_HEADERS = ("Location", "ETag", "Content-Type", "Content-Language")

metadata = db.metadata()

table = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("sealed_body", LargeBinary, nullable=False),
    Column("subject", Uuid, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"), index=True),
)

_LOCKED = text(
    """
    SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 7270963)) AS free, kept.*
    FROM (SELECT) AS one LEFT JOIN idempotency_keys AS kept ON kept.caller = :caller AND kept.key = :key
    """
)


def idempotent(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Decorator of a view that creates. Stands above `arguments` and `response`, below `route`.

    Raises BadRequest (no key), Conflict (the first is still being answered), Invalid (same key, other request).
    """

    @wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        key, body = _key(), _body()
        caller, fingerprint = _caller(body), _fingerprint(body)
        with _one_at_a_time(), web.transaction() as session:
            stored = _locked(session, caller, key)
            if stored.fingerprint is not None:
                if bytes(stored.fingerprint) != fingerprint:
                    raise Invalid("idempotency-key-reused")
                return _again(stored, caller, key)
            response = make_response(view(*args, **kwargs))
            if response.status_code < 300:
                _keep(session, caller, key, fingerprint, response)
            return response

    once.is_idempotent = True  # type: ignore[attr-defined]  # the API's document says so
    return once


def about(subject: UUID) -> None:
    """Whose answer this is: an erasure finds it by this."""
    g.idempotency_subject = subject


def is_answered() -> bool:
    """Whether this request's key has its answer already: then it costs nothing to give it again. Raises BadRequest where there is no key."""
    with web.reading() as session:
        query = select(table.c.status).where(table.c.caller == _caller(_body()), table.c.key == _key())
        return session.scalar(query) is not None


def _key() -> str:
    """Quoted as the draft has it (a structured-field string), or bare."""
    header = request.headers.get("Idempotency-Key", "").strip()
    key = header[1:-1] if len(header) >= 2 and header[0] == header[-1] == '"' else header
    if not key:
        raise BadRequest("idempotency-key-missing")
    if len(key) > MAX_KEY or not key.isprintable() or not key.isascii():
        raise BadRequest("bad-request", errors=[{"header": "Idempotency-Key", "reason": f"at most {MAX_KEY} printable ASCII characters"}])
    return key


def _body() -> Any:
    return read_json(request) if request.get_data(cache=True) else None


def _caller(body: Any) -> str:
    """Whose key it is: strangers share none where the service can tell them apart."""
    if principal := auth.current_or_none():
        return f"{principal.scope}/{principal.id}"
    tell_apart = web.door().stranger
    return f"anonymous/{tell_apart(body)}" if tell_apart else "anonymous"


def _fingerprint(body: Any) -> bytes:
    """SHA-256 over method, path and the body's meaning: member order and white space do not matter."""
    meaning = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\n".join((request.method.encode(), request.full_path.encode(), meaning))).digest()


def _locked(session: Session, caller: str, key: str) -> Row[Any]:
    """The stored answer under the key's lock; its columns are None where there is none. Raises Conflict."""
    found = session.execute(_LOCKED, {"name": f"{caller}\n{key}", "caller": caller, "key": key}).one()
    if not found.free:
        raise _in_use()
    return found


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """The lock and the look are one statement: whoever looked just before the first committed, and got its lock, finds the key taken."""
    try:
        yield
    except IntegrityError as fault:
        if "idempotency_keys_pkey" in str(fault.orig):
            raise _in_use() from fault
        raise


def _in_use() -> Conflict:
    return Conflict("idempotency-key-in-use", retry_after=1)


def _bound_to(caller: str, key: str) -> str:
    return f"idempotency:{caller}:{key}"


def _keep(session: Session, caller: str, key: str, fingerprint: bytes, response: Response) -> None:
    ring = web.door().answers_key
    assert ring is not None, "a service with idempotent writes needs answers_key"  # noqa: S101
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    sealed = ring.seal(response.get_data(), bound_to=_bound_to(caller, key))
    row = {
        "caller": caller,
        "key": key,
        "fingerprint": fingerprint,
        "status": response.status_code,
        "headers": headers,
        "sealed_body": sealed,
    }
    writes.add(session, table, [{**row, "subject": g.get("idempotency_subject")}])


def _again(stored: Row[Any], caller: str, key: str) -> Response:
    ring = web.door().answers_key
    assert ring is not None  # noqa: S101
    body = ring.open(bytes(stored.sealed_body), bound_to=_bound_to(caller, key))
    return Response(body, status=stored.status, headers=stored.headers)
