"""A collector of traces on a real loopback socket: what OTLP over HTTP brings, parsed from its protobuf.

    with Collector() as collector:
        ...  # collector.url; collector.spans() is what came in

`traced` lets the spans of this process go to it.
"""

import contextlib
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from rag_flywheel.adapters.own_spans import OwnSpans
from rag_flywheel.adapters.tracing import exporter
from tests.fakes.receiver import Receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """A span as it came in."""

    name: str
    span_id: str
    parent: str  # empty: none
    trace_id: str
    attributes: dict[str, Any]
    failed: bool
    start: int
    end: int
    service: str


class Collector(Receiver):
    """`Receiver`, which understands what it is sent."""

    def bodies(self) -> list[bytes]:
        """What came in, as it was sent."""
        with self.lock:
            return [
                gzip.decompress(each.body) if each.headers.get("content-encoding") == "gzip" else each.body
                for each in self.requests
            ]

    def spans(self) -> list[Got]:
        """In the order in which they came."""
        return [got for body in self.bodies() for got in _spans(body)]


def _spans(body: bytes) -> Iterator[Got]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert not span.events  # of errors, with what they say
                yield Got(
                    name=span.name,
                    span_id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    trace_id=span.trace_id.hex(),
                    attributes={each.key: _value(each.value) for each in span.attributes},
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    service=about["service.name"],
                )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


class _Switch(SpanProcessor):
    """A process sets up its spans once; where they go changes from test to test."""

    def __init__(self) -> None:
        self.sinks: list[SpanProcessor] = []

    def on_end(self, span: ReadableSpan) -> None:
        for sink in self.sinks:
            sink.on_end(span)


_SWITCH = _Switch()


@contextlib.contextmanager
def traced(url: str) -> Iterator[None]:
    """Until the block ends, each span of this process is sent there when it ends."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(_SWITCH)
        trace.set_tracer_provider(provider)
    sink = OwnSpans(SimpleSpanProcessor(exporter(url)))
    _SWITCH.sinks.append(sink)
    try:
        yield
    finally:
        _SWITCH.sinks.remove(sink)
        sink.shutdown()
