"""RAGAS 0.4 as a scorer: its metrics, values that are numbers or counted failures, no telemetry, no event loop needed.

Here are those that need no judge: ID-based context precision and recall, context precision and recall by string
similarity to reference contexts, semantic similarity (Risch et al., 2021, arXiv:2108.06130) and ROUGE-L (Lin, 2004) of
the answer. `judged_metrics` has the others.
"""

import asyncio
import logging
import math
import os
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from rag_flywheel.ports import Encoder, Vectors

_log = logging.getLogger(__name__)

ID_PRECISION = "id_based_context_precision"
ID_RECALL = "id_based_context_recall"
TEXT_PRECISION = "non_llm_context_precision"
TEXT_RECALL = "non_llm_context_recall"
SIMILARITY = "semantic_similarity"
ROUGE_L = "rouge_l"
JUDGE_FREE = (ID_PRECISION, ID_RECALL, TEXT_PRECISION, TEXT_RECALL, SIMILARITY, ROUGE_L)

FAITHFULNESS = "faithfulness"
RELEVANCY = "answer_relevancy"
CORRECTNESS = "factual_correctness"
LLM_PRECISION = "context_precision"
LLM_RECALL = "context_recall"
NOISE = "noise_sensitivity"
JUDGED = (FAITHFULNESS, RELEVANCY, CORRECTNESS, LLM_PRECISION, LLM_RECALL, NOISE)

LOWER_IS_BETTER = frozenset({NOISE})
"""The metrics of which a rise is a loss."""

_ATTEMPTS = 2

Score = float | None
"""A value, or None where scoring failed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question with its reply, as RAGAS sees it. What is empty or None has no reference to be compared with."""

    question: str
    response: str
    answered: bool  # false: the response is a refusal
    reference: str | None
    retrieved_ids: tuple[str, ...]
    reference_ids: tuple[str, ...]
    retrieved_texts: tuple[str, ...]
    reference_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str
    applies: Callable[[Sample], bool]
    value: Callable[[Sample], Awaitable[float]]


def score(
    samples: Sequence[Sample], *, encoder: Encoder, on_step: Callable[[int, int], None]
) -> list[dict[str, Score]]:
    """For each sample, by metric: its value, or None when it failed twice; what does not apply is absent.

    Callable from anywhere, also inside a running event loop: the work has its own loop in its own thread, where
    `on_step` (samples done, in all) is called too.
    """
    return in_own_loop(_score(samples, encoder, on_step)) if samples else []


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns, run by an event loop of its own in a thread of its own."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ragas") as thread:
        return thread.submit(asyncio.run, work).result()


async def _score(
    samples: Sequence[Sample], encoder: Encoder, on_step: Callable[[int, int], None]
) -> list[dict[str, Score]]:
    silence()
    metrics = [*_context_metrics(), *_answer_metrics(port_embedding(encoder, _vectors(encoder, samples)))]
    results: list[dict[str, Score]] = []
    for sample in samples:
        results.append(
            {
                metric.name: await attempt(metric.name, (metric.value,) * _ATTEMPTS, sample)
                for metric in metrics
                if metric.applies(sample)
            }
        )
        on_step(len(results), len(samples))
    failed = sum(value is None for scores in results for value in scores.values())
    if failed:
        _log.warning("RAGAS: %d scores of %d questions failed", failed, len(samples))
    return results


async def attempt(name: str, asks: Sequence[Callable[[Sample], Awaitable[float]]], sample: Sample) -> Score:
    """The first value that one of `asks` gives, else None. RAGAS says NaN for some failures, and raises others."""
    for ask in asks:
        try:
            value = await ask(sample)
        except _failures() as error:
            _log.debug("%s failed: %s", name, type(error).__name__)
            continue
        if math.isfinite(value):
            return float(value)
    return None


def _failures() -> tuple[type[Exception], ...]:
    """What a reply that is late, cut short or of the wrong shape makes the vendors raise; they check little of it."""
    import instructor.core.exceptions as instructor
    import openai

    shapes = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
    return (openai.OpenAIError, instructor.InstructorError, TimeoutError, *shapes)


def silence() -> None:
    """No telemetry, whatever the environment says, no texts in the log, no warning of a file that RAGAS leaves open."""
    logging.getLogger("instructor").setLevel(logging.CRITICAL)  # it logs replies of the wrong shape with their text
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # read once, at the first event
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from ragas import _analytics

        _analytics.get_userid()  # remembered by RAGAS, so that the file is opened here and not again


# --- the metrics ----------------------------------------------------------------------------------------------------


def _context_metrics() -> list[_Metric]:
    """The legacy classes, as the new API has no judge-free context metrics. Nothing retrieved scores 0, not NaN."""
    from ragas.dataset_schema import SingleTurnSample
    from ragas.metrics._context_precision import IDBasedContextPrecision, NonLLMContextPrecisionWithReference
    from ragas.metrics._context_recall import IDBasedContextRecall, NonLLMContextRecall
    from ragas.metrics._string import NonLLMStringSimilarity

    class Likeness(NonLLMStringSimilarity):
        """RAGAS's own, without the run of callbacks and the telemetry event that it makes of each pair of texts."""

        async def single_turn_ascore(self, sample: Any, callbacks: Any = None, timeout: float | None = None) -> float:
            return float(await self._single_turn_ascore(sample, callbacks))

    def by_id(metric: Any) -> Callable[[Sample], Awaitable[float]]:
        async def value(sample: Sample) -> float:
            if not sample.retrieved_ids:
                return 0.0
            ids = SingleTurnSample(
                retrieved_context_ids=list(sample.retrieved_ids), reference_context_ids=list(sample.reference_ids)
            )
            return float(await metric.single_turn_ascore(ids))

        return value

    def by_text(metric: Any) -> Callable[[Sample], Awaitable[float]]:
        async def value(sample: Sample) -> float:
            if not sample.retrieved_texts:
                return 0.0
            texts = SingleTurnSample(
                retrieved_contexts=list(sample.retrieved_texts), reference_contexts=list(sample.reference_texts)
            )
            return float(await metric.single_turn_ascore(texts))

        return value

    def has_ids(sample: Sample) -> bool:
        return bool(sample.reference_ids)

    def has_texts(sample: Sample) -> bool:
        return bool(sample.reference_texts)

    return [
        _Metric(ID_PRECISION, has_ids, by_id(IDBasedContextPrecision())),
        _Metric(ID_RECALL, has_ids, by_id(IDBasedContextRecall())),
        _Metric(TEXT_PRECISION, has_texts, by_text(NonLLMContextPrecisionWithReference(distance_measure=Likeness()))),
        _Metric(TEXT_RECALL, has_texts, by_text(NonLLMContextRecall(_distance_measure=Likeness()))),
    ]


def _answer_metrics(embedding: Any) -> list[_Metric]:
    from ragas.metrics.collections import RougeScore, SemanticSimilarity

    similarity, rouge = SemanticSimilarity(embeddings=embedding), RougeScore(rouge_type="rougeL")

    async def semantic(sample: Sample) -> float:
        return float((await similarity.ascore(reference=sample.reference or "", response=sample.response)).value)

    async def rouge_l(sample: Sample) -> float:
        return float((await rouge.ascore(reference=sample.reference or "", response=sample.response)).value)

    return [_Metric(SIMILARITY, _has_reference, semantic), _Metric(ROUGE_L, _has_reference, rouge_l)]


def _has_reference(sample: Sample) -> bool:
    return sample.reference is not None


def _vectors(encoder: Encoder, samples: Sequence[Sample]) -> dict[str, Vectors]:
    """By text, the vectors of the answers that are compared, encoded at once and each text only once."""
    compared = [sample for sample in samples if sample.reference is not None]
    texts = list(
        dict.fromkeys(text for sample in compared for text in (sample.reference or " ", sample.response or " "))
    )
    return dict(zip(texts, encoder.encode_documents(texts), strict=True)) if texts else {}


def port_embedding(encoder: Encoder, vectors: dict[str, Vectors]) -> Any:
    """Our encoder as RAGAS wants one, which knows `vectors` already."""
    from ragas.embeddings.base import BaseRagasEmbedding

    class PortEmbedding(BaseRagasEmbedding):
        def embed_text(self, text: str) -> Any:  # type: ignore[override]
            if text not in vectors:
                vectors[text] = encoder.encode_documents([text])[0]
            return vectors[text]

        async def aembed_text(self, text: str) -> Any:  # type: ignore[override]
            return self.embed_text(text)

    return PortEmbedding()
