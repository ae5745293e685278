"""RAGAS 0.4 as a scorer: its metrics, values that are numbers or counted failures, no telemetry, no event loop needed.

Without a judge: ID-based context precision and recall, context precision and recall by string similarity to reference
contexts, semantic similarity (Risch et al., 2021, arXiv:2108.06130) and ROUGE-L (Lin, 2004) of the answer. With a
judge also faithfulness, answer relevancy (Es et al., 2023, arXiv:2309.15217) and factual correctness.
"""

import asyncio
import logging
import math
import os
import warnings
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from rag_flywheel.config import Judge
from rag_flywheel.errors import ConfigError
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
JUDGED = (FAITHFULNESS, RELEVANCY, CORRECTNESS)

_ATTEMPTS = 2
_REQUESTS_AT_MOST = 4  # that one metric makes for one question
_GIVE_UP_AFTER = 10  # judge scores that failed in a row: it is down, and waiting for each would take the night

Score = float | None
"""A value, or None where scoring failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeModel:
    """An OpenAI-compatible model that judges answers."""

    url: str
    model: str
    key: str = field(repr=False)
    timeout: float  # seconds, for one request
    concurrency: int  # questions at a time


def judge_model(settings: Judge, key: str) -> JudgeModel | None:
    """The configured judge, None where there is none. Raises ConfigError when only half of it is given."""
    if not settings.url and not settings.model:
        return None
    if not settings.url or not settings.model:
        missing = "url" if settings.model else "model"
        raise ConfigError(f"a judge needs judge.model and judge.url, and judge.{missing} is empty: set both or neither")
    return JudgeModel(
        url=settings.url,
        model=settings.model,
        key=key,
        timeout=settings.timeout,
        concurrency=settings.concurrency,
    )


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
    samples: Sequence[Sample],
    *,
    encoder: Encoder,
    judge: JudgeModel | None,
    on_step: Callable[[int, int], None],
) -> list[dict[str, Score]]:
    """For each sample, by metric: its value, or None when it failed twice; what does not apply is absent.

    Callable from anywhere, also inside a running event loop: the work has its own loop in its own thread, where
    `on_step` (samples done, in all) is called too. A judge that fails does not raise, it is counted.
    """
    if not samples:
        return []
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ragas") as thread:
        return thread.submit(asyncio.run, _score(samples, encoder, judge, on_step)).result()


async def _score(
    samples: Sequence[Sample], encoder: Encoder, judge: JudgeModel | None, on_step: Callable[[int, int], None]
) -> list[dict[str, Score]]:
    _silence()
    embedding = _embedding(encoder, samples)
    free = [*_context_metrics(), *_answer_metrics(embedding)]
    patience = _Patience()
    at_once = asyncio.Semaphore(judge.concurrency if judge else 1)
    done = 0

    async with AsyncExitStack() as stack:
        judged = (
            [] if judge is None else _judged_metrics(await stack.enter_async_context(_client(judge)), judge, embedding)
        )

        async def one(sample: Sample) -> dict[str, Score]:
            nonlocal done
            async with at_once:
                scores = {metric.name: await _attempt(metric, sample) for metric in free if metric.applies(sample)}
                for metric in judged:
                    if metric.applies(sample):
                        scores[metric.name] = await patience.ask(metric, sample)
            done += 1
            on_step(done, len(samples))
            return scores

        results = await asyncio.gather(*(one(sample) for sample in samples))
    failed = sum(value is None for scores in results for value in scores.values())
    if failed:
        _log.warning("RAGAS: %d scores of %d questions failed", failed, len(samples))
    return results


@dataclass
class _Patience:
    """Asks a judge until it has failed too often in a row; what it is not asked any more has failed too."""

    failures: int = 0

    async def ask(self, metric: _Metric, sample: Sample) -> Score:
        if self.failures >= _GIVE_UP_AFTER:
            return None
        value = await _attempt(metric, sample)
        self.failures = self.failures + 1 if value is None else 0
        return value


async def _attempt(metric: _Metric, sample: Sample) -> Score:
    """The value, or None after two failures. RAGAS reports some of its failures as NaN, and raises others."""
    for _ in range(_ATTEMPTS):
        try:
            value = await metric.value(sample)
        except _failures() as error:
            _log.debug("%s failed: %s", metric.name, type(error).__name__)
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


def _silence() -> None:
    """No telemetry, whatever the environment says, and no warning about a file that RAGAS leaves open."""
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
        _Metric(TEXT_PRECISION, has_texts, by_text(NonLLMContextPrecisionWithReference())),
        _Metric(TEXT_RECALL, has_texts, by_text(NonLLMContextRecall())),
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


def _judged_metrics(client: Any, judge: JudgeModel, embedding: Any) -> list[_Metric]:
    """A refusal claims nothing, so faithfulness and relevancy do not apply to it."""
    from ragas.llms import llm_factory
    from ragas.metrics.collections import AnswerRelevancy, FactualCorrectness, Faithfulness

    llm = llm_factory(judge.model, client=client, max_retries=0)  # `_attempt` tries again
    faithfulness, correctness = Faithfulness(llm=llm), FactualCorrectness(llm=llm)
    relevancy = AnswerRelevancy(llm=llm, embeddings=embedding)
    limit = judge.timeout * _REQUESTS_AT_MOST  # a server that sends a byte now and then escapes the client's time-out

    async def faithful(sample: Sample) -> float:
        async with asyncio.timeout(limit):
            contexts = list(sample.retrieved_texts)
            asked = faithfulness.ascore(
                user_input=sample.question, response=sample.response, retrieved_contexts=contexts
            )
            return float((await asked).value)

    async def relevant(sample: Sample) -> float:
        async with asyncio.timeout(limit):
            return float((await relevancy.ascore(user_input=sample.question, response=sample.response)).value)

    async def correct(sample: Sample) -> float:
        async with asyncio.timeout(limit):
            asked = correctness.ascore(response=sample.response, reference=sample.reference or "")
            return float((await asked).value)

    return [
        _Metric(FAITHFULNESS, lambda sample: sample.answered and bool(sample.retrieved_texts), faithful),
        _Metric(RELEVANCY, lambda sample: sample.answered, relevant),
        _Metric(CORRECTNESS, _has_reference, correct),
    ]


def _client(judge: JudgeModel) -> Any:
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=judge.url, api_key=judge.key or "none", timeout=judge.timeout, max_retries=0)


def _embedding(encoder: Encoder, samples: Sequence[Sample]) -> Any:
    """Our encoder as RAGAS wants one. The answers are encoded at once, beforehand; each text only once."""
    from ragas.embeddings.base import BaseRagasEmbedding

    compared = [sample for sample in samples if sample.reference is not None]
    texts = dict.fromkeys(text for one in compared for text in (one.reference or " ", one.response or " "))
    vectors: dict[str, Vectors] = dict(zip(texts, encoder.encode_documents(list(texts)), strict=True)) if texts else {}

    class PortEmbedding(BaseRagasEmbedding):
        def embed_text(self, text: str) -> Any:  # type: ignore[override]
            if text not in vectors:
                vectors[text] = encoder.encode_documents([text])[0]
            return vectors[text]

        async def aembed_text(self, text: str) -> Any:  # type: ignore[override]
            return self.embed_text(text)

    return PortEmbedding()
