"""The RAGAS metrics that need a judge: faithfulness, answer relevancy (Es et al., 2023, arXiv:2309.15217), factual
correctness, context precision and recall by a language model, and noise sensitivity (RAGChecker: Ru et al., 2024,
arXiv:2408.08067). Each score is a value or a counted failure, and nothing is judged twice.
"""

import asyncio
import hashlib
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from eval.scores.judge import ANSWER_TOKENS, Judge
from eval.scores.ragas_metrics import (
    CORRECTNESS,
    FAITHFULNESS,
    JUDGED,
    LLM_PRECISION,
    LLM_RECALL,
    NOISE,
    RELEVANCY,
    Sample,
    Score,
    attempt,
    in_own_loop,
    port_embedding,
    silence,
)
from rag_flywheel.ports import Encoder

_log = logging.getLogger(__name__)

Ask = Callable[[Sample], Awaitable[float]]


def score(
    samples: Sequence[Sample],
    *,
    judge: Judge,
    encoder: Encoder,
    names: Collection[str],
    on_step: Callable[[int, int], None],
) -> list[dict[str, Score]]:
    """For each sample, by metric among `names` (of `ragas_metrics.JUDGED`): its value, or None when it failed twice or
    the judge was stopped; what does not apply is absent.

    Callable from anywhere, as `ragas_metrics.score` is; `on_step` gets (scores done, in all). It does not raise where
    the judge fails.
    """
    started = time.perf_counter()
    by = (judge.model, judge.url, version("ragas"), encoder.name)
    keys = [
        {name: _key(name, sample, by) for name in JUDGED if name in names and applies(name, sample)}
        for sample in samples
    ]
    # Metric by metric, so that a budget that ends leaves some of them whole, and within one metric in the order of the
    # keys, which is none: ten failures in a row then mean a judge that is down, and not ten hard questions in a row.
    wanted = {
        key: (name, sample)
        for name in JUDGED
        for key, sample in sorted(
            ((own[name], sample) for own, sample in zip(keys, samples, strict=True) if name in own),
            key=lambda pair: pair[0],
        )
    }
    values: dict[str, Score] = dict(judge.known(list(wanted)))
    cached = sum(key in values for own in keys for key in own.values())
    new = {key: asked for key, asked in wanted.items() if key not in values}
    if new:
        values |= in_own_loop(_ask_all(new, judge, encoder, lambda done: on_step(len(values) + done, len(wanted))))
    results = [{name: values[key] for name, key in own.items()} for own in keys]
    failed = sum(value is None for scores in results for value in scores.values())
    judge.tell(cached=cached, failed=failed, seconds=time.perf_counter() - started)
    if failed:
        _log.warning("the judge: %d of %d scores failed", failed, sum(map(len, results)))
    return results


def applies(name: str, sample: Sample) -> bool:
    """Whether a metric says something of a sample. A refusal claims nothing, and is to no point."""
    compared = sample.reference is not None
    return {
        FAITHFULNESS: sample.answered and bool(sample.retrieved_texts),
        RELEVANCY: sample.answered,
        CORRECTNESS: compared,
        LLM_PRECISION: compared,
        LLM_RECALL: compared,
        NOISE: compared and sample.answered and bool(sample.retrieved_texts),
    }[name]


def _key(name: str, sample: Sample, by: Sequence[str]) -> str:
    """A digest of all that the value depends on: the texts that the metric sees, and what judges them."""
    question, response, contexts = sample.question, sample.response, list(sample.retrieved_texts)
    seen: dict[str, list[Any]] = {
        FAITHFULNESS: [question, response, contexts],
        RELEVANCY: [question, response],
        CORRECTNESS: [response, sample.reference],
        LLM_PRECISION: [question, sample.reference, contexts],
        LLM_RECALL: [question, sample.reference, contexts],
        NOISE: [question, response, sample.reference, contexts],
    }
    return "judged:" + hashlib.sha256(json.dumps([name, list(by), seen[name]]).encode()).hexdigest()


async def _ask_all(
    wanted: Mapping[str, tuple[str, Sample]], judge: Judge, encoder: Encoder, on_step: Callable[[int], None]
) -> dict[str, Score]:
    silence()
    embedding = port_embedding(encoder, {})
    at_once = asyncio.Semaphore(judge.concurrency)
    values: dict[str, Score] = {}

    async with judge.client() as client:
        # The second attempt asks everything anew: one of the replies behind the first may be what made it fail.
        first, again = (_metrics(_checked(client, judge.model, known), embedding) for known in (judge.replies, None))

        async def settle(key: str, name: str, sample: Sample) -> None:
            async with at_once:
                if judge.stopped:
                    values[key] = None
                else:
                    values[key] = await attempt(name, (first[name], again[name]), sample)
                    judge.settle(key, values[key])
            on_step(len(values))

        for _, some in itertools.groupby(wanted.items(), key=lambda item: item[1][0]):
            # The last of a metric must not share what is left of the budget with the first of the next one.
            await asyncio.gather(*(settle(key, name, sample) for key, (name, sample) in some))
    return values


def _metrics(llm: Any, embedding: Any) -> dict[str, Ask]:
    """By metric, what asks `llm` for a sample's value. Where nothing was retrieved, precision and recall are 0."""
    from ragas.metrics.collections import (
        AnswerRelevancy,
        ContextPrecision,
        ContextRecall,
        FactualCorrectness,
        Faithfulness,
        NoiseSensitivity,
    )

    faithfulness, correctness = Faithfulness(llm=llm), FactualCorrectness(llm=llm)
    # RAGAS asks three times by default; at its temperature of 0.01 that is thrice the same.
    relevancy = AnswerRelevancy(llm=llm, embeddings=embedding, strictness=1)
    precision, recall, noise = ContextPrecision(llm=llm), ContextRecall(llm=llm), NoiseSensitivity(llm=llm)

    async def faithful(sample: Sample) -> float:
        texts = list(sample.retrieved_texts)
        asked = faithfulness.ascore(user_input=sample.question, response=sample.response, retrieved_contexts=texts)
        return float((await asked).value)

    async def relevant(sample: Sample) -> float:
        return float((await relevancy.ascore(user_input=sample.question, response=sample.response)).value)

    async def correct(sample: Sample) -> float:
        return float((await correctness.ascore(response=sample.response, reference=sample.reference or "")).value)

    def of_contexts(metric: Any) -> Ask:
        async def value(sample: Sample) -> float:
            texts = list(sample.retrieved_texts)
            if not texts:
                return 0.0
            asked = metric.ascore(user_input=sample.question, reference=sample.reference, retrieved_contexts=texts)
            return float((await asked).value)

        return value

    async def noisy(sample: Sample) -> float:
        asked = noise.ascore(
            user_input=sample.question,
            response=sample.response,
            reference=sample.reference or "",
            retrieved_contexts=list(sample.retrieved_texts),
        )
        return float((await asked).value)

    return {
        FAITHFULNESS: faithful,
        RELEVANCY: relevant,
        CORRECTNESS: correct,
        LLM_PRECISION: of_contexts(precision),
        LLM_RECALL: of_contexts(recall),
        NOISE: noisy,
    }


def _checked(client: Any, model: str, known: dict[tuple[str, str], Any] | None) -> Any:
    """The judge as RAGAS wants one. A reply with nothing in it is a failure, of which RAGAS would make a score.

    `known` holds the replies to prompts of before, and gets the new ones; None where every prompt is asked anew.
    """
    from pydantic import BaseModel
    from ragas.llms import llm_factory
    from ragas.llms.base import InstructorBaseRagasLLM

    below = llm_factory(model, client=client, max_retries=0, max_tokens=ANSWER_TOKENS)

    class Checked(InstructorBaseRagasLLM):
        def generate(self, prompt: str, response_model: Any) -> Any:
            raise TypeError("this judge is asked asynchronously")

        async def agenerate(self, prompt: str, response_model: Any) -> Any:
            key = (response_model.__qualname__, hashlib.sha256(prompt.encode()).hexdigest())
            if known is not None and key in known:
                return known[key]
            reply: Any = await below.agenerate(prompt, response_model)
            if not isinstance(reply, BaseModel) or not _says_something(reply.model_dump()):
                raise ValueError("the judge's reply has the right shape and says nothing")
            if known is not None:
                known[key] = reply
            return reply

    return Checked()


def _says_something(reply: Any) -> bool:
    """Whether lists have members, yes-or-no numbers are 0 or 1, and a generated question is not blank."""
    match reply:
        case dict():
            return all(
                _says_something(value) and (name != "question" or bool(str(value).strip()))
                for name, value in reply.items()
            )
        case list():
            return bool(reply) and all(_says_something(part) for part in reply)
        case int():
            return reply in (0, 1)
        case _:
            return True
