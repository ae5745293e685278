"""Where traces go: to a collector, over OTLP and HTTP, by OpenTelemetry's SDK."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry import trace

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
NAME = "rag-flywheel"


@contextlib.contextmanager
def tracing(endpoint: str, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Until the block ends, the spans of this process go to the collector at `endpoint`, or where OpenTelemetry's own
    variables say; what waits then is sent first. Without either nothing is made, and spans cost next to nothing.

    A process sends to one place all its life: where something else was set up before, that gets the spans.
    """
    if not is_on(endpoint, environ) or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield
        return
    # A fifth of a second's work, which whoever traces nothing need not wait for.
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from rag_flywheel.adapters.own_spans import OwnSpans

    ours = Resource({"service.name": NAME, "service.version": version(NAME)})
    provider = TracerProvider(resource=Resource.create().merge(ours).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(OwnSpans(BatchSpanProcessor(exporter(endpoint))))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def is_on(endpoint: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether anything is to be sent."""
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    none = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    return not off and not none and bool(endpoint or any(environ.get(name) for name in ENDPOINTS))


def exporter(endpoint: str) -> "OTLPSpanExporter":
    """Sends to the collector at `endpoint`; empty: where the variables say, which also hold headers and time-outs."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None)
