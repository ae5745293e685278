"""An interval of a mean that is right in the tails, where few values changed and percentiles are too sure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Numbers = NDArray[np.float64]

_ROUNDING = 1e-9
_DOUBLINGS = 40  # of a tilt of one spread: further out all of the weight is on one value
_CLOSE = 1e-6  # of an end, in spreads of the total


def tilted(totals: Numbers, drawn: Numbers, sizes: Sequence[int], *, confidence: float) -> tuple[float, float]:
    """(low, high) of the mean: the bootstrap tilting interval (Efron, 1981; Hesterberg, 1999).

    `totals`: (clusters, 2) the sum of a cluster's values and their number, kind by kind. `sizes`: how many clusters
    there are of each kind. `drawn`: (resamples, 2) the same of all clusters together, drawn again with replacement from
    each kind.

    An end is the mean of the version of these clusters, weighed by exp(t u) where u is what a cluster's sum has beyond
    the mean, under which a mean as far off as the one seen has a probability of (1 - confidence) / 2; one that is just
    as far counts half (mid-p; Lancaster, 1961). Of values that are 0 or 1 it is the mid-p interval of Clopper and
    Pearson (1934). The probability comes from the resamples at hand, each weighed by how much likelier it is under
    those weights, so that it is as exact at 99.5% as at 95%.

    No end lies beyond what was seen: where no value fell, the lower one is not below 0.
    """
    mean = float(totals[:, 0].sum() / totals[:, 1].sum())
    beyond, drawn_beyond = (some[:, 0] - mean * some[:, 1] for some in (totals, drawn))
    near = _ROUNDING * float(np.abs(totals[:, 0]).sum())
    ends = []
    for sign in (1.0, -1.0):
        sample = _Sample(beyond=sign * beyond, drawn=sign * drawn_beyond, sizes=np.asarray(sizes), near=near)
        weights = sample.weights((1.0 - confidence) / 2.0)
        ends.append(float(weights @ totals[:, 0] / (weights @ totals[:, 1])))
    return ends[0], ends[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What clusters have beyond the mean, and what resamples of them had in all."""

    beyond: Numbers  # (clusters,) kind by kind; all together 0
    drawn: Numbers  # (resamples,)
    sizes: NDArray[np.int64]  # (kinds,)
    near: float  # what a total may differ by for want of digits: values that are all alike differ by that

    def weights(self, tail: float) -> Numbers:
        """(clusters,) How often each would have to be there for a total of 0 or more to have this probability."""
        kinds = np.split(self.beyond, np.cumsum(self.sizes)[:-1])
        spread = np.sqrt(sum(kind.size * kind.var() for kind in kinds))
        if spread <= self.near:
            return np.ones(len(self.beyond))
        as_far = self.drawn[self.drawn >= -self.near]
        counted = np.where(as_far > self.near, 1.0, 0.5) / len(self.drawn)

        def scaled(tilt: float) -> Numbers:
            """(kinds,) The logarithm of the mean weight."""
            return np.array([_log_sum(tilt * kind) - np.log(kind.size) for kind in kinds])

        def short(tilt: float) -> float:
            """The logarithm of the probability, less that of the tail."""
            return _log_sum(tilt * as_far, counted) - float(self.sizes @ scaled(tilt)) - log(tail)

        if not len(as_far) or short(0.0) <= 0.0:
            return np.ones(len(self.beyond))
        reach = -np.logspace(0, _DOUBLINGS, _DOUBLINGS + 1, base=2.0) / spread
        furthest = next((tilt for tilt in reach if short(tilt) <= 0.0), None)
        if furthest is None:  # the least that can be drawn is as far: no weights make it less likely
            return np.ones(len(self.beyond))
        tilt = brentq(short, furthest, 0.0, xtol=_CLOSE / spread)
        weights: Numbers = np.exp(tilt * self.beyond - np.repeat(scaled(tilt), self.sizes))
        return weights


def _log_sum(exponents: Numbers, counted: Numbers | float = 1.0) -> float:
    """The logarithm of the sum of exponentials, each counted so often, with none too large to be written."""
    highest = exponents.max()
    return float(highest + np.log(np.sum(counted * np.exp(exponents - highest))))
