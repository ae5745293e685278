"""What a process counts and times while it answers, by the names that Prometheus knows it by.

Labels are few and fixed: routes as they are declared, stages, outcomes, kinds. No id, no name and no text is a label.
"""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which says when it began

REGISTRY = CollectorRegistry(auto_describe=True)
"""Of this process alone; with several workers each writes its numbers to files that all of them read."""
OTHER = "other"
"""The label of what has none of the known values."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Stage(StrEnum):
    """The parts of an answer that are timed."""

    ANSWER = "answer"  # all of it
    REWRITE = "rewrite"  # a question that leans on what was said before
    RETRIEVE = "retrieve"
    EMBED = "embed"  # within retrieve
    RERANK = "rerank"  # within retrieve
    GENERATE = "generate"
    MODEL = "model"  # a language model, within generate or rewrite
    CHECK = "check"  # whether the passages hold what a model said, within generate; without the model itself


class Came(StrEnum):
    """What came of a question."""

    ANSWERED = "answered"
    DOUBTFUL = "doubtful"  # answered, and told that the passages may not hold it
    REFUSED = "refused"
    BROKEN = "broken"  # by the language model, in the middle
    FAILED = "failed"  # it ended in an error; not where another version answered instead


REQUESTS = Counter(
    "rag_flywheel_requests",
    "Requests that were answered, by route as it is declared and status.",
    ("route", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "rag_flywheel_request_seconds",
    "From the head of a request to the end of its reply.",
    ("route",),
    buckets=SECONDS,
    registry=REGISTRY,
)
STAGE_SECONDS = Histogram(
    "rag_flywheel_stage_seconds",
    "What a part of an answer took; some are within others.",
    ("stage",),
    buckets=SECONDS,
    registry=REGISTRY,
)
ANSWERS = Counter(
    "rag_flywheel_answers",
    "Questions by what came of them, each once, and the arm of the version that answered, or failed.",
    ("outcome", "arm"),
    registry=REGISTRY,
)
FEEDBACK = Counter(
    "rag_flywheel_feedback",
    "Feedback that was recorded, by kind; value is up or down for thumbs.",
    ("kind", "value"),
    registry=REGISTRY,
)
HANDED_IN = Counter("rag_flywheel_corrections_handed_in", "Corrections that were handed in.", registry=REGISTRY)
FALLBACK_ANSWERS = Counter(
    "rag_flywheel_fallback_answers",
    "Questions that the extractive generator was asked, since the language model was away.",
    registry=REGISTRY,
)
SERVICE_FAILURES = Counter(
    "rag_flywheel_service_failures",
    "Requests that a service did not answer: index, search (in the index), language_model.",
    ("service",),
    registry=REGISTRY,
)
SERVICE_SPARED = Counter(
    "rag_flywheel_service_spared",
    "Requests that were not sent, since the service had not answered shortly before.",
    ("service",),
    registry=REGISTRY,
)
MODEL_TOKENS = Counter(
    "rag_flywheel_model_tokens",
    "Tokens of language models that report them, by direction: input or output.",
    ("direction",),
    registry=REGISTRY,
)
