"""Paired comparisons of two scorecards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.comparison import Comparison, changes, compare
from eval.golden import Slice
from eval.ragas_metrics import Score
from eval.scoring import Scorecard
from tests.fakes.evaluation import case


def card(values: dict[str, dict[str, Score]], slice: Slice = Slice.GOLDEN) -> Scorecard:
    return Scorecard(cases=tuple(case(name, "d", slice=slice) for name in values), values=values)


def hits(values: list[Score]) -> Scorecard:
    return card({str(at): {"hit_at_1": value} for at, value in enumerate(values)})


def only(control: Scorecard | None, treatment: Scorecard, seed: int = 0) -> Comparison:
    [found] = compare(control, treatment, resamples=500, seed=seed)
    return found


def test_means_are_over_the_questions_scored_on_both_sides_and_failures_are_counted() -> None:
    found = only(hits([1.0, 0.0, None, 1.0]), hits([1.0, 1.0, 1.0, None]))
    assert (found.n, found.failed, found.before, found.after, found.difference) == (2, 2, 0.5, 1.0, 0.5)
    assert (found.better, found.worse, found.coverage) == (1, 0, 0.5)


def test_a_metric_that_applies_on_one_side_only_is_no_pair_and_no_failure() -> None:
    control = card({"a": {"hit_at_1": 1.0, "faithfulness": 0.5}, "b": {"hit_at_1": 1.0}})
    treatment = card({"a": {"hit_at_1": 1.0}, "b": {"hit_at_1": 1.0, "faithfulness": None}})
    assert [one.metric for one in compare(control, treatment, resamples=100, seed=0)] == ["hit_at_1"]


def test_slices_are_compared_apart() -> None:
    cases = (case("a", "d", slice=Slice.CORRECTED), case("b", "d", slice=Slice.KNOWN_ITEM))
    control = Scorecard(cases=cases, values={"a": {"hit_at_1": 0.0}, "b": {"hit_at_1": 1.0}})
    treatment = Scorecard(cases=cases, values={"a": {"hit_at_1": 1.0}, "b": {"hit_at_1": 1.0}})
    found = compare(control, treatment, resamples=100, seed=0)
    assert [(one.slice, one.difference) for one in found] == [(Slice.CORRECTED, 1.0), (Slice.KNOWN_ITEM, 0.0)]


def test_without_a_control_there_is_only_what_came_after() -> None:
    found = only(None, hits([1.0, 0.0, None]))
    assert (found.n, found.failed, found.before, found.after, found.difference) == (2, 1, None, 0.5, None)
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_metric_that_always_failed_has_no_values_and_no_coverage() -> None:
    found = only(hits([None]), hits([None]))
    assert (found.before, found.after, found.difference, found.low, found.high) == (None,) * 5
    assert found.coverage == 0.0


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for seed in range(200):
        before, after = rng.random(80) < 0.6, rng.random(80) < 0.7
        found = only(hits([float(one) for one in before]), hits([float(one) for one in after]), seed=seed)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.1 <= found.high
    assert 180 <= covered <= 199


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_swapping_the_versions_turns_the_difference_around(pairs: list[tuple[float, float]]) -> None:
    first, second = hits([one for one, _ in pairs]), hits([other for _, other in pairs])
    there, back = only(first, second), only(second, first)
    assert there.difference == pytest.approx(-(back.difference or 0.0))
    assert (there.better, there.worse) == (back.worse, back.better)


def test_the_same_version_twice_does_not_differ_at_all() -> None:
    found = only(hits([1.0, 0.0, 0.3]), hits([1.0, 0.0, 0.3]))
    assert (found.difference, found.low, found.high, found.better, found.worse) == (0.0, 0.0, 0.0, 0, 0)


def test_one_seed_gives_one_interval() -> None:
    control, treatment = hits([0.1, 0.9, 0.4, 0.6]), hits([0.3, 0.2, 0.8, 0.7])
    assert only(control, treatment, seed=3) == only(control, treatment, seed=3)


def test_other_questions_on_the_other_side_are_refused() -> None:
    with pytest.raises(ValueError, match="different questions"):
        compare(hits([1.0]), hits([1.0, 1.0]), resamples=100, seed=0)


def test_changes_are_the_questions_that_differ_worst_loss_first() -> None:
    found = changes(hits([0.0, 1.0, 1.0, None]), hits([1.0, 0.0, 1.0, 1.0]), "hit_at_1")
    assert [(one.case_id, one.before, one.after) for one in found] == [("1", 1.0, 0.0), ("0", 0.0, 1.0)]
