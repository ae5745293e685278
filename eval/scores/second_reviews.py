"""How far two reviewers agree who did not know of one another: Cohen's kappa (Cohen, 1960), with an interval."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from rag_flywheel.domain import Verdict
from rag_flywheel.domain.reviewing import COMPARED

Numbers = NDArray[np.float64]
DRAWS = 4_000
SEED = 20_261_130


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAgreement:
    """With 95% intervals. Kappa is 1 where they always agree and 0 where they agree as often as chance would have it;
    it is None where both said one and the same thing of all.
    """

    pairs: int
    agreed: int
    share: float
    share_interval: tuple[float, float]  # the score interval (Wilson, JASA 1927)
    kappa: float | None
    kappa_interval: tuple[float, float]


def agreement(pairs: Sequence[tuple[Verdict, Verdict]]) -> ReviewAgreement | None:
    """Of (first verdict, second verdict) pairs; None where there are none.

    Kappa's interval is that of the posterior of the shares of pairs, with one pair added in all, spread evenly (Perks'
    prior: Perks, 1947). Unlike the large-sample variance and the bootstrap it holds for few pairs and near 1, where
    those are a point.
    """
    if not pairs:
        return None
    counted = Counter(pairs)
    table = np.array([[float(counted[first, second]) for second in COMPARED] for first in COMPARED])
    agreed = int(np.trace(table))
    drawn = np.random.default_rng(SEED).dirichlet((table + 1 / table.size).ravel(), DRAWS).reshape(-1, *table.shape)
    [observed] = kappa(table[None])
    low, high = np.percentile(kappa(drawn), [2.5, 97.5])
    share = binomtest(agreed, len(pairs)).proportion_ci(method="wilson")
    return ReviewAgreement(
        pairs=len(pairs),
        agreed=agreed,
        share=agreed / len(pairs),
        share_interval=(float(share.low), float(share.high)),
        kappa=float(observed) if np.isfinite(observed) else None,
        kappa_interval=(float(low), float(high)),
    )


def kappa(tables: Numbers) -> Numbers:
    """(n,) of (n, verdicts, verdicts); not finite where chance alone agrees always."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    seen = np.trace(shares, axis1=1, axis2=2)
    chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    found = np.full(len(tables), np.nan)
    np.divide(seen - chance, 1 - chance, out=found, where=chance < 1)
    return found
