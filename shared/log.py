"""Logs: one JSON object (or one readable line) per record on stdout, with the trace id.

Never personal data: messages of exceptions that may quote a row or a request are left out, their types and frames stay.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace
from stamina import instrumentation

Record = MutableMapping[str, Any]

# What a healthy start brings: a group's coordinator is still being chosen, a step of kafka-python's loop imports a module.
EXPECTED_OF_KAFKA = re.compile(r"Marking the coordinator dead .*NotCoordinatorError|Task .* ran for 0\.", re.DOTALL)


def configure(*, service: str, level: str, style: str) -> None:
    """Set up structlog and the standard library's logging for this process. `style` is json or text."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _frames_without_messages,
    ]
    renderer = structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for chatty in ("kafka", "sqlalchemy", "alembic", "gunicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))
    for name in ("kafka.coordinator", "kafka.net.selector"):
        logging.getLogger(name).addFilter(_is_unexpected)
    instrumentation.set_on_retry_hooks([_tell_retry])  # stamina's own quotes arguments: a database's address holds its password
    structlog.contextvars.bind_contextvars(service=service)


def _is_unexpected(record: logging.LogRecord) -> bool:
    """What is expected is for those who debug."""
    return logging.root.isEnabledFor(logging.DEBUG) or not EXPECTED_OF_KAFKA.match(record.getMessage())


def _tell_retry(details: instrumentation.RetryDetails) -> None:
    get("stamina").warning("tried again", what=details.name, number=details.retry_num, reason=describe(details.caused_by))


def get(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


def _add_trace(_logger: Any, _method: str, record: Record) -> Record:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record["trace_id"] = f"{context.trace_id:032x}"
    return record


def _frames_without_messages(_logger: Any, _method: str, record: Record) -> Record:
    """An exception's message may quote what a person typed: keep its type, its SQLSTATE and where it was."""
    found = record.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        record["error"] = describe(error)
        record["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-12:]]
    return record


def describe(error: BaseException) -> str:
    """The type of an error and, for one of the database, its SQLSTATE. Never its message."""
    cause = getattr(error, "orig", error)
    sqlstate = getattr(cause, "sqlstate", None)
    name = type(cause).__qualname__
    return f"{name} {sqlstate}" if sqlstate else name


def bind(**values: object) -> None:
    """Add to every record of this request or piece of work."""
    structlog.contextvars.bind_contextvars(**values)


def clear() -> None:
    """Begin a new request or piece of work; the service's name stays."""
    kept = structlog.contextvars.get_contextvars().get("service")
    structlog.contextvars.clear_contextvars()
    if kept:
        structlog.contextvars.bind_contextvars(service=kept)
