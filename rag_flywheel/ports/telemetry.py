"""Traces: every name that a span has, and how a part of an answer gets its span and its time.

The port is OpenTelemetry's own API, which does nothing until `adapters.telemetry` gives it somewhere to send to. Names
are those of OpenTelemetry's GenAI conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/) and of
OpenInference (https://github.com/Arize-ai/openinference). Spans hold ids, counts, scores, tokens and durations; no
text of anybody.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from enum import StrEnum
from typing import TypeVar

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from rag_flywheel.domain import Passage
from rag_flywheel.ports import metrics
from rag_flywheel.ports.metrics import Stage

TRACER = "rag_flywheel"
LISTED = 10  # passages that a span names, at most

# OpenInference
KIND = "openinference.span.kind"
DOCUMENT_ID = "retrieval.documents.{}.document.id"
DOCUMENT_SCORE = "retrieval.documents.{}.document.score"
RERANKER_TOP_K = "reranker.top_k"
EMBEDDING_MODEL = "embedding.model_name"
LLM_MODEL = "llm.model_name"
LLM_TOKENS_IN = "llm.token_count.prompt"
LLM_TOKENS_OUT = "llm.token_count.completion"

# GenAI
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
TOKENS_IN = "gen_ai.usage.input_tokens"
TOKENS_OUT = "gen_ai.usage.output_tokens"

# HTTP and errors
METHOD = "http.request.method"
ROUTE = "http.route"
STATUS = "http.response.status_code"
ERROR = "error.type"

# ours
INTERACTION = "rag_flywheel.interaction_id"
REQUEST = "rag_flywheel.request_id"
VERSION = "rag_flywheel.version"
ARM = "rag_flywheel.arm"
OUTCOME = "rag_flywheel.outcome"
GENERATOR = "rag_flywheel.generator"
FOUND = "rag_flywheel.passages.found"
SHOWN = "rag_flywheel.passages.shown"
CITED = "rag_flywheel.passages.cited"
ADMITTED = "rag_flywheel.known_questions.admitted"
KEPT_OUT = "rag_flywheel.known_questions.kept_out"
SUPPORTED = "rag_flywheel.sentences.supported"
UNSUPPORTED = "rag_flywheel.sentences.unsupported"
DECISION = "rag_flywheel.decision"
PASSAGES = "rag_flywheel.passages.indexed"

Value = str | bool | int | float
T = TypeVar("T")
_BENEATH: ContextVar[list[float] | None] = ContextVar("rag_flywheel_beneath", default=None)
"""Within an answer: seconds of the parts that were made beneath the one that is under way. None: elsewhere."""


class Kind(StrEnum):
    """What a span is of, as OpenInference tells them apart."""

    CHAIN = "CHAIN"
    RETRIEVER = "RETRIEVER"
    EMBEDDING = "EMBEDDING"
    RERANKER = "RERANKER"
    LLM = "LLM"
    GUARDRAIL = "GUARDRAIL"


KINDS = {
    Stage.ANSWER: Kind.CHAIN,
    Stage.REWRITE: Kind.CHAIN,
    Stage.RETRIEVE: Kind.RETRIEVER,
    Stage.EMBED: Kind.EMBEDDING,
    Stage.RERANK: Kind.RERANKER,
    Stage.GENERATE: Kind.CHAIN,
    Stage.MODEL: Kind.LLM,
    Stage.CHECK: Kind.GUARDRAIL,
}


@contextlib.contextmanager
def part(stage: Stage, attributes: Mapping[str, Value] | None = None) -> Iterator[Span]:
    """A part of an answer, or of a request that is traced. Elsewhere, as in the scoring of a night, nothing."""
    if not _is_looked_at():
        yield trace.INVALID_SPAN
        return
    span, started = _begun(stage, attributes), time.perf_counter()
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield span
    except Exception as error:
        failed(span, error)
        raise
    finally:
        context.detach(token)
        _ended(stage, span, time.perf_counter() - started, timed=_BENEATH.get() is not None)


def parts(stage: Stage, pieces: Iterator[T], attributes: Mapping[str, Value] | None = None) -> Iterator[T]:
    """The pieces, made within a part of an answer that begins now. Its time is what they took to be made, and not what
    whoever takes them did in between, which may be in another thread each time.
    """
    if not _is_looked_at():
        return pieces
    return _within(stage, pieces, _begun(stage, attributes), context.get_current(), timed=_BENEATH.get() is not None)


def answering(pieces: Iterator[T], attributes: Mapping[str, Value]) -> Iterator[T]:
    """The pieces of an answer, made within a span that is current in all that they need."""
    span = _begun(Stage.ANSWER, attributes)
    yield from _within(Stage.ANSWER, pieces, span, context.get_current(), timed=True)


def told(attributes: Mapping[str, Value]) -> None:
    """Say more of the part that is under way."""
    trace.get_current_span().set_attributes(attributes)


def tokens() -> Callable[[int, int], None]:
    """What tells the tokens that a model read and said, of the part that is under way now, from whatever thread. A
    server may say it more than once for one reply; the last word counts.
    """
    span, said = trace.get_current_span(), [0, 0]

    def tell(read: int, written: int) -> None:
        for at, (direction, now) in enumerate((("input", read), ("output", written))):
            metrics.MODEL_TOKENS.labels(direction).inc(max(0, now - said[at]))
            said[at] = max(said[at], now)
        span.set_attributes({TOKENS_IN: read, TOKENS_OUT: written, LLM_TOKENS_IN: read, LLM_TOKENS_OUT: written})

    return tell


def is_told() -> bool:
    """Whether anybody hears what is said of the part that is under way."""
    return trace.get_current_span().is_recording()


def listed(passages: Sequence[Passage]) -> dict[str, Value]:
    """The first passages, by their ids and scores."""
    said: dict[str, Value] = {}
    for at, passage in enumerate(passages[:LISTED]):
        said |= {DOCUMENT_ID.format(at): passage.chunk.chunk_id, DOCUMENT_SCORE.format(at): passage.score}
    return said


def failed(span: Span, error: BaseException) -> None:
    """Say that a part failed, and by the name of the error alone: what vendors raise may repeat what was sent."""
    if span.is_recording():
        span.set_attribute(ERROR, type(error).__name__)
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))


def begun(name: str, kind: Kind) -> Span:
    """A span that is not current, for work that is no answer: what is done beneath it makes no spans of its own."""
    return trace.get_tracer(TRACER).start_span(name, attributes={KIND: kind})


def beneath(span: Span, name: str, *, start: int, end: int) -> None:
    """A stage of such work, from one instant to another, in nanoseconds since 1970."""
    above = trace.set_span_in_context(span)
    trace.get_tracer(TRACER).start_span(name, above, attributes={KIND: Kind.CHAIN}, start_time=start).end(end)


def request(method: str, caller: Context, came: int) -> Span:
    """The span of a request, which goes on with the trace of its caller; `came`: when, in nanoseconds."""
    return trace.get_tracer(TRACER).start_span(method, caller, SpanKind.SERVER, {METHOD: method}, start_time=came)


def _is_looked_at() -> bool:
    return _BENEATH.get() is not None or trace.get_current_span().is_recording()


def _begun(stage: Stage, attributes: Mapping[str, Value] | None) -> Span:
    kind = SpanKind.CLIENT if stage is Stage.MODEL else SpanKind.INTERNAL
    return trace.get_tracer(TRACER).start_span(stage, kind=kind, attributes={KIND: KINDS[stage], **(attributes or {})})


def _ended(stage: Stage, span: Span, seconds: float, *, timed: bool) -> None:
    span.end()
    if timed:
        metrics.STAGE_SECONDS.labels(stage).observe(seconds)


def _within(stage: Stage, pieces: Iterator[T], span: Span, above: Context, *, timed: bool) -> Iterator[T]:
    """Whoever takes the pieces may do so in another thread each time: what is set for one is taken back after it."""
    inside = trace.set_span_in_context(span, above) if span.is_recording() else None
    beneath, seconds = [0.0] if timed else None, 0.0
    try:
        while True:
            around, started = _BENEATH.get(), time.perf_counter()
            mark, token = _BENEATH.set(beneath), None if inside is None else context.attach(inside)
            try:
                piece = next(pieces)
            except StopIteration:
                return
            finally:
                if token is not None:
                    context.detach(token)
                _BENEATH.reset(mark)
                took = time.perf_counter() - started
                seconds += took
                if around is not None:
                    around[0] += took
            yield piece
    except Exception as error:
        failed(span, error)
        raise
    finally:
        own = seconds if beneath is None or stage is not Stage.CHECK else seconds - beneath[0]
        _ended(stage, span, own, timed=timed)
