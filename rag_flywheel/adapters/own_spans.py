"""Which spans leave this process: our own."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from rag_flywheel.ports.telemetry import TRACER


class OwnSpans(SpanProcessor):
    """The processor below, which never hears of spans that libraries make: those may hold what people typed."""

    def __init__(self, below: SpanProcessor) -> None:
        self._below = below

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._below.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        if span.instrumentation_scope is not None and span.instrumentation_scope.name == TRACER:
            self._below.on_end(span)

    def shutdown(self) -> None:
        self._below.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._below.force_flush(timeout_millis)
