"""Always-valid tests, against published closed forms, integrals and simulation."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.optimize import brentq

from rag_flywheel.domain import Arm, Outcomes
from rag_flywheel.rollout.sequential import SPLIT_PRIOR, Estimate, contrast, half_width, p_above, p_excess, p_split


def outcomes(asked: list[int], bad: list[int], arm: Arm = Arm.CONTROL) -> Outcomes:
    """One arm, by person."""
    return Outcomes(
        arm=arm,
        people=len(asked),
        asked=sum(asked),
        bad=sum(bad),
        asked_squared=sum(n * n for n in asked),
        bad_squared=sum(b * b for b in bad),
        asked_bad=sum(n * b for n, b in zip(asked, bad, strict=True)),
        failed=0,
        refused=0,
        slow=0,
    )


# --- people counted: against integrals and published forms ------------------------------------------------------------


@pytest.mark.parametrize(("treatment", "people", "share"), [(40, 50, 0.5), (30, 200, 0.05), (2, 60, 0.25)])
def test_the_split_s_bet_is_the_binomial_likelihood_ratio_mixed_over_its_prior(
    treatment: int, people: int, share: float
) -> None:
    prior = stats.beta(SPLIT_PRIOR * share, SPLIT_PRIOR * (1 - share))
    mixed, _ = integrate.quad(
        lambda p: prior.pdf(p) * math.exp(_log_ratio(treatment, people, p, share)), 0, 1, points=[share], limit=200
    )
    assert p_split(treatment, people, share=share) == pytest.approx(min(1.0, 1 / mixed), rel=1e-6)


@pytest.mark.parametrize(("treatment", "people", "share"), [(9, 12, 0.5), (4, 4, 0.05), (40, 400, 0.05), (1, 9, 0.25)])
def test_the_excess_s_bet_is_the_likelihood_ratio_mixed_evenly_over_all_larger_shares(
    treatment: int, people: int, share: float
) -> None:
    mixed, _ = integrate.quad(lambda p: math.exp(_log_ratio(treatment, people, p, share)), share, 1, limit=200)
    assert p_excess(treatment, people, share=share) == pytest.approx(min(1.0, (1 - share) / mixed), rel=1e-6)


def _log_ratio(treatment: int, people: int, p: float, share: float) -> float:
    if not 0 < p < 1:
        return -math.inf
    return treatment * math.log(p / share) + (people - treatment) * math.log((1 - p) / (1 - share))


def test_every_harmed_person_in_the_treatment_has_the_closed_form_of_a_power() -> None:
    # The integral of p^n over 0.5..1 is (1 - 0.5^(n + 1)) / (n + 1).
    assert p_excess(10, 10, share=0.5) == pytest.approx(0.5 * 0.5**10 * 11 / (1 - 0.5**11))


def test_a_bet_on_the_split_is_the_ratio_of_beta_functions_of_lindon_and_malek() -> None:
    first = second = SPLIT_PRIOR / 2
    gammas = math.lgamma(first + 90) + math.lgamma(second + 10) - math.lgamma(SPLIT_PRIOR + 100)
    prior = math.lgamma(first) + math.lgamma(second) - math.lgamma(SPLIT_PRIOR)
    assert p_split(90, 100, share=0.5) == pytest.approx(math.exp(-(gammas - prior + 100 * math.log(2))), rel=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("test", [p_split, p_excess])
def test_nobody_yet_says_nothing(test: object, share: float) -> None:
    assert callable(test)
    assert test(0, 0, share=share) == 1.0


def test_far_fewer_harmed_people_than_the_share_are_no_excess() -> None:
    assert p_excess(0, 100_000, share=0.5) == 1.0
    assert p_excess(4_000, 100_000, share=0.05) == 1.0


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.05, 0.25, 0.5]))
def test_a_bet_on_people_is_worth_the_same_on_average_after_the_next_one(
    treatment: int, control: int, share: float
) -> None:
    people = treatment + control
    for test, most in ((_split_bet, 1.0), (_excess_bet, 1.0)):
        after = share * test(treatment + 1, people + 1, share) + (1 - share) * test(treatment, people + 1, share)
        assert after == pytest.approx(most * test(treatment, people, share), rel=1e-8)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.05, 0.25, 0.5]), st.floats(0, 1))
def test_a_bet_on_an_excess_falls_on_average_where_the_treatment_has_less(
    treatment: int, control: int, share: float, part: float
) -> None:
    people, less = treatment + control, part * share
    after = less * _excess_bet(treatment + 1, people + 1, share) + (1 - less) * _excess_bet(
        treatment, people + 1, share
    )
    assert after <= _excess_bet(treatment, people, share) * (1 + 1e-9)


def _split_bet(treatment: int, people: int, share: float) -> float:
    """Not cut off at 1, as the p is."""
    first, second = SPLIT_PRIOR * share, SPLIT_PRIOR * (1 - share)
    mixed = stats.betabinom.pmf(treatment, people, first, second)
    return float(mixed / stats.binom.pmf(treatment, people, share))


def _excess_bet(treatment: int, people: int, share: float) -> float:
    above = stats.beta(1 + treatment, 1 + people - treatment).sf(share) / (1 - share)
    return float(stats.betabinom.pmf(treatment, people, 1, 1) / stats.binom.pmf(treatment, people, share) * above)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.05, 0.25, 0.5]))
def test_a_p_is_one_over_the_bet_and_at_most_one(treatment: int, control: int, share: float) -> None:
    people = treatment + control
    for test, bet in ((p_split, _split_bet), (p_excess, _excess_bet)):
        assert test(treatment, people, share=share) == pytest.approx(
            min(1.0, 1 / max(bet(treatment, people, share), 1e-300)), rel=1e-6
        )


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_looking_after_every_person_seldom_calls_an_honest_coin_unfair(share: float) -> None:
    chance, runs, people, found = np.random.default_rng(5), 250, 300, {p_split: 0, p_excess: 0}
    for heads in np.cumsum(chance.random((runs, people)) < share, axis=1).tolist():
        for test in found:
            found[test] += any(test(head, at, share=share) <= 0.1 for at, head in enumerate(heads, start=1))
    assert max(found.values()) / runs <= 0.1 + 2 * math.sqrt(0.09 / runs)


# --- estimates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "variance", "scale"), list(product([-0.05, 0.0, 0.03, 0.1], [1e-4, 1e-3], [0.02, 0.1]))
)
def test_the_bet_above_zero_is_the_normal_likelihood_ratio_mixed_over_a_half_normal(
    value: float, variance: float, scale: float
) -> None:
    mixed, _ = integrate.quad(
        lambda truth: 2 * stats.norm.pdf(truth, scale=scale) * math.exp((truth * value - truth * truth / 2) / variance),
        0,
        12 * scale,
        limit=400,
    )
    assert p_above(Estimate(value, variance), scale=scale) == pytest.approx(min(1.0, 1 / mixed), rel=1e-6)


@pytest.mark.parametrize(("information", "significance"), list(product([1.0, 40.0, 1e4], [0.01, 0.05, 0.2])))
def test_the_interval_is_robbins_boundary_in_the_form_of_howard_et_al(information: float, significance: float) -> None:
    # Equation 14 (two-sided normal mixture): sqrt((v + rho) log((v + rho) / (significance^2 rho))) with v the
    # information, rho = 1 / scale^2 and the sum S = information * estimate.
    scale = 0.7
    rho = 1 / scale**2
    boundary = math.sqrt((information + rho) * math.log((information + rho) / (significance**2 * rho)))
    width = half_width(1 / information, scale=scale, significance=significance)
    assert width == pytest.approx(boundary / information)


@pytest.mark.parametrize(("information", "significance"), list(product([1.0, 40.0, 1e4], [0.01, 0.05])))
def test_the_one_sided_boundary_lies_just_below_the_closed_bound_of_howard_et_al(
    information: float, significance: float
) -> None:
    # Their closed upper bound of the one-sided normal mixture:
    # sqrt(2 (v + rho) log(1 / (2 significance) * sqrt((v + rho) / rho) + 1)).
    scale = 0.7
    rho = 1 / scale**2
    closed = math.sqrt(
        2 * (information + rho) * math.log(math.sqrt((information + rho) / rho) / (2 * significance) + 1)
    )
    exact = information * brentq(
        lambda value: math.log(p_above(Estimate(value, 1 / information), scale=scale)) - math.log(significance),
        0.5 * closed / information,
        1.5 * closed / information,
    )
    assert 0.96 * closed <= exact <= closed


def test_looking_after_every_observation_seldom_shows_a_rise_that_is_not_there_and_the_interval_holds() -> None:
    chance, runs, length = np.random.default_rng(7), 250, 600
    rises, misses = 0, 0
    for path in np.cumsum(chance.standard_normal((runs, length)), axis=1).tolist():
        estimates = [Estimate(total / at, 1 / at) for at, total in enumerate(path, start=1)]
        rises += any(p_above(estimate, scale=0.3) <= 0.1 for estimate in estimates)
        misses += any(
            abs(estimate.value) > half_width(estimate.variance, scale=0.3, significance=0.1) for estimate in estimates
        )
    assert max(rises, misses) / runs <= 0.1 + 2 * math.sqrt(0.09 / runs)
    assert min(rises, misses) > 0  # nor so careful that nothing is ever found


def test_a_true_rise_is_shown_sooner_than_by_the_two_sided_test() -> None:
    estimate = Estimate(0.1, 0.1**2 / 9)
    assert p_above(estimate, scale=0.1) <= 0.055
    assert half_width(estimate.variance, scale=0.1, significance=0.055) > estimate.value


# --- rates ------------------------------------------------------------------------------------------------------------


def test_the_contrast_is_the_difference_of_the_rates_of_questions() -> None:
    treatment, control = outcomes([1, 3, 4], [1, 2, 1]), outcomes([2, 2, 6], [0, 1, 1])
    assert contrast(treatment, control).value == pytest.approx(4 / 8 - 2 / 10)
    assert contrast(treatment, control, times=1.5).value == pytest.approx(4 / 8 - 1.5 * 2 / 10)


def test_with_one_question_each_the_variance_is_that_of_two_proportions() -> None:
    treatment, control = outcomes([1] * 40, [1] * 20 + [0] * 20), outcomes([1] * 40, [1] * 20 + [0] * 20)
    assert contrast(treatment, control).variance == pytest.approx(2 * 0.25 / 39)


def test_the_variance_agrees_with_drawing_people_again() -> None:
    chance = np.random.default_rng(3)
    asked = chance.geometric(0.2, 400)
    bad = chance.binomial(asked, chance.beta(1, 4, 400))
    left, right = (outcomes(asked[half].tolist(), bad[half].tolist()) for half in (slice(0, 200), slice(200, 400)))
    drawn = []
    for _ in range(4000):
        first, second = chance.integers(0, 200, 200), chance.integers(200, 400, 200)
        drawn.append(bad[first].sum() / asked[first].sum() - bad[second].sum() / asked[second].sum())
    assert contrast(left, right).variance == pytest.approx(float(np.var(drawn)), rel=0.15)


def test_people_who_ask_often_and_alike_make_the_variance_larger_than_so_many_people_would() -> None:
    many, few = outcomes([1] * 400, [1, 0] * 200), outcomes([10] * 40, [10, 0] * 20)
    assert contrast(few, few).variance > 9 * contrast(many, many).variance


def test_a_small_arm_without_a_bad_outcome_has_no_smaller_error_than_the_common_rate_gives_it() -> None:
    small, large = outcomes([1] * 50, [0] * 50), outcomes([1] * 1000, [1, 0, 0, 0, 0] * 200)
    common = 200.5 / 1051
    assert contrast(small, large).variance >= common * (1 - common) / 50
    assert contrast(outcomes([1] * 50, [0] * 50), outcomes([1] * 50, [0] * 50)).variance > 0
