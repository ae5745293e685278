"""RAGAS behind our adapter: values, failures, a judge over a real socket, no telemetry, any thread."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from eval import ragas_metrics
from eval.ragas_metrics import JUDGE_FREE, JudgeModel, Sample, Score
from rag_flywheel.config import Judge
from rag_flywheel.errors import ConfigError
from tests.fakes.encoder import HashingEncoder
from tests.fakes.openai_server import Broken, Die, Fail, OpenAIServer, Received, Reply, Stall

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


def score(
    samples: list[Sample],
    judge: JudgeModel | None = None,
    *,
    encoder: HashingEncoder | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Score]]:
    return ragas_metrics.score(samples, encoder=encoder or HashingEncoder(), judge=judge, on_step=on_step)


def judge_at(server: OpenAIServer, *, timeout: float = 10.0, concurrency: int = 2) -> JudgeModel:
    return JudgeModel(url=server.url, model="test-model", key="k3y", timeout=timeout, concurrency=concurrency)


def a_good_judge(received: Received) -> Reply:
    """Answers every prompt of the three judged metrics: everything is supported, and the question is the asked one."""
    prompt = received.prompt
    if "noncommittal" in prompt:
        return json.dumps({"question": SAMPLE.question, "noncommittal": 0})
    if "verdict" in prompt:
        return json.dumps({"statements": [{"statement": "Press both.", "reason": "It says so.", "verdict": 1}]})
    if "claims" in prompt:
        return json.dumps({"claims": ["Press both."]})
    return json.dumps({"statements": ["Press both."]})


def test_the_judge_free_metrics_have_their_known_values() -> None:
    [scores] = score([SAMPLE])
    assert tuple(scores) == JUDGE_FREE
    assert scores["id_based_context_precision"] == 0.5
    assert scores["id_based_context_recall"] == 0.5
    assert scores["non_llm_context_precision"] == pytest.approx(1.0)
    assert scores["non_llm_context_recall"] == 1.0
    assert scores["rouge_l"] == pytest.approx(2 * 1.0 * 0.5 / 1.5)
    assert 0.5 < (scores["semantic_similarity"] or 0.0) < 1.0


def test_what_has_no_reference_is_neither_scored_nor_failed() -> None:
    bare = replace(SAMPLE, reference=None, reference_ids=(), reference_texts=())
    assert score([bare, SAMPLE])[0] == {}
    assert score([]) == []


def test_nothing_retrieved_scores_zero_where_ragas_says_nan() -> None:
    [scores] = score([replace(SAMPLE, retrieved_ids=(), retrieved_texts=())])
    contexts = [name for name in JUDGE_FREE if "context" in name]
    assert [scores[name] for name in contexts] == [0.0] * 4


def test_every_text_is_encoded_once_and_progress_is_told() -> None:
    encoder = HashingEncoder()
    steps: list[tuple[int, int]] = []
    score([SAMPLE] * 30, encoder=encoder, on_step=lambda done, total: steps.append((done, total)))
    assert encoder.encoded == 2
    assert steps == [(done, 30) for done in range(1, 31)]


def test_a_hundred_questions_take_seconds_without_a_judge() -> None:
    long = replace(
        SAMPLE, response=SAMPLE.response * 15, retrieved_texts=tuple(f"{n} " + "word " * 200 for n in range(5))
    )
    score([SAMPLE])  # RAGAS is loaded
    started = time.perf_counter()
    score([long] * 100)
    assert time.perf_counter() - started < 10


def test_it_can_be_called_inside_a_running_event_loop_and_from_any_thread() -> None:
    async def inside() -> list[dict[str, Score]]:
        return score([SAMPLE])

    expected = score([SAMPLE])
    assert asyncio.run(inside()) == expected
    results: list[list[dict[str, Score]]] = []
    threads = [threading.Thread(target=lambda: results.append(score([SAMPLE]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 3


def test_nothing_is_reported_to_ragas_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setenv("RAGAS_DO_NOT_TRACK", "false")
    score([SAMPLE])
    from ragas import _analytics

    monkeypatch.setattr(_analytics.requests, "post", lambda *given, **named: sent.append(given))
    with OpenAIServer(reply=a_good_judge) as server:
        score([SAMPLE], judge_at(server))
    _analytics._analytics_batcher.flush()
    assert sent == []


def test_a_judge_scores_faithfulness_relevancy_and_correctness_with_the_configured_key() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        [scores] = score([SAMPLE], judge_at(server))
    assert scores["faithfulness"] == 1.0
    assert scores["answer_relevancy"] == pytest.approx(1.0)
    assert scores["factual_correctness"] == 1.0
    assert {one.headers["authorization"] for one in server.requests} == {"Bearer k3y"}


def test_a_refusal_claims_nothing_so_that_only_its_correctness_is_judged() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        [scores] = score([replace(SAMPLE, answered=False)], judge_at(server))
    assert set(scores) == {*JUDGE_FREE, "factual_correctness"}


@pytest.mark.parametrize(
    "bad",
    [
        "No JSON at all.",
        '{"statements": 7}',
        "",
        Broken(),
        Broken(body="[]"),
        Broken(body="{}"),
        Fail(status=500),
        Fail(status=429),
        Die(),
    ],
    ids=["prose", "wrong shape", "empty", "broken", "a list", "no choices", "500", "429", "dies"],
)
def test_a_judge_that_answers_wrongly_is_counted_as_failed_and_the_rest_is_scored(bad: Reply) -> None:
    with OpenAIServer(reply=bad) as server:
        [scores] = score([SAMPLE], judge_at(server))
    assert [scores[name] for name in ragas_metrics.JUDGED] == [None] * 3
    assert None not in [scores[name] for name in JUDGE_FREE]
    assert len(server.requests) == 6  # each of the three was tried once more


def test_an_answer_without_claims_is_nan_in_ragas_and_a_failure_here() -> None:
    with OpenAIServer(reply='{"statements": [], "claims": ["a"]}') as server:
        [scores] = score([SAMPLE], judge_at(server))
    assert scores["faithfulness"] is None


def test_one_failure_is_made_good_by_the_second_attempt() -> None:
    failed: list[str] = []

    def once(received: Received) -> Reply:
        if not failed:
            failed.append(received.path)
            return Fail(status=500)
        return a_good_judge(received)

    with OpenAIServer(reply=once) as server:
        [scores] = score([SAMPLE], judge_at(server))
    assert [scores[name] for name in ragas_metrics.JUDGED] == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("stall", [Stall(), Stall(keep_alive=0.02)], ids=["silent", "byte by byte"])
def test_a_judge_that_stalls_costs_its_time_out_and_no_more(stall: Stall) -> None:
    started = time.perf_counter()
    with OpenAIServer(reply=stall) as server:
        [scores] = score([SAMPLE], judge_at(server, timeout=0.1))
    assert [scores[name] for name in ragas_metrics.JUDGED] == [None] * 3
    assert time.perf_counter() - started < 8


def test_a_judge_that_is_down_is_given_up_after_ten_failures_in_a_row() -> None:
    with OpenAIServer(reply=Fail(status=503)) as server:
        results = score([SAMPLE] * 20, judge_at(server, concurrency=1))
    assert all(scores["faithfulness"] is None for scores in results)
    assert len(server.requests) == 2 * 10


def test_no_more_questions_are_judged_at_a_time_than_configured() -> None:
    running, most, lock = [0], [0], threading.Lock()

    def slow(received: Received) -> Reply:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        return a_good_judge(received)

    with OpenAIServer(reply=slow) as server:
        score([SAMPLE] * 6, judge_at(server, concurrency=3))
    assert 2 <= most[0] <= 3


def test_the_configured_judge_is_whole_or_absent_and_hides_its_key() -> None:
    assert ragas_metrics.judge_model(Judge(), "k3y") is None
    found = ragas_metrics.judge_model(Judge(url="http://localhost:1/v1", model="m", timeout=3.0), "k3y")
    assert found == JudgeModel(url="http://localhost:1/v1", model="m", key="k3y", timeout=3.0, concurrency=4)
    assert "k3y" not in repr(found)
    with pytest.raises(ConfigError, match=r"judge\.url is empty"):
        ragas_metrics.judge_model(Judge(model="m"), "")
