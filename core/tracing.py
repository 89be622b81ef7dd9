"""Traces by OpenTelemetry, from a request through the event log to the consumer. Off, and without cost, until `start` is called.

A trace crosses the event log as a W3C `traceparent` beside the record. Nothing here imports OpenTelemetry while it is off: it is
an optional dependency (the extra `tracing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

MAX_PARENTS = 100  # traces that one batch is made part of; a batch of thousands of events would be as many spans
_HEADER = "traceparent"
_OFF: AbstractContextManager[None] = nullcontext()
_tracer: Any = None  # an opentelemetry.trace.Tracer while tracing is on


def start(provider: Any) -> None:
    """Trace with this `opentelemetry.trace.TracerProvider` from now on; None turns tracing off."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer("marquee")


def span(name: str, traceparent: str = "") -> AbstractContextManager[Any]:
    """The time of a block as a part of the current trace, or of the one that `traceparent` names. Gives None while off."""
    if _tracer is None:
        return _OFF
    context = _context(traceparent) if traceparent else None
    return _tracer.start_as_current_span(name, context=context)  # type: ignore[no-any-return]


def batch(name: str, traceparents: Iterable[str]) -> AbstractContextManager[None]:
    """The time of a block as a part of each of these traces, of at most `MAX_PARENTS`; empty ones are left out."""
    return _OFF if _tracer is None else _batch(name, traceparents)


def traceparent() -> str:
    """Names the current span to another process; empty without one."""
    if _tracer is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(_HEADER, "")


def trace_id() -> str:
    """32 hex digits; empty outside a trace."""
    return traceparent()[3:35]


@contextmanager
def _batch(name: str, traceparents: Iterable[str]) -> Iterator[None]:
    parents = list(dict.fromkeys(filter(None, traceparents)))[:MAX_PARENTS]
    spans = [_tracer.start_span(name, context=_context(parent)) for parent in parents]
    try:
        yield
    finally:
        for one in spans:
            one.end()


def _context(traceparent: str) -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({_HEADER: traceparent})
