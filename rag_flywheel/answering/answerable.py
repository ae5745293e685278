"""Whether what was found for a question holds an answer, as far as that shows without reading. Pure.

A logistic regression over a few features that mean much the same in every corpus, as most compare within one search:
how far the best passage stands out from the others, rather than how near it is. Its weights come with the project:
`benchmarks/answerable.py` fits them for the bundled encoder.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.domain import Confidence, Passage, Searched

ALONE = ("best_sentence", "best_tokens")  # features that need no other passage
FEATURES = (*ALONE, "standing", "token_lead")
SHIPPED = "answerable.json"
COMPARED = 10  # passages that the other features need to compare with

OTHERS = 10  # answered questions of a corpus that count as much as those of others
_LOW = (0.05, 0.1)  # shares whose levels tell how a corpus differs: those that refusals go by


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What was learned. `levels`: below which log-odds which share of the answerable questions lies, by the share."""

    centre: tuple[float, ...]  # of each feature
    spread: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float
    few: tuple[float, ...]  # weights where nothing can be compared
    few_bias: float
    levels: Mapping[float, float]
    conversation: float  # by how much log-odds of questions inside a conversation lie above these, as they are looser


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """From where to answer: `refused` and `doubted` are shares of the answerable questions, 0..1."""

    weights: Weights
    refused: float  # that may be refused
    doubted: float  # that may get a doubtful answer or a refusal

    def __post_init__(self) -> None:
        if not 0 <= self.refused <= self.doubted < 1:
            raise ValueError(f"shares need 0 <= refused <= doubted < 1, got {self.refused} and {self.doubted}")


def confidence(odds: float, rule: Rule, searched: Searched) -> Confidence | None:
    """How surely the documents answer, from its log-odds; None: refuse."""
    odds -= searched.refusal + (rule.weights.conversation if searched.conversation else 0.0)
    if odds < level(rule.refused, rule.weights.levels):
        return None
    return Confidence.LOW if odds < level(rule.doubted, rule.weights.levels) else Confidence.HIGH


def shipped() -> Weights:
    """The weights that come with the project."""
    told = json.loads(Path(__file__).with_name(SHIPPED).read_text(encoding="utf-8"))
    features = [told["features"][name] for name in FEATURES]
    return Weights(
        centre=tuple(feature["centre"] for feature in features),
        spread=tuple(feature["spread"] for feature in features),
        weight=tuple(feature["weight"] for feature in features),
        bias=told["bias"],
        few=tuple(feature["few"] for feature in features),
        few_bias=told["few_bias"],
        levels={float(share): at for share, at in told["levels"].items()},
        conversation=told["conversation"],
    )


def log_odds(values: NDArray[np.float64], weights: Weights) -> float:
    """Of the features that the answer is there. A feature that is not a number counts as usual.

    Where none compares the best passage with others, as in a corpus of a few pages, the others have weights of their
    own: how near the best passage is decides there.
    """
    scaled = np.nan_to_num((values - np.array(weights.centre)) / np.array(weights.spread), nan=0.0)
    if np.isnan(values[len(ALONE) :]).all():
        return float(scaled @ np.array(weights.few)) + weights.few_bias
    return float(scaled @ np.array(weights.weight)) + weights.bias


def level(share: float, levels: Mapping[float, float]) -> float:
    """The log-odds below which that share of the answerable questions lies, as it did where the weights were tested."""
    shares = sorted(levels)
    return float(np.interp(share, shares, [levels[known] for known in shares]))


def shift(answered: Sequence[float], levels: Mapping[float, float], *, others: int = OTHERS) -> float:
    """By how much low log-odds of questions that are known to be answered lie above the levels.

    It is drawn to 0 as by so many others that lie where the levels say.
    """
    if not answered:
        return 0.0
    apart = [float(np.quantile(answered, share)) - level(share, levels) for share in _LOW]
    return len(answered) / (len(answered) + others) * sum(apart) / len(apart)


def features(ranking: Sequence[Passage], *, shown: int) -> NDArray[np.float64]:
    """(len(FEATURES),): NaN where there is too little to compare.

    In this order: the best cosine of a sentence of the `shown` passages, where a passage that has none counts as one;
    how near the passage is that is nearest token by token; how far the best cosine of a passage is above the usual one,
    in deviations; and how far the nearest token by token is above the nearest ten. None depends on how many passages
    the corpus has, as a distance to the last one found does: in a large manual of one topic that one is near too. None
    counts words, as people seldom ask in those of a manual.
    """
    scores = [passage.scores for passage in ranking]
    sentences = [of.dense if of.sentence is None else of.sentence for of in scores[:shown]]
    dense = np.sort([of.dense for of in scores if of.dense is not None])[::-1]
    tokens = np.sort([of.tokens for of in scores if of.tokens is not None])[::-1]
    return np.array(
        [
            max((cosine for cosine in sentences if cosine is not None), default=np.nan),
            tokens[0] if len(tokens) else np.nan,
            (dense[0] - dense[5:].mean()) / (dense[5:].std() + 0.02) if len(dense) >= COMPARED else np.nan,
            tokens[0] - tokens[:COMPARED].mean() if len(tokens) >= COMPARED else np.nan,
        ]
    )
