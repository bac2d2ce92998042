"""W3C trace context from the request to the mail: `traceparent` travels on rows and records and stands in every log line. Spans are kept nowhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
trace.set_tracer_provider(TracerProvider())  # without it spans have no ids
_tracer = trace.get_tracer("passage")


@contextmanager
def span(name: str, traceparent: str | None = None) -> Iterator[None]:
    """Work under one span, child of `traceparent` where one is given and well formed."""
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    with _tracer.start_as_current_span(name, context=parent, record_exception=False):
        yield


def traceparent() -> str | None:
    """The current span as a `traceparent` header (W3C Trace Context), or None outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")
