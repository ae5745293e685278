"""How a version weighs the channels: weights learned from questions whose answer is known, where they prove better."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from ingest.learning.pairs import Lesson
from rag_flywheel.domain import Passage, untuned
from rag_flywheel.search.fusion import FEATURES, KNOWN, RERANK, TOKENS, features, fuse

FOLDS = 5
PENALTY = 1.0  # of the squared distance to the untuned weights, in units of one question's loss
NEVER_AGAINST = (KNOWN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question's candidates as features, with which of them answer it."""

    cluster: str
    weight: float  # how much the question counts
    values: NDArray[np.float64]  # (candidates, len(FEATURES))
    relevant: NDArray[np.bool_]  # (candidates,)


def examples(lessons: Iterable[Lesson], rank: Callable[[str], Sequence[Passage]]) -> list[Example]:
    """The questions that have passages with and without the answer: the others teach an order nothing."""
    made = []
    for lesson in lessons:
        passages = [passage for passage in rank(lesson.question) if not passage.chunk.by_question]
        relevant = np.array([any(map(lesson.answered_by, passage.chunks)) for passage in passages])
        if relevant.any() and not relevant.all():
            values = features([passage.scores for passage in passages])
            made.append(Example(cluster=lesson.cluster, weight=lesson.weight, values=values, relevant=relevant))
    return made


def learn(
    known: Sequence[Example], *, without: Sequence[str], baseline: Mapping[str, float], errors: float
) -> tuple[dict[str, float], str]:
    """Weights of the features where they beat `baseline` on folds not learned from, else none; and why.

    With the reranker they must beat weights learned without it too: else its features would be praised for the others'.
    The known questions of other answers have a weight only where they help on those folds. "Beat": the mean gain in
    reciprocal rank over the questions exceeds `errors` standard errors.
    """
    used = [at for at, name in enumerate(FEATURES) if name not in without]
    clusters = [example.cluster for example in known]
    if len(set(clusters)) < FOLDS:
        return {}, f"only {len(set(clusters))} questions whose answer was found, {FOLDS} needed"
    before = np.array([_reciprocal_rank(example, baseline) for example in known])
    if RERANK not in without:
        rival = _cross_validated(known, [at for at in used if FEATURES[at] != RERANK])
        before = max(before, rival, key=np.mean)
    plain = [at for at in used if FEATURES[at] != KNOWN]
    tried = {tuple(columns): _cross_validated(known, columns) for columns in (plain, used)}
    best = max(tried, key=lambda columns: float(tried[columns].mean()))
    used, after = list(best), tried[best]
    gain = after - before
    error = float(gain.std(ddof=1) / math.sqrt(len(gain)))
    note = (
        f"reciprocal rank on {len(known)} held-out questions {before.mean():.3f} before, {after.mean():.3f} after "
        f"(standard error of the difference {error:.3f})"
    )
    return (fit(known, used), note) if gain.mean() > errors * error else ({}, f"untuned is as good: {note}")


def fit(known: Sequence[Example], used: Sequence[int]) -> dict[str, float]:
    """The weights of the features in the columns `used` under which the answering passages are likeliest to be first.

    A conditional logit (McFadden, 1974), which is ListNet's top-one loss (Cao et al., ICML 2007) of a linear ranker.
    Each feature is measured in its standard deviations within a question, and a ridge penalty draws the weights to
    those of the untuned ranking: with few questions the order changes little.

    The known questions of other answers never count against a passage: what is learned from them is used with the
    query's own known question among them, which speaks for the passage.
    """
    from scipy.optimize import minimize  # half a second's work, for which a night without changes has no use

    columns = list(used)
    counts = [example.weight for example in known]
    deviations = np.average([example.values[:, columns].std(axis=0) for example in known], axis=0, weights=counts)
    scale = np.where(deviations > 0.0, deviations, 1.0)
    values = [example.values[:, columns] / scale for example in known]
    tokens = any(np.ptp(example.values[:, FEATURES.index(TOKENS)]) > 0.0 for example in known)
    before = np.array([untuned(tokens=tokens).get(FEATURES[at], 0.0) for at in columns]) * scale

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        away = weights - before
        total, slope = PENALTY * float(away @ away), 2.0 * PENALTY * away
        for example, candidates in zip(known, values, strict=True):
            scores = candidates @ weights
            right = scores[example.relevant]
            total += example.weight * float(logsumexp(scores) - logsumexp(right))
            slope += example.weight * (softmax(scores) @ candidates - softmax(right) @ candidates[example.relevant])
        return total, slope

    bounds = [(0.0 if FEATURES[at] in NEVER_AGAINST else None, None) for at in columns]
    found = minimize(loss, before, jac=True, method="L-BFGS-B", bounds=bounds).x / scale
    return {FEATURES[at]: float(weight) for at, weight in zip(columns, found, strict=True)}


def _cross_validated(known: Sequence[Example], used: Sequence[int]) -> NDArray[np.float64]:
    """The reciprocal rank of each question by weights learned from the other folds; no cluster is in two."""
    from sklearn.model_selection import GroupKFold  # brings pandas: two seconds' work

    ranks = np.zeros(len(known))
    for train, test in GroupKFold(FOLDS).split(known, groups=[example.cluster for example in known]):
        weights = fit([known[at] for at in train], used)
        for at in test:
            ranks[at] = _reciprocal_rank(known[at], weights)
    return ranks


def _reciprocal_rank(example: Example, fusion: Mapping[str, float]) -> float:
    order = np.argsort(-fuse(example.values, fusion), kind="stable")
    return 1.0 / (1.0 + float(np.argmax(example.relevant[order])))
