"""Answers: JSON by orjson, problems by RFC 9457, ETags. One place turns every fault into a problem document.

A fault of ours is logged with its frames and told without them.
"""

from typing import Any

import orjson
from flask import Flask, Response, request
from flask.json.provider import JSONProvider
from opentelemetry import trace
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from shared import db, log, metrics
from shared.crypto import SealBroken
from shared.problems import Problem, Unauthorised, Unavailable

logger = log.get(__name__)

SLUGS = {
    400: "bad-request", 401: "sign-in-required", 403: "not-allowed", 404: "not-found", 405: "method-not-allowed",
    406: "not-acceptable", 413: "too-large", 415: "content-type", 422: "invalid", 429: "too-many-requests",
}  # fmt: skip


class OrjsonProvider(JSONProvider):
    """Flask's JSON, by orjson."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def add_error_handlers(app: Flask) -> None:
    """Every exception becomes a problem document."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(SQLAlchemyError, _on_database_error)
    app.register_error_handler(SealBroken, _on_broken_seal)
    app.register_error_handler(Exception, _on_bug)


def problem_response(problem: Problem) -> Response:
    """The RFC 9457 answer of a problem."""
    response = Response(orjson.dumps(problem.document()), status=problem.status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    if isinstance(problem, Unauthorised):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _on_http_exception(error: HTTPException) -> Response:
    """Werkzeug's own refusals: their status and headers (`Allow`) stay."""
    code = error.code or 500
    if code < 400:
        return Response(status=code, headers=dict(error.get_headers()))
    limit = {"limit": request.max_content_length} if code == 413 else {}
    problem = Problem(SLUGS.get(code, "bad-request" if code < 500 else "internal"), **limit)
    response = problem_response(problem)
    response.status_code = code
    response.data = orjson.dumps({**problem.document(), "status": code})
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _on_database_error(error: SQLAlchemyError) -> Response:
    """A part that is away is said to be away; anything else is a bug of ours."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and db.is_transient(error)):
        logger.warning("database away", reason=log.describe(error))
        return problem_response(Unavailable("unavailable", retry_after=2))
    return _on_bug(error)


def _on_broken_seal(error: SealBroken) -> Response:
    """A wrong key or a damaged column: an alarm of its own; whoever's seals hold is answered as ever."""
    metrics.seals_broken.labels("request").inc()
    return _on_bug(error)


def _on_bug(error: Exception) -> Response:
    logger.error("request failed", exc_info=error, route=str(request.url_rule), method=request.method)
    return problem_response(Problem("internal", trace_id=f"{trace.get_current_span().get_span_context().trace_id:032x}"))


def with_etag(response: Response, tag: str, *, cache_control: str) -> BaseResponse:
    """Give a readable answer its ETag, and a 304 to whoever has it already."""
    response.set_etag(tag)
    response.headers["Cache-Control"] = cache_control
    return response.make_conditional(request)
