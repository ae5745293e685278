"""RAGAS without a judge: values, failures, no telemetry, any thread."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from eval.scores import ragas_metrics
from eval.scores.ragas_metrics import JUDGE_FREE, Sample, Score
from tests.fakes.encoder import HashingEncoder
from tests.fakes.judging import SAMPLE


def score(
    samples: list[Sample],
    *,
    encoder: HashingEncoder | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Score]]:
    return ragas_metrics.score(samples, encoder=encoder or HashingEncoder(), on_step=on_step)


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
    score([SAMPLE])
    _analytics._analytics_batcher.flush()
    assert sent == []
