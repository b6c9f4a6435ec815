"""Turns as OpenTelemetry's spans, sent over OTLP/HTTP where the standard `OTEL_*` variables name a receiver.

The spans are written when a turn is over, from the times that it measured itself: a turn costs nothing more for them.
They never hold what people say.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

import whisperengine
from whisperengine import logs
from whisperengine.config import Config

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

PARENT: ContextVar[str] = ContextVar("traceparent", default="")
"""The W3C header `traceparent` of the request that is being answered."""


class Traces:
    """Writes spans. They are sent in batches by a thread of the library's; what a receiver does not take is dropped."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("whisperengine", whisperengine.__version__)

    def turn(self, milliseconds: Mapping[str, float], attributes: Mapping[str, str | int], error: str = "") -> None:
        """A turn that ends now, with a span for each of its parts in their order. `error` is the code of a failure."""
        from opentelemetry.propagate import extract
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        ended = time.time_ns()
        began = ended - _nanoseconds(milliseconds.get("total", sum(milliseconds.values())))
        parent = extract({"traceparent": PARENT.get()}) if PARENT.get() else None
        known = {f"whisperengine.{name}": value for name, value in attributes.items()}
        if request := logs.REQUEST.get():
            known["whisperengine.request"] = request
        turn = self._tracer.start_span("turn", parent, start_time=began, attributes=known)
        inside = set_span_in_context(turn)
        for part, took in milliseconds.items():
            if part != "total":
                span = self._tracer.start_span(part, inside, start_time=began)
                began += _nanoseconds(took)
                span.end(began)
        if error:
            turn.set_attribute("error.type", error)
            turn.set_status(Status(StatusCode.ERROR, error))
        turn.end(ended)

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._provider.shutdown)


def opened(config: Config) -> Traces | None:
    """None where no receiver is named, or the extra `otel` is not installed."""
    address = config.otel_traces_endpoint or (config.otel_endpoint and config.otel_endpoint.rstrip("/") + "/v1/traces")
    if not address:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("An OTLP endpoint is set, but no traces are sent. Install them: pip install 'whisperengine[otel]'")
        return None
    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "whisperengine"}))
    resource = resource.merge(Resource({"service.version": whisperengine.__version__}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return Traces(provider)


def _nanoseconds(milliseconds: float) -> int:
    return round(milliseconds * 1e6)
