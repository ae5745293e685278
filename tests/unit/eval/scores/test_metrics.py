"""Ranking metrics, against values worked out by hand and against what must always hold."""

from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.scores import metrics

FLAGS = st.lists(st.booleans(), max_size=30)


def test_the_values_are_those_of_the_definitions() -> None:
    flags = [False, True, False, True]
    assert metrics.hit_at_1(flags) == 0.0
    assert metrics.hit_at_1([True]) == 1.0
    assert metrics.reciprocal_rank(flags) == 0.5
    assert metrics.recall_at_k(flags, 4, 2) == 0.25
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert metrics.ndcg_at_10(flags, 3) == pytest.approx((1 / log2(3) + 1 / log2(5)) / ideal)


def test_a_short_ranking_has_no_better_precision_than_a_long_one() -> None:
    assert metrics.precision_at_k([True], 8) == metrics.precision_at_k([True, *[False] * 9], 8) == 1 / 8
    assert metrics.precision_at_k([False, True, True], 2) == 0.5


def test_a_hit_counts_down_to_the_depth_and_no_further() -> None:
    flags = [False, False, True]
    assert [metrics.hit_at_k(flags, k) for k in (1, 2, 3, 5)] == [0.0, 0.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        metrics.hit_at_k(flags, 0)


def test_nothing_retrieved_scores_nothing() -> None:
    assert metrics.hit_at_1([]) == metrics.reciprocal_rank([]) == metrics.ndcg_at_10([], 2) == 0.0
    assert metrics.recall_at_k([], 2, 5) == 0.0


def test_results_beyond_the_tenth_do_not_count() -> None:
    late = [False] * 10 + [True]
    assert metrics.reciprocal_rank(late) == metrics.ndcg_at_10(late, 1) == 0.0


@settings(deadline=None)
@given(FLAGS, st.integers(0, 5))
def test_every_metric_lies_between_0_and_1(flags: list[bool], missed: int) -> None:
    total = max(1, sum(flags) + missed)
    values = [
        metrics.hit_at_1(flags),
        metrics.reciprocal_rank(flags),
        metrics.ndcg_at_10(flags, total),
        metrics.recall_at_k(flags, total, 5),
    ]
    assert all(0.0 <= value <= 1.0 + 1e-12 for value in values)


@settings(deadline=None)
@given(FLAGS.filter(any))
def test_relevant_results_first_are_perfect(flags: list[bool]) -> None:
    best = sorted(flags, reverse=True)
    assert metrics.hit_at_1(best) == metrics.reciprocal_rank(best) == 1.0
    assert metrics.ndcg_at_10(best, sum(flags)) == pytest.approx(1.0)


@settings(deadline=None)
@given(FLAGS.filter(lambda flags: len(flags) > 1), st.data())
def test_moving_a_relevant_result_up_never_lowers_a_metric(flags: list[bool], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(flags) - 1))
    if not flags[at] or flags[at - 1]:
        return
    better = [*flags[: at - 1], True, False, *flags[at + 1 :]]
    total = sum(flags)
    assert metrics.hit_at_1(better) >= metrics.hit_at_1(flags)
    assert metrics.reciprocal_rank(better) >= metrics.reciprocal_rank(flags)
    assert metrics.ndcg_at_10(better, total) >= metrics.ndcg_at_10(flags, total) - 1e-12
    assert metrics.recall_at_k(better, total, 3) >= metrics.recall_at_k(flags, total, 3)


@pytest.mark.parametrize("total", [0, 1])
def test_a_total_below_what_was_found_is_refused(total: int) -> None:
    with pytest.raises(ValueError, match="relevant results"):
        metrics.ndcg_at_10([True, True], total)


def test_recall_needs_a_depth() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        metrics.recall_at_k([True], 1, 0)
