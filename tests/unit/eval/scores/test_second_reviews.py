"""Cohen's kappa of two reviewers, and its interval."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from eval.scores.second_reviews import agreement, kappa
from rag_flywheel.domain.reviewing import COMPARED

A, R, _ = COMPARED


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        pairs = [(COMPARED[first], COMPARED[second]) for first, second in rng.integers(0, 3, (30, 2))]
        found = agreement(pairs)
        assert found is not None
        expected = cohen_kappa_score(*zip(*pairs, strict=True), labels=[*COMPARED])
        assert found.kappa == pytest.approx(expected)
        assert found.share == sum(first is second for first, second in pairs) / 30
        assert found.kappa_interval[0] < expected < found.kappa_interval[1]


def test_where_both_always_said_one_thing_kappa_is_not_known_and_the_share_is() -> None:
    found = agreement([(A, A)] * 8)
    assert found is not None
    assert (found.kappa, found.share, found.pairs, found.agreed) == (None, 1.0, 8, 8)
    assert found.share_interval == pytest.approx((0.676, 1.0), abs=0.001)  # Wilson's of 8 of 8
    assert found.kappa_interval[0] < 0.2


def test_few_pairs_that_all_agree_prove_little() -> None:
    few, many = agreement([(A, A), (R, R)] * 3), agreement([(A, A), (R, R)] * 100)
    assert few is not None
    assert many is not None
    assert (few.kappa, many.kappa) == (1.0, 1.0)
    assert few.kappa_interval[0] < 0.75
    assert many.kappa_interval[0] > 0.95


def test_of_no_pairs_nothing_is_said() -> None:
    assert agreement([]) is None


@pytest.mark.parametrize(("true", "pairs"), [(0.4, 20), (0.95, 20), (0.95, 50)])
def test_the_interval_holds_the_true_kappa_in_nine_of_ten_samples(true: float, pairs: int) -> None:
    shares = np.array([0.9, 0.08, 0.02])
    cells = (true * np.diag(shares) + (1 - true) * np.outer(shares, shares)).ravel()
    assert kappa(cells.reshape(1, 3, 3)) == pytest.approx([true])
    rng, held = np.random.default_rng(3), 0
    for counts in rng.multinomial(pairs, cells, size=200):
        told = itertools.product(COMPARED, COMPARED)
        found = agreement([pair for pair, count in zip(told, counts, strict=True) for _ in range(count)])
        assert found is not None
        held += found.kappa_interval[0] <= true <= found.kappa_interval[1]
    assert held >= 180
