"""Answers that are the same for everybody, given again by WSGI before Flask wakes up: a cache of the process, dropped whole when its data's edition changes.

Keeps only what a view called public (RFC 9111), never what a caller with a token, a cookie or an Origin was told. One thread a process.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from shared import metrics
from shared.web.measures import RULE

LOOK_SECONDS = 1.0
"""An answer is stale for at most so long after a change."""
MAX_BYTES = 32 * 1024 * 1024
MAX_BODY = 512 * 1024
MAX_KEY = 500
_PERSONAL = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_ORIGIN")
_OF_A_BODY = {"content-length", "content-type"}

Headers = list[tuple[str, str]]
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer with status 200, what is left of it for whoever has it already, and where both are counted."""

    body: bytes
    etag: str
    headers: Headers
    headers_304: Headers
    given: Counter
    given_304: Counter


class Cache:
    """WSGI middleware. `edition` tells whether anything changed: one cheap SELECT, made at most once in LOOK_SECONDS."""

    def __init__(self, inner: WSGIApplication, edition: Callable[[], object]) -> None:
        self._inner, self._edition = inner, edition
        self._kept: dict[Key, Kept] = {}
        self._bytes, self._looked_at = 0, -LOOK_SECONDS
        self._known: object = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or any(name in environ for name in _PERSONAL):
            return self._inner(environ, start_response)
        self._look()
        key = (environ["PATH_INFO"], environ.get("QUERY_STRING", ""), environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        kept = self._kept.get(key)
        return self._ask(key, environ, start_response) if kept is None else _give(kept, environ, start_response)

    def _look(self) -> None:
        """Drop everything if the edition is another one. A database that is away cannot have changed: what is kept still holds."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        with suppress(SQLAlchemyError):
            edition = self._edition()
            if edition != self._known:
                self._kept.clear()
                self._bytes, self._known = 0, edition

    def _ask(self, key: Key, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The app's answer, kept if it is public. The edition was read before it: no answer outlives the data it came from."""
        told: list[Any] = []

        def heard(status: str, headers: Headers, failure: Any = None) -> Callable[[bytes], object]:
            told[:] = [status, headers]
            return start_response(status, headers, failure)

        answer = self._inner(environ, heard)
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        status, headers = told
        if status.startswith("200") and _is_public(headers) and len(body) <= MAX_BODY and sum(map(len, key)) <= MAX_KEY:
            self._keep(key, _kept(headers, body, environ.get(RULE, "unknown")))
        return [body]

    def _keep(self, key: Key, kept: Kept) -> None:
        self._kept[key] = kept
        self._bytes += len(kept.body)
        while self._bytes > MAX_BYTES:  # the oldest go first
            self._bytes -= len(self._kept.pop(next(iter(self._kept))).body)


def _is_public(headers: Headers) -> bool:
    named = {name.lower(): value for name, value in headers}
    return named.get("cache-control", "").startswith("public") and "etag" in named and "set-cookie" not in named


def _kept(headers: Headers, body: bytes, rule: str) -> Kept:
    headers = [(name, value) for name, value in headers if name.lower() != "date"]  # the server says what time it is
    return Kept(
        body=body,
        etag=next(value for name, value in headers if name.lower() == "etag"),
        headers=headers,
        headers_304=[(name, value) for name, value in headers if name.lower() not in _OF_A_BODY],
        given=metrics.requests.labels(rule, "GET", 200),
        given_304=metrics.requests.labels(rule, "GET", 304),
    )


def _give(kept: Kept, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Weak comparison (RFC 9110, 13.1.2), of one tag or of a list."""
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    if known and (known == kept.etag or known.strip() == "*" or kept.etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]):
        kept.given_304.inc()
        start_response("304 NOT MODIFIED", kept.headers_304)
        return []
    kept.given.inc()
    start_response("200 OK", kept.headers)
    return [kept.body]
