"""Paired comparisons of two scorecards: pairs, intervals and tests."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from eval.comparison import ALL_GUARDS, Comparison, Role, changes, compare
from eval.questions.golden import Case, Slice
from eval.scores.ragas_metrics import Score
from eval.scores.scorecard import Scorecard
from tests.fakes.evaluation import case

Values = Mapping[str, Mapping[str, Score]]


def card(values: Values, slice: Slice = Slice.GOLDEN) -> Scorecard:
    return Scorecard(cases=tuple(case(name, "d", slice=slice) for name in values), values=values)


def hits(values: list[Score]) -> Scorecard:
    return card({str(at): {"hit_at_1": value} for at, value in enumerate(values)})


def compared(
    control: Scorecard | None,
    treatment: Scorecard,
    *,
    parts: Mapping[str, frozenset[str]] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[tuple[str, str], Comparison]:
    found = compare(control, treatment, parts=parts or {}, confidence=0.95, resamples=resamples, seed=seed)
    return {(comparison.slice, comparison.metric): comparison for comparison in found}


def only(control: Scorecard | None, treatment: Scorecard, seed: int = 0) -> Comparison:
    return compared(control, treatment, seed=seed)[Slice.GOLDEN, "hit_at_1"]


def moved(cases: list[Case], by: list[float], *, resamples: int = 2000) -> dict[tuple[str, str], Comparison]:
    """The comparisons where the hit of each case moves from 0 by so much."""
    ids = [asked.case_id for asked in cases]
    control = Scorecard(cases=tuple(cases), values={name: {"hit_at_1": 0.0} for name in ids})
    values = {name: {"hit_at_1": value} for name, value in zip(ids, by, strict=True)}
    return compared(control, Scorecard(cases=tuple(cases), values=values), resamples=resamples)


def p_values(by: list[float], *, resamples: int = 2000) -> tuple[float, float]:
    cases = [case(str(at), "d") for at in range(len(by))]
    found = moved(cases, by, resamples=resamples)[Slice.GOLDEN, "hit_at_1"]
    assert found.p_better is not None
    assert found.p_worse is not None
    return found.p_better, found.p_worse


# --- pairs ----------------------------------------------------------------------------------------------------------


def test_means_are_over_the_questions_scored_on_both_sides_and_failures_are_counted() -> None:
    found = only(hits([1.0, 0.0, None, 1.0]), hits([1.0, 1.0, 1.0, None]))
    assert (found.n, found.failed, found.before, found.after, found.difference) == (2, 2, 0.5, 1.0, 0.5)
    assert (found.better, found.worse, found.coverage) == (1, 0, 0.5)


def test_a_metric_that_applies_on_one_side_only_is_no_pair_and_no_failure() -> None:
    control = card({"a": {"hit_at_1": 1.0, "faithfulness": 0.5}, "b": {"hit_at_1": 1.0}})
    treatment = card({"a": {"hit_at_1": 1.0}, "b": {"hit_at_1": 1.0, "faithfulness": None}})
    assert {metric for _, metric in compared(control, treatment)} == {"hit_at_1"}


def test_without_a_control_there_is_only_what_came_after_and_nothing_to_test() -> None:
    found = only(None, hits([1.0, 0.0, None]))
    assert (found.n, found.failed, found.before, found.after, found.difference) == (2, 1, None, 0.5, None)
    assert (found.low, found.high) == (pytest.approx(0.05, abs=0.01), pytest.approx(0.95, abs=0.01))
    assert (found.p_better, found.p_worse) == (None, None)


def test_a_metric_that_always_failed_has_no_values_and_no_coverage() -> None:
    found = only(hits([None]), hits([None]))
    assert (found.before, found.after, found.difference, found.low, found.high) == (None,) * 5
    assert (found.p_better, found.p_worse, found.coverage) == (None, None, 0.0)


def test_other_questions_on_the_other_side_are_refused() -> None:
    with pytest.raises(ValueError, match="different questions"):
        compared(hits([1.0]), hits([1.0, 1.0]))


def test_changes_are_the_questions_that_differ_worst_loss_first() -> None:
    found = changes(hits([0.0, 1.0, 1.0, None]), hits([1.0, 0.0, 1.0, 1.0]), "hit_at_1")
    assert [(change.case_id, change.before, change.after) for change in found] == [("1", 1.0, 0.0), ("0", 0.0, 1.0)]


# --- slices ---------------------------------------------------------------------------------------------------------

MIXED = [
    case("c", "d", slice=Slice.CORRECTED),
    case("p", "d", slice=Slice.PARAPHRASE),
    case("n", "d", slice=Slice.NEIGHBOUR),
    case("g", "d", slice=Slice.GOLDEN),
]


def test_slices_are_compared_apart_and_the_guards_also_together() -> None:
    found = moved(MIXED, [1.0, 0.5, 0.0, -1.0])
    assert {
        slice: (comparison.role, comparison.n, comparison.difference) for (slice, _), comparison in found.items()
    } == {
        Slice.CORRECTED: (Role.TARGET, 1, 1.0),
        Slice.PARAPHRASE: (Role.TARGET, 1, 0.5),
        Slice.NEIGHBOUR: (Role.GUARD, 1, 0.0),
        Slice.GOLDEN: (Role.GUARD, 1, -1.0),
        ALL_GUARDS: (Role.GUARD, 2, -0.5),
    }


def test_a_part_has_its_guard_questions_and_no_target() -> None:
    still = Scorecard(cases=tuple(MIXED), values={asked.case_id: {"hit_at_1": 1.0} for asked in MIXED})
    parts = {"source a.md": frozenset({"c", "p", "g"}), "source b.md": frozenset({"c"})}
    found = compared(still, still, parts=parts)
    of_source = found["source a.md", "hit_at_1"]
    assert (of_source.role, of_source.n) == (Role.PART, 1)
    assert ("source b.md", "hit_at_1") not in found


# --- intervals ------------------------------------------------------------------------------------------------------


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(100):
        before, after = (hits([float(hit) for hit in rng.random(80) < rate]) for rate in (0.6, 0.7))
        found = compared(before, after, resamples=400)[Slice.GOLDEN, "hit_at_1"]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.1 <= found.high
    assert 89 <= covered <= 99


def test_the_interval_covers_the_truth_where_wordings_of_one_question_share_their_fate() -> None:
    """20 questions of 5 wordings each; drawn one by one, the wordings would cover it in about two of three runs."""
    rng = np.random.default_rng(8)
    cases = [case(f"{cluster}-{wording}", "d", cluster=str(cluster)) for cluster in range(20) for wording in range(5)]
    covered = 0
    for _ in range(100):
        fates = rng.choice([-1.0, 0.0, 1.0], size=20, p=[0.2, 0.4, 0.4])
        found = moved(cases, [float(fate) for fate in fates for _ in range(5)], resamples=400)[Slice.GOLDEN, "hit_at_1"]
        assert (found.n, found.clusters) == (100, 20)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.2 <= found.high
    assert covered >= 86


def test_wordings_of_one_question_are_drawn_together() -> None:
    """Two clusters, so one of two moved: an interval from ten would be half as wide."""
    cases = [case(f"{cluster}{wording}", "d", cluster=cluster) for cluster in "ab" for wording in range(5)]
    found = moved(cases, [1.0] * 5 + [0.0] * 5)[Slice.GOLDEN, "hit_at_1"]
    assert (found.n, found.clusters) == (10, 2)
    assert (found.low, found.high) == (pytest.approx(0.025, rel=0.1), pytest.approx(0.975, rel=0.1))


def test_a_group_of_many_wordings_weighs_as_many_questions() -> None:
    cases = [case(f"a{wording}", "d", cluster="a") for wording in range(3)] + [case("b", "d", cluster="b")]
    found = moved(cases, [0.0] * 3 + [1.0])[Slice.GOLDEN, "hit_at_1"]
    assert found.difference == 0.25
    assert found.low == pytest.approx(0.025 / (0.025 + 3 * 0.975), rel=0.1)
    assert found.high == pytest.approx(0.975 / (0.975 + 3 * 0.025), rel=0.1)


def test_each_kind_of_question_is_drawn_apart() -> None:
    """All of one kind rose and none of the other, so nothing is left to chance but how many of each are drawn."""
    cases = [case(f"{slice}{at}", "d", slice=slice) for slice in (Slice.GOLDEN, Slice.KNOWN_ITEM) for at in range(10)]
    found = moved(cases, [1.0] * 10 + [0.0] * 10)[ALL_GUARDS, "hit_at_1"]
    assert (found.difference, found.low, found.high) == (0.5, 0.5, 0.5)


def test_the_same_version_twice_does_not_differ_at_all() -> None:
    found = only(hits([1.0, 0.0, 0.3]), hits([1.0, 0.0, 0.3]))
    assert (found.difference, found.low, found.high, found.better, found.worse) == (0.0, 0.0, 0.0, 0, 0)
    assert (found.p_better, found.p_worse) == (1.0, 1.0)


def test_one_seed_gives_one_interval_and_one_p_value() -> None:
    rng = np.random.default_rng(3)
    control, treatment = (hits([float(value) for value in rng.random(40)]) for _ in range(2))
    assert only(control, treatment, seed=3) == only(control, treatment, seed=3)
    assert only(control, treatment, seed=3) != only(control, treatment, seed=4)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_swapping_the_versions_turns_the_difference_around(pairs: list[tuple[float, float]]) -> None:
    first, second = hits([pair for pair, _ in pairs]), hits([other for _, other in pairs])
    there, back = only(first, second), only(second, first)
    assert there.difference == pytest.approx(-(back.difference or 0.0))
    assert (there.better, there.worse) == (back.worse, back.better)
    assert (there.p_better, there.p_worse) == (back.p_worse, back.p_better)


# --- tests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "better", "worse"),
    [
        ([1.0], 1 / 2, 1.0),
        ([-1.0, -1.0, -1.0], 1.0, 1 / 8),
        ([1.0, 1.0, 1.0, -1.0], 5 / 16, 15 / 16),  # of 16 arrangements one adds up to 4 and four to 2
        ([1.0, -1.0], 3 / 4, 3 / 4),
        ([0.5, 0.25], 1 / 4, 1.0),
        ([1.0, 0.0, 0.0, 0.0], 1 / 2, 1.0),  # what did not move says nothing
    ],
)
def test_few_pairs_are_tested_exactly(by: list[float], better: float, worse: float) -> None:
    assert p_values(by) == (better, worse)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-20, 20).map(lambda twentieths: twentieths / 20), min_size=1, max_size=8))
def test_an_exact_p_value_is_the_share_of_all_arrangements_of_signs(by: list[float]) -> None:
    totals = [sum(s * value for s, value in zip(signs, by, strict=True)) for signs in product((1, -1), repeat=len(by))]
    better = sum(total >= sum(by) - 1e-9 for total in totals) / len(totals)
    worse = sum(total <= sum(by) + 1e-9 for total in totals) / len(totals)
    assert p_values(by) == pytest.approx((better, worse))


def test_an_exact_p_value_is_that_of_scipy_for_the_pairs_themselves() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.random(9), rng.random(9) + 0.15
    tested = permutation_test(
        (after, before),
        lambda x, y: float(np.mean(x - y)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert only(hits(list(before)), hits(list(after))).p_better == pytest.approx(tested.pvalue)


@pytest.mark.parametrize(("won", "lost"), [(8, 2), (40, 20), (30, 30), (60, 25)])
def test_hits_are_tested_as_by_the_sign_test(won: int, lost: int) -> None:
    better, worse = p_values([1.0] * won + [-1.0] * lost + [0.0] * 50)
    assert better == pytest.approx(binomtest(won, won + lost, alternative="greater").pvalue, abs=0.035)
    assert worse == pytest.approx(binomtest(lost, won + lost, alternative="greater").pvalue, abs=0.035)


def test_a_p_value_from_random_signs_is_never_zero() -> None:
    assert p_values([1.0] * 60) == (1 / 2001, 1.0)


def test_wordings_of_one_question_turn_their_signs_together() -> None:
    cases = [case(str(at), "d", cluster="one") for at in range(12)]
    found = moved(cases, [-1.0] * 12)[Slice.GOLDEN, "hit_at_1"]
    assert (found.n, found.clusters, found.p_worse) == (12, 1, 0.5)


def test_two_versions_that_differ_by_chance_are_seldom_called_worse() -> None:
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(200):
        by = rng.choice([-1.0, 0.0, 1.0], size=40, p=[0.2, 0.6, 0.2])
        called += p_values([float(value) for value in by], resamples=400)[1] <= 0.05
    assert called <= 18  # 5% of 200, and what chance allows on top in 999 of 1,000 trials
