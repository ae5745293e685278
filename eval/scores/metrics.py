"""Ranking metrics of one question, from which of its ranked results are relevant. All lie in 0..1; higher is better."""

from collections.abc import Sequence
from math import log2

DEPTH = 10


def hit_at_1(relevant: Sequence[bool]) -> float:
    """1 when the first result is relevant, else 0 (success at 1)."""
    return float(bool(relevant) and relevant[0])


def hit_at_k(relevant: Sequence[bool], k: int) -> float:
    """1 when one of the first `k` results is relevant, else 0 (success at k)."""
    return float(any(relevant[: _depth(k)]))


def reciprocal_rank(relevant: Sequence[bool]) -> float:
    """1 / rank of the first relevant result among the first ten, 0 without one (Voorhees, TREC-8, 1999).

    Its mean over questions is MRR@10.
    """
    return next((1.0 / rank for rank, hit in enumerate(relevant[:DEPTH], start=1) if hit), 0.0)


def ndcg_at_10(relevant: Sequence[bool], total: int) -> float:
    """Normalised discounted cumulated gain at ten, binary gains and log2 discount (Järvelin and Kekäläinen, TOIS 2002).

    `total` is how many relevant results there are, found or not, at least 1.
    """
    gain = sum(1.0 / log2(rank + 1) for rank, hit in enumerate(relevant[:DEPTH], start=1) if hit)
    ideal = sum(1.0 / log2(rank + 1) for rank in range(1, min(_checked(relevant, total), DEPTH) + 1))
    return gain / ideal


def recall_at_k(relevant: Sequence[bool], total: int, k: int) -> float:
    """The share of the `total` relevant results that is among the first `k` (Manning et al., 2008, chapter 8)."""
    return sum(relevant[: _depth(k)]) / _checked(relevant, total)


def precision_at_k(relevant: Sequence[bool], k: int) -> float:
    """The share of the first `k` places that holds a relevant result (Manning et al., 2008, chapter 8).

    A place that was left empty holds none, so a short ranking is not rewarded.
    """
    return sum(relevant[: _depth(k)]) / k


def _depth(k: int) -> int:
    if k < 1:
        raise ValueError(f"results are counted to a depth of at least 1, got {k}")
    return k


def _checked(relevant: Sequence[bool], total: int) -> int:
    if total < max(1, sum(relevant)):
        raise ValueError(f"there are at least {max(1, sum(relevant))} relevant results, got a total of {total}")
    return total
