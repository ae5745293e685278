"""Bounds of a mean against what is known exactly: binomial counts, and versions that truly lose the margin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom

from eval.intervals import Numbers, tilted


def interval(values: list[float], *, confidence: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    """Of values that are clusters of their own, all of one kind."""
    return of_kinds([values], confidence=confidence, resamples=resamples)


def of_kinds(kinds: list[list[float]], *, confidence: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    totals = [np.column_stack([values, np.ones(len(values))]) for values in kinds]
    drawn: Numbers = sum(
        (
            rng.multinomial(len(some), np.full(len(some), 1.0 / len(some)), size=resamples).astype(np.float64) @ some
            for some in totals
        ),
        np.zeros((resamples, 2)),
    )
    return tilted(np.concatenate(totals), drawn, [len(some) for some in totals], confidence=confidence)


def changed(n: int, *, lost: int = 0, won: int = 0) -> list[float]:
    return [-1.0] * lost + [1.0] * won + [0.0] * (n - lost - won)


def mid_p(lost: int, n: int, tail: float) -> float:
    """The share of losses under which at most `lost` of n have so little probability, `lost` itself counted half."""

    def short(share: float) -> float:
        return float(binom.cdf(lost - 1, n, share) + 0.5 * binom.pmf(lost, n, share)) - tail

    return float(brentq(short, lost / n, 1.0))


@pytest.mark.parametrize("confidence", [0.95, 0.98, 0.995])
@pytest.mark.parametrize(("n", "lost"), [(20, 1), (100, 1), (200, 2), (200, 4), (500, 15), (50, 40)])
def test_losses_alone_are_bounded_as_by_the_exact_binomial(n: int, lost: int, confidence: float) -> None:
    low, _ = interval(changed(n, lost=lost), confidence=confidence)
    assert -low == pytest.approx(mid_p(lost, n, (1.0 - confidence) / 2.0), rel=0.04)


@pytest.mark.parametrize("attempt", [0.95, 0.995])
def test_a_version_that_truly_loses_the_margin_seldom_looks_as_if_it_did_not(attempt: float) -> None:
    """Of 300 questions 7% are lost and 2% won; with percentiles up to three times as many look so."""
    rng = np.random.default_rng(1)
    passed = 0
    for lost, won, _ in rng.multinomial(300, [0.07, 0.02, 0.91], size=400):
        low, _ = interval(changed(300, lost=lost, won=won), confidence=attempt, resamples=500)
        passed += low > -0.05
    nominal = (1.0 - attempt) / 2.0
    assert passed <= binom.ppf(0.999, 400, 1.1 * nominal)


def test_graded_values_are_covered_as_often_as_the_interval_says() -> None:
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(200):
        values = np.where(rng.random(100) < 0.9, 0.0, -rng.random(100))  # in expectation -0.05
        missed += not interval(list(values), resamples=500)[0] <= -0.05
    assert missed <= binom.ppf(0.999, 200, 0.03)


def test_a_mean_of_values_that_do_not_differ_has_no_width() -> None:
    assert interval([0.3] * 20) == pytest.approx((0.3, 0.3))
    assert of_kinds([[1.0] * 10, [0.0] * 10]) == pytest.approx((0.5, 0.5))


def test_values_that_differ_by_their_last_digit_alone_have_no_width() -> None:
    for base in (0.1, 0.7, 1 / 3):
        digit = float(np.spacing(base))
        alike = [base, base + digit, base - digit, base - digit, base + digit, base + digit, base, base + digit]
        low, high = of_kinds([alike, [base - digit, base - digit, base, base - digit]])
        assert high - low < 1e-9


SOME = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=4)


@given(st.lists(SOME, min_size=1, max_size=4))
@settings(deadline=None)
def test_a_few_values_of_several_kinds_always_have_an_interval_around_their_mean(kinds: list[list[float]]) -> None:
    low, high = of_kinds(kinds, resamples=200)
    mean = sum(map(sum, kinds)) / sum(map(len, kinds))
    assert low - 1e-9 <= mean <= high + 1e-9


def test_no_end_lies_beyond_what_was_seen() -> None:
    low, high = interval(changed(40, won=1), confidence=0.995)
    assert 0.0 <= low < 1 / 40 < high < 1.0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_a_higher_level_never_makes_the_interval_narrower(values: list[float]) -> None:
    (low, high), (lower, higher) = (interval(values, confidence=level, resamples=200) for level in (0.9, 0.99))
    assert lower <= low + 1e-6
    assert low <= np.mean(values) + 1e-6
    assert np.mean(values) <= high + 1e-6
    assert high <= higher + 1e-6
