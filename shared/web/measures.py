"""What each request leaves behind: one line in the log, two figures. Routes by their rule, never by the address that was asked for."""

import time

from flask import Flask, Response, g, request

from shared import log, metrics

logger = log.get(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a stranger may invent others, without end
RULE = "passage.rule"
"""In the WSGI environment: the rule of the route that answered, for whoever gives the same answer again."""


def add_hooks(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    log.clear()
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else "unknown"
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    request.environ[RULE] = rule
    metrics.requests.labels(rule, request.method if request.method in METHODS else "other", response.status_code).inc()
    metrics.request_seconds.labels(rule).observe(seconds)
    if not rule.startswith(("/health", "/metrics")):
        told = logger.debug if request.method == "GET" and response.status_code < 400 else logger.info  # polling drowns what happens
        told("request", method=request.method, route=rule, status=response.status_code, ms=round(seconds * 1000, 1))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
