"""Tests that may be looked at after every observation, and still keep their promise. Pure.

A fixed test that is looked at again and again calls chance a finding sooner or later. These do not: each is a bet
against the hypothesis "no harm", which on average does not grow as long as that is true (a supermartingale that begins
at 1). By Ville's inequality (1939) it ever reaches 1/a with probability a at most, whenever anybody looks and whenever
they stop. One over the bet, 1 at most, is the **always-valid p** (Johari, Koomen, Pekelis and Walsh, "Always valid
inference", Operations Research 2022, arXiv:1512.04922).

- Exact: `p_split`, `p_excess`. They count people, each of whom is in the treatment by a coin of known probability.
- Asymptotic: `p_above`, `half_width`. They take an estimate for normal, with the increments of a mean of independent
  values. That holds better and better with the number of people (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
  "Time-uniform central limit theory and asymptotic confidence sequences", arXiv:2103.06476). It is no theorem for few
  people, nor for people who come back and are alike each time: `benchmarks/canary_power.py` measures both.
"""

import math
from dataclasses import dataclass

from scipy.special import betaincc, betaln, log_ndtr

from rag_flywheel.domain import Outcomes

SPLIT_PRIOR = 100.0
"""Weight, in people, of the prior of `p_split`: with a split in halves, shares of 0.4 to 0.6 are looked for most."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that was measured, and the variance of its error, above 0."""

    value: float
    variance: float


# --- exact: people counted by arm -------------------------------------------------------------------------------------


def p_split(treatment: int, people: int, *, share: float) -> float:
    """Always-valid p of "each person is in the treatment with probability `share`", exact.

    `treatment` of `people` are in it. The bet is the ratio of the beta-binomial likelihood to the binomial one: Lindon
    and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022, arXiv:2011.03567), for two arms. The
    prior Beta(SPLIT_PRIOR * share, SPLIT_PRIOR * (1 - share)) has its mean at `share`.
    """
    first, second = SPLIT_PRIOR * share, SPLIT_PRIOR * (1.0 - share)
    return _p(_mixed(treatment, people, first, second) - _binomial(treatment, people, share))


def p_excess(treatment: int, people: int, *, share: float) -> float:
    """Always-valid p of "of the people that met some harm, `share` at most are in the treatment", exact.

    Where both arms are alike, each person who met it is in the treatment with probability `share`, so that how often
    it happens, which differs from day to day, need not be known. The bet is uniform over all larger probabilities:
    the one-sided test of Kulldorff et al., "A maximized sequential probability ratio test" (Sequential Analysis 2011),
    with a mixture in place of the maximum, so that the bet is fair for every probability up to `share`.
    """
    above = betaincc(1.0 + treatment, 1.0 + people - treatment, share)
    if above <= 0.0:  # so far below the share that it cannot be told from 0
        return 1.0
    truncated = math.log(above) - math.log1p(-share)
    return _p(_mixed(treatment, people, 1.0, 1.0) + truncated - _binomial(treatment, people, share))


def _mixed(treatment: int, people: int, first: float, second: float) -> float:
    return float(betaln(first + treatment, second + people - treatment) - betaln(first, second))


def _binomial(treatment: int, people: int, share: float) -> float:
    return treatment * math.log(share) + (people - treatment) * math.log1p(-share)


# --- asymptotic: estimates --------------------------------------------------------------------------------------------


def p_above(estimate: Estimate, *, scale: float) -> float:
    """Always-valid p of "the truth is 0 or less": small where it is shown to be above 0. Asymptotic.

    The bet is the likelihood ratio mixed over a half-normal distribution of truths above 0 of size `scale`, which must
    not be chosen by the same data: with v the variance, t the scale and u = estimate * t / sqrt(v * (v + t^2)) it is
    2 * sqrt(v / (v + t^2)) * exp(u^2 / 2) * Phi(u). This is the one-sided normal mixture of Howard, Ramdas, McAuliffe
    and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences" (Annals of Statistics 2021,
    arXiv:1810.08240, section 3.2), after Robbins (1970). It is a supermartingale for every truth of 0 or less.
    """
    spread = estimate.variance + scale * scale
    u = estimate.value * scale / math.sqrt(estimate.variance * spread)
    return _p(math.log(2.0) + 0.5 * math.log(estimate.variance / spread) + 0.5 * u * u + float(log_ndtr(u)))


def half_width(variance: float, *, scale: float, significance: float) -> float:
    """Half the width of an interval around an estimate that holds the truth at all times at once. Asymptotic.

    It fails with probability `significance` at most: the two-sided normal mixture of Robbins, "Statistical methods
    related to the law of the iterated logarithm" (1970), equation 14 of Howard et al. (2021), which mSPRT inverts.
    """
    spread = variance + scale * scale
    return math.sqrt(variance * spread) / scale * math.sqrt(math.log(spread / variance) - 2.0 * math.log(significance))


def _p(log_bet: float) -> float:
    return math.exp(-log_bet) if log_bet > 0.0 else 1.0


# --- rates of bad outcomes, by arm ------------------------------------------------------------------------------------


def contrast(treatment: Outcomes, control: Outcomes, *, times: float = 1.0) -> Estimate:
    """The treatment's rate of bad outcomes less `times` the control's. Both arms need two people.

    People are drawn, not questions, so the variance of each rate, a ratio of sums, comes from the people's residuals by
    the delta method, with the factor people / (people - 1) (Deng, Knoblich and Lu, "Applying the delta method in metric
    analytics", KDD 2018, arXiv:1803.06336). It is never taken for less than what the dispersion of both arms together
    makes of the arm's number of questions, nor less than for independent questions of the common rate: a small arm that
    had no bad outcome yet would have no variance at all, and everything would be shown.
    """
    asked = treatment.asked + control.asked
    rate = (treatment.bad + control.bad + 0.5) / (asked + 1.0)
    squares = [_squares(outcomes) for outcomes in (treatment, control)]
    least = max(sum(squares) / asked, rate * (1.0 - rate))
    of_treatment, of_control = (
        max(square / outcomes.asked, least) / outcomes.asked
        for square, outcomes in zip(squares, (treatment, control), strict=True)
    )
    value = treatment.bad / treatment.asked - times * control.bad / control.asked
    return Estimate(value, of_treatment + times * times * of_control)


def design(outcomes: Outcomes) -> float:
    """The design effect, 1 or more: how many times larger the variance of the rate of bad outcomes is than that of as
    many independent questions, because people ask several (Kish, "Survey Sampling", 1965).
    """
    if outcomes.people < 2 or not 0 < outcomes.bad < outcomes.asked:
        return 1.0
    rate = outcomes.bad / outcomes.asked
    return max(1.0, _squares(outcomes) / (outcomes.asked * rate * (1.0 - rate)))


def _squares(outcomes: Outcomes) -> float:
    """Sum over people of (bad - rate * asked)^2, for the small sample made a little larger."""
    rate = outcomes.bad / outcomes.asked
    residual = outcomes.bad_squared - 2.0 * rate * outcomes.asked_bad + rate * rate * outcomes.asked_squared
    return max(residual, 0.0) * outcomes.people / (outcomes.people - 1)
