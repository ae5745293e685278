"""A sample, and a judge on a real loopback socket that finds everything about it in order."""

import json

from eval.scores.judge import Judge
from eval.scores.ragas_metrics import Sample
from rag_flywheel import config
from rag_flywheel.ports import Cache
from tests.fakes.openai_server import OpenAIServer, Received, Reply
from tests.fakes.rankings import MemoryCache

SAMPLE = Sample(
    question="How do I pair the remote?",
    response="Press both buttons.",
    answered=True,
    reference="Press both buttons for three seconds.",
    retrieved_ids=("d1", "x"),
    reference_ids=("d1", "d2"),
    retrieved_texts=("Press both buttons for three seconds to pair.", "Nothing about it is said here at all."),
    reference_texts=("Press both buttons for three seconds to pair.",),
)


def judge_at(
    server: OpenAIServer,
    *,
    cache: Cache | None = None,
    timeout: float = 10.0,
    concurrency: int = 2,
    maximum_calls: int = 5000,
    maximum_tokens: int = 5_000_000,
) -> Judge:
    settings = config.Judge(
        url=server.url,
        model="test-model",
        timeout=timeout,
        concurrency=concurrency,
        maximum_calls=maximum_calls,
        maximum_tokens=maximum_tokens,
    )
    return Judge(settings, key="k3y", cache=cache or MemoryCache())


def a_good_judge(received: Received) -> Reply:
    """Answers every prompt of the judged metrics: everything is supported and useful, and the question is the asked
    one.
    """
    wanted = received.body["messages"][0]["content"]  # the shape of the reply, before RAGAS's prompt
    if "noncommittal" in wanted:
        return json.dumps({"question": SAMPLE.question, "noncommittal": 0})
    if "attributed" in wanted:
        return json.dumps({"classifications": [{"statement": "Press both.", "reason": "It says so.", "attributed": 1}]})
    if "claims" in wanted:
        return json.dumps({"claims": ["Press both."]})
    if "verdict" in wanted and "statements" in wanted:
        return json.dumps({"statements": [{"statement": "Press both.", "reason": "It says so.", "verdict": 1}]})
    if "verdict" in wanted:
        return json.dumps({"reason": "It helps.", "verdict": 1})
    return json.dumps({"statements": ["Press both."]})
