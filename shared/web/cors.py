"""Which web clients may call from a browser (Fetch standard, CORS): the origins of the settings, and those of the clients' accounts."""

from flask import Flask, Response, current_app, request

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
