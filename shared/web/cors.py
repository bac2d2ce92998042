"""Which web clients may call from a browser (Fetch standard, CORS): the origins of the settings, and those of the clients' accounts."""

import math
import time
from collections.abc import Callable, Collection

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from shared import log

logger = log.get(__name__)

ORIGINS_SECONDS = 5.0

_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Accept-Language, traceparent"
_EXPOSED = "ETag, Location, Retry-After, Content-Language"


def add_hooks(app: Flask) -> None:
    app.after_request(_answer)


def _answer(response: Response) -> Response:
    origin = request.headers.get("Origin")
    if not origin:
        return response
    response.vary.add("Origin")
    if not _allowed(origin):
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def _allowed(origin: str) -> bool:
    at = current_app.extensions["passage"]
    return origin in at.settings.cors_origins or (at.origin_allowed is not None and at.origin_allowed(origin))


class Origins:
    """Origins that are read from a database, at most once in ORIGINS_SECONDS: no request fails or waits because of them when it is away."""

    def __init__(self, read: Callable[[], Collection[str]]) -> None:
        self._read, self._held, self._read_at = read, frozenset[str](), -math.inf

    def __contains__(self, origin: str) -> bool:
        if time.monotonic() - self._read_at >= ORIGINS_SECONDS:
            self._read_at = time.monotonic()
            try:
                self._held = frozenset(self._read())
            except SQLAlchemyError as fault:
                logger.warning("origins not read", reason=log.describe(fault))
        return origin in self._held
