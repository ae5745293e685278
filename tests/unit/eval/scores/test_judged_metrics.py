"""RAGAS with a judge, over a real socket: values, failures, a cache, a budget."""

import json
import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from eval.scores import judged_metrics
from eval.scores.judge import Judge
from eval.scores.ragas_metrics import CORRECTNESS, FAITHFULNESS, JUDGED, LLM_PRECISION, NOISE, RELEVANCY, Sample, Score
from tests.fakes.encoder import HashingEncoder
from tests.fakes.judging import SAMPLE, a_good_judge, judge_at
from tests.fakes.openai_server import Broken, Die, Fail, OpenAIServer, Received, Reply, Stall
from tests.fakes.rankings import MemoryCache

OTHERS = [
    replace(
        SAMPLE,
        question=f"How do I pair the remote R{number}?",
        response=f"Press both buttons of R{number}.",
        retrieved_texts=(f"On R{number} press both buttons to pair.",),
    )
    for number in range(10, 30)
]


def score(
    samples: list[Sample],
    judge: Judge,
    *,
    names: Collection[str] = JUDGED,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Score]]:
    return judged_metrics.score(samples, judge=judge, encoder=HashingEncoder(), names=names, on_step=on_step)


def coverage(results: list[dict[str, Score]]) -> float:
    values = [value for scores in results for value in scores.values()]
    return sum(value is not None for value in values) / len(values)


# --- values


def test_a_judge_scores_six_metrics_with_the_configured_key() -> None:
    steps: list[tuple[int, int]] = []
    with OpenAIServer(reply=a_good_judge) as server:
        judge = judge_at(server)
        [scores] = score([SAMPLE], judge, on_step=lambda done, total: steps.append((done, total)))
    assert tuple(scores) == JUDGED
    assert scores.pop(NOISE) == 0.0
    assert list(scores.values()) == pytest.approx([1.0] * 5)
    assert {received.headers["authorization"] for received in server.requests} == {"Bearer k3y"}
    assert steps == [(done, 6) for done in range(1, 7)]
    assert judge.costs.calls == len(server.requests)
    assert (judge.costs.failed, judge.costs.cached, judge.costs.stopped) == (0, 0, None)


def test_a_refusal_claims_nothing_so_that_only_its_correctness_and_its_passages_are_judged() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        [scores] = score([replace(SAMPLE, answered=False)], judge_at(server))
    assert set(scores) == {"factual_correctness", "context_precision", "context_recall"}


def test_without_a_reference_faithfulness_and_relevancy_are_left() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        [scores] = score([replace(SAMPLE, reference=None)], judge_at(server))
    assert set(scores) == {FAITHFULNESS, RELEVANCY}


def test_nothing_retrieved_scores_zero_without_a_question_to_the_judge() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        [scores] = score([replace(SAMPLE, retrieved_texts=())], judge_at(server), names=JUDGED[3:])
    assert scores == {"context_precision": 0.0, "context_recall": 0.0}
    assert server.requests == []


def test_a_claim_that_only_a_useful_passage_leads_astray_is_noise() -> None:
    def misled(received: Received) -> Reply:
        """The reference does not hold the answer's claim, the first passage holds both."""
        reply = a_good_judge(received)
        unsupported = (
            "Press all." in received.prompt and '"context": "Press both buttons for three seconds."' in received.prompt
        )
        return str(reply).replace('"verdict": 1', '"verdict": 0') if unsupported else reply

    def statements(received: Received) -> Reply:
        wanted = received.body["messages"][0]["content"]
        if "verdict" not in wanted:
            asked = received.prompt.rpartition("Now perform")[2]
            return json.dumps({"statements": ["Press all." if "Press both buttons." in asked else "Press both."]})
        return misled(received)

    with OpenAIServer(reply=statements) as server:
        [scores] = score([SAMPLE], judge_at(server), names=[NOISE])
    assert scores == {NOISE: 1.0}


# --- failures


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
        Fail(status=404),
        Die(),
    ],
    ids=["prose", "wrong shape", "empty", "broken", "a list", "no choices", "500", "404", "dies"],
)
def test_a_judge_that_answers_wrongly_is_asked_once_more_and_then_counted_as_failed(bad: Reply) -> None:
    with OpenAIServer(reply=bad) as server:
        judge = judge_at(server)
        [scores] = score([SAMPLE], judge)
    assert scores == dict.fromkeys(JUDGED)
    assert len(server.requests) == 12
    assert (judge.costs.calls, judge.costs.failed) == (12, 6)


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        (FAITHFULNESS, '{"statements": []}'),
        (CORRECTNESS, '{"claims": []}'),
        (RELEVANCY, '{"question": " ", "noncommittal": 0}'),
        (LLM_PRECISION, '{"reason": "So.", "verdict": 7}'),
    ],
)
def test_a_reply_that_says_nothing_is_a_failure_where_ragas_makes_a_score_of_it(name: str, empty: str) -> None:
    with OpenAIServer(reply=empty) as server:
        assert score([SAMPLE], judge_at(server), names=[name]) == [{name: None}]


def test_no_text_of_a_reply_or_a_question_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), OpenAIServer(reply="Zanzibar is no JSON.") as server:
        score([replace(SAMPLE, question="Where is Zanzibar?")], judge_at(server))
    assert "6 of 6 scores failed" in caplog.text
    assert "Zanzibar" not in caplog.text


def test_one_failure_is_made_good_by_the_second_attempt() -> None:
    with OpenAIServer(
        reply=[Fail(status=500), '{"question": "How do I pair the remote?", "noncommittal": 0}']
    ) as server:
        judge = judge_at(server)
        [scores] = score([SAMPLE], judge, names=[RELEVANCY])
    assert scores[RELEVANCY] == pytest.approx(1.0)
    assert judge.costs.failed == 0


def test_the_second_attempt_asks_everything_anew() -> None:
    """One verdict too many about the first passage makes RAGAS fail, however often it is repeated."""
    verdict = {"statement": "Press both.", "reason": "So.", "verdict": 1}
    said: list[str] = []

    def once_too_much(received: Received) -> Reply:
        reply = str(a_good_judge(received))
        if "verdict" in reply and not said:
            said.append(reply)
            return json.dumps({"statements": [verdict, verdict]})
        return reply

    different = replace(SAMPLE, retrieved_texts=("Press both.", "Press all."))
    with OpenAIServer(reply=once_too_much) as server:
        assert score([different], judge_at(server), names=[NOISE]) == [{NOISE: 0.0}]
    assert said


def test_a_judge_that_dies_in_the_middle_leaves_what_it_said_before() -> None:
    def dying(received: Received) -> Reply:
        return a_good_judge(received) if len(server.requests) <= 20 else Die()

    with OpenAIServer(reply=dying) as server:
        judge = judge_at(server, concurrency=1)
        results = score(OTHERS[:15], judge, names=[FAITHFULNESS])
    assert [scores[FAITHFULNESS] for scores in results].count(1.0) == 10
    assert coverage(results) == pytest.approx(10 / 15)
    assert judge.costs.failed == 5


@pytest.mark.parametrize("stall", [Stall(), Stall(keep_alive=0.02)], ids=["silent", "byte by byte"])
def test_a_judge_that_stalls_costs_its_time_out_and_no_more(stall: Stall) -> None:
    with OpenAIServer(reply=stall) as server:
        started = time.perf_counter()
        [scores] = score([SAMPLE], judge_at(server, timeout=0.1), names=[FAITHFULNESS, RELEVANCY])
        took = time.perf_counter() - started
    assert scores == {FAITHFULNESS: None, RELEVANCY: None}
    assert took < 3


def test_a_judge_that_is_down_is_given_up_for_the_cycle_after_ten_failures_in_a_row() -> None:
    with OpenAIServer(reply=Fail(status=500)) as server:
        judge = judge_at(server, concurrency=1)
        results = score(OTHERS, judge)
        again = score([SAMPLE], judge)
    assert coverage(results) == coverage(again) == 0.0
    assert len(server.requests) == 2 * 10
    assert judge.costs.failed == 20 * 6 + 6
    assert judge.costs.stopped == "it was given up after 10 scores in a row that failed"


def test_questions_that_are_too_hard_for_the_judge_lower_the_coverage_and_do_not_stop_it() -> None:
    """Half of the questions fail, and all of them stand together at the end."""

    def weak(received: Received) -> Reply:
        hard = any(f"R{number}" in received.prompt for number in range(20, 30))
        return "I cannot say." if hard else a_good_judge(received)

    with OpenAIServer(reply=weak) as server:
        judge = judge_at(server, concurrency=4)
        results = score(OTHERS, judge, names=[FAITHFULNESS, LLM_PRECISION])
    assert judge.costs.stopped is None
    assert coverage(results[:10]) == 1.0
    assert coverage(results[10:]) == 0.0


# --- a busy server


def test_a_busy_server_is_asked_again_when_it_says_so_and_others_wait_too() -> None:
    sent: list[float] = []

    def busy(received: Received) -> Reply:
        sent.append(time.monotonic())
        return Fail(status=429, retry_after=1) if len(sent) == 1 else a_good_judge(received)

    with OpenAIServer(reply=busy) as server:
        judge = judge_at(server, concurrency=1)
        results = score(OTHERS[:3], judge, names=[RELEVANCY])
    assert coverage(results) == 1.0
    assert len(sent) == 4
    assert sent[1] - sent[0] >= 1.0
    assert judge.costs.calls == 4


def test_a_busy_server_may_name_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)  # a whole second: 1 to 2 from now
    replies: list[Reply] = [Fail(status=503, retry_after=soon), '{"question": "How?", "noncommittal": 0}']
    with OpenAIServer(reply=replies) as server:
        started = time.perf_counter()
        assert coverage(score([SAMPLE], judge_at(server), names=[RELEVANCY])) == 1.0
        assert time.perf_counter() - started > 0.9


@pytest.mark.parametrize("said", ["0", "nan", "-5", "soon", "", None])
def test_a_server_that_is_busy_without_end_is_asked_once_a_second_whatever_it_says(said: str | None) -> None:
    with OpenAIServer(reply=Fail(status=429, retry_after=said)) as server:
        judge = judge_at(server, timeout=0.3)
        assert coverage(score([SAMPLE], judge, names=[RELEVANCY])) == 0.0
    assert judge.costs.calls == 2


def test_a_server_that_wants_more_patience_than_the_time_out_is_not_waited_for() -> None:
    with OpenAIServer(reply=Fail(status=429, retry_after=30.0)) as server:
        started = time.perf_counter()
        assert coverage(score([SAMPLE], judge_at(server, timeout=5.0), names=[RELEVANCY])) == 0.0
        assert time.perf_counter() - started < 3
    assert len(server.requests) == 2


# --- the cache


def test_nothing_is_judged_twice_neither_in_a_cycle_nor_in_the_next() -> None:
    cache = MemoryCache()
    with OpenAIServer(reply=a_good_judge) as server:
        judge = judge_at(server, cache=cache)
        first = score([SAMPLE, replace(SAMPLE, retrieved_ids=("y",))], judge)
        calls = len(server.requests)
        steps: list[int] = []
        assert score([SAMPLE], judge) == [first[0]]
        later = judge_at(server, cache=cache)
        assert score([SAMPLE], later, on_step=lambda done, total: steps.append(done)) == [first[0]]
        assert len(server.requests) == calls
    assert first[0] == first[1]
    assert (later.costs.calls, later.costs.cached) == (0, 6)
    assert steps == []


def test_only_values_are_cached_and_only_under_digests() -> None:
    cache = MemoryCache()
    with OpenAIServer(reply=a_good_judge) as server:
        score([SAMPLE], judge_at(server, cache=cache))
    assert {len(value) for value in cache.values.values()} == {8}
    assert all(key.startswith("judged:") and len(key) == len("judged:") + 64 for key in cache.values)


def test_a_failure_is_not_cached() -> None:
    cache = MemoryCache()
    with OpenAIServer(reply=Fail(status=500)) as server:
        score([SAMPLE], judge_at(server, cache=cache))
    assert cache.values == {}


def test_a_value_is_known_for_what_its_metric_sees_and_no_more() -> None:
    """Another reference changes what is compared with it, and nothing of faithfulness."""
    with OpenAIServer(reply=a_good_judge) as server:
        judge = judge_at(server)
        score([SAMPLE], judge)
        score([replace(SAMPLE, reference="Press one of them.")], judge)
    assert judge.costs.cached == 2


def test_a_passage_that_was_judged_for_a_question_is_not_judged_again_in_another_ranking() -> None:
    turned = replace(SAMPLE, retrieved_texts=SAMPLE.retrieved_texts[::-1])
    with OpenAIServer(reply=a_good_judge) as server:
        judge = judge_at(server)
        score([SAMPLE], judge, names=[LLM_PRECISION, NOISE])
        calls = len(server.requests)
        results = score([turned], judge, names=[LLM_PRECISION, NOISE])
    assert coverage(results) == 1.0
    assert len(server.requests) == calls


# --- the budget


def test_a_budget_of_calls_is_kept_and_what_is_left_over_has_failed() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        judge = judge_at(server, maximum_calls=5)
        control, treatment = score(OTHERS[:4], judge, names=[RELEVANCY]), score(OTHERS[4:8], judge, names=[RELEVANCY])
    assert (coverage(control), coverage(treatment)) == (1.0, 0.25)
    assert len(server.requests) == judge.costs.calls == 5
    assert judge.costs.failed == 3
    assert judge.costs.stopped == "judge.maximum_calls (5) is used up"


def test_a_budget_that_ends_leaves_whole_metrics() -> None:
    with OpenAIServer(reply=a_good_judge) as server:
        results = score(OTHERS[:4], judge_at(server, maximum_calls=12), names=[RELEVANCY, FAITHFULNESS])
    assert all(scores[FAITHFULNESS] is not None and scores[RELEVANCY] is not None for scores in results)
    with OpenAIServer(reply=a_good_judge) as server:
        results = score(OTHERS[:4], judge_at(server, maximum_calls=8), names=[RELEVANCY, FAITHFULNESS])
    assert [scores[FAITHFULNESS] for scores in results] == [1.0] * 4


def test_tokens_are_counted_as_the_server_says_and_never_exceed_the_budget() -> None:
    with OpenAIServer(reply=a_good_judge, usage=(3000, 1000)) as server:
        judge = judge_at(server, maximum_tokens=20_000, concurrency=4)
        results = score(OTHERS, judge, names=[RELEVANCY])
    assert 0.0 < coverage(results) < 1.0
    assert (judge.costs.tokens_in, judge.costs.tokens_out) == (3000 * judge.costs.calls, 1000 * judge.costs.calls)
    assert 8000 <= judge.costs.tokens_in + judge.costs.tokens_out <= 20_000
    assert judge.costs.stopped == "judge.maximum_tokens (20000) is used up"


def test_tokens_are_estimated_where_the_server_does_not_count_them() -> None:
    with OpenAIServer(reply=a_good_judge, usage=None) as server:
        judge = judge_at(server)
        score([SAMPLE], judge, names=[RELEVANCY])
    prompt = len(server.requests[0].prompt)
    assert prompt / 5 < judge.costs.tokens_in < prompt
    assert judge.costs.tokens_out > 0


def test_no_more_requests_run_at_a_time_than_configured() -> None:
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
        score(OTHERS[:6], judge_at(server, concurrency=3))
    assert 2 <= most[0] <= 3
