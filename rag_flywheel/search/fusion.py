"""The order of the source passages: features of each, and their weighted sum.

Until a version has learned better weights, by `ingest.learning.fusion`, they are `domain.untuned`. Versions of older
releases that had learned none are ranked by reciprocal rank fusion (Cormack et al., SIGIR 2009).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from rag_flywheel.domain import Scores

RRF_K = 60  # the constant of the paper
RRF = "reciprocal_rank_fusion"
DENSE = "dense_margin"
SPARSE = "sparse_share"
SENTENCE = "sentence_margin"
TOKENS = "token_margin"
KNOWN = "known_question"
RERANK = "rerank"
FEATURES = (RRF, DENSE, SPARSE, SENTENCE, TOKENS, KNOWN, RERANK)


def fuse(values: NDArray[np.float64], fusion: Mapping[str, float]) -> NDArray[np.float64]:
    """Features (n, len(FEATURES)) to scores (n,) in 0..1: RRF without weights, else the softmax of the weighted sum.

    That is what the weights are learned for, by `ingest.learning.fusion`: how likely each passage is to
    be the answering one.
    """
    if not fusion or not len(values):
        return values[:, FEATURES.index(RRF)]
    weights = np.array([fusion.get(name, 0.0) for name in FEATURES])
    fused: NDArray[np.float64] = softmax(values @ weights)
    return fused


def features(found: Sequence[Scores]) -> NDArray[np.float64]:
    """What fusion weighs, for the passages of one query: (n, len(FEATURES)), each about 0..1.

    RRF over its greatest possible value; one less the distance to the query's best dense cosine; the share of its best
    BM25 score; one less the distance to the best cosine of a sentence, and to the best mean over the query's tokens;
    the squared cosine of the nearest known question, as a far one says nothing, 0 where there is none; the reranker's
    probability. An absent score of dense, tokens or reranker counts as the lowest seen, an absent BM25 score as 0, and
    an absent sentence as the passage.
    """
    if not found:
        return np.zeros((0, len(FEATURES)))
    dense = _filled([scores.dense for scores in found])
    sparse = np.array([scores.sparse or 0.0 for scores in found])
    nearest = [
        whole if scores.sentence is None else scores.sentence for scores, whole in zip(found, dense, strict=True)
    ]
    sentence = np.array(nearest)
    tokens = _filled([scores.tokens for scores in found])
    rerank = _filled([scores.rerank for scores in found])
    fused = _reciprocal([scores.dense for scores in found]) + _reciprocal([scores.sparse for scores in found])
    return np.stack(
        [
            fused * (RRF_K + 1) / 2,
            1.0 + dense - dense.max(),
            sparse / max(float(sparse.max()), 1e-9),
            1.0 + sentence - sentence.max(),
            1.0 + tokens - tokens.max(),
            np.array([max(scores.known or 0.0, 0.0) ** 2 for scores in found]),
            1.0 / (1.0 + np.exp(-rerank)),
        ],
        axis=1,
    )


def _reciprocal(scores: Sequence[float | None]) -> NDArray[np.float64]:
    """1 / (k + rank) for each, 0 where the channel did not return it."""
    present = [at for at, score in enumerate(scores) if score is not None]
    order = sorted(present, key=lambda at: -(scores[at] or 0.0))
    values = np.zeros(len(scores))
    for rank, at in enumerate(order, start=1):
        values[at] = 1.0 / (RRF_K + rank)
    return values


def _filled(scores: Sequence[float | None]) -> NDArray[np.float64]:
    lowest = min((score for score in scores if score is not None), default=0.0)
    return np.array([lowest if score is None else score for score in scores], dtype=np.float64)
