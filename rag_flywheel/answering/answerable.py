"""Whether what was found for a question holds an answer, as far as that shows without reading. Pure.

A logistic regression over a few features that mean much the same in every corpus, as most compare within one search:
how far the best passage stands out from the others, rather than how near it is. Its weights come with the project:
`benchmarks/answerable.py` fits them for the bundled encoder.
"""

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.domain import Confidence, Passage, Searched

FEATURES = (
    "best_sentence",
    "margin",
    "standing",
    "words_held",
    "words_margin",
    "agreement",
    "length",
)
SHIPPED = "answerable.json"
COMPARED = 10  # passages that a feature needs to compare with: of fewer it counts as usual

OTHERS = 10  # answered questions of a corpus that count as much as those of others
_LOW = (0.05, 0.1)  # shares whose levels tell how a corpus differs: those that refusals go by

_WORD = re.compile(r"\w+")
_FUNCTION = frozenset(
    _WORD.findall(
        "a about after all also am an and any are as at be because been before being between but by can could did do "
        "does doing don done during else even for from get give go got had has have having he her here him his how i "
        "if in into is it its just know let like make many may me mean might more most much must my need no not now of "
        "off often on only or other our out over per please really same shall she should since so some still such tell "
        "than thank thanks that the their them then there these they think this those to too under until up us use "
        "used very want was we were what when where which while who whom whose why will with would yes yet you your"
    )
)
"""English words that say little about the matter. Those of other languages count little too, as they are not rare."""
_ENDING = re.compile(r"(?:ings?|edly|ed|ies|es|s|ly|y|e)$")
_STEM_AT_LEAST = 3  # letters that an ending leaves
_STEM_AT_MOST = 8  # letters by which forms of a word are one
_READ = 20  # passages whose words tell which words are rare
_ASKED_AT_MOST = 2000  # characters of a question that are looked at
_PASSAGE_AT_MOST = 10_000  # characters of a passage that are


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What was learned. `levels`: below which log-odds which share of the answerable questions lies, by the share."""

    centre: tuple[float, ...]  # of each feature
    spread: tuple[float, ...]
    weight: tuple[float, ...]
    bias: float
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
        levels={float(share): at for share, at in told["levels"].items()},
        conversation=told["conversation"],
    )


def log_odds(values: NDArray[np.float64], weights: Weights) -> float:
    """Of the features that the answer is there. A feature that is not a number counts as usual."""
    scaled = (values - np.array(weights.centre)) / np.array(weights.spread)
    return float(np.nan_to_num(scaled, nan=0.0) @ np.array(weights.weight)) + weights.bias


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


def features(question: str, ranking: Sequence[Passage], *, shown: int, best: float) -> NDArray[np.float64]:
    """(len(FEATURES),): NaN where there is too little to compare. `best` is the best sentence's cosine.

    In this order: how far the best cosine is above the least, and in deviations above the usual one; the share of the
    question's words that the best passage holds, each by how rare it is among the passages; the best BM25 score by the
    usual one, and the first passage's by the best; the logarithm of the number of the question's words.
    """
    dense = np.sort([passage.scores.dense for passage in ranking if passage.scores.dense is not None])[::-1]
    sparse = np.sort([passage.scores.sparse or 0.0 for passage in ranking])[::-1]
    asked = set(_terms(question[:_ASKED_AT_MOST]))
    begin = {term[:_STEM_AT_LEAST] for term in asked}
    held = [set(_terms(_text(passage), begin)) for passage in ranking[: max(_READ, shown)]]
    rarity = {term: log(1 + len(held) / (0.5 + sum(term in own for own in held))) for term in asked}
    enough = len(dense) >= COMPARED
    matched = len(sparse) >= COMPARED and sparse[0] > 0
    return np.array(
        [
            best,
            dense[0] - dense[-1] if enough else np.nan,
            (dense[0] - dense[5:].mean()) / (dense[5:].std() + 0.02) if enough else np.nan,
            max((_share_held(rarity, own) for own in held[:shown]), default=0.0),
            sparse[0] / sparse[:COMPARED].mean() if matched else np.nan,
            (ranking[0].scores.sparse or 0.0) / sparse[0] if matched else np.nan,
            log(1 + len(asked)),
        ]
    )


def _share_held(rarity: Mapping[str, float], own: Container[str]) -> float:
    return sum(rare for term, rare in rarity.items() if term in own) / sum(rarity.values()) if rarity else 0.0


def _terms(text: str, begin: Container[str] | None = None) -> Iterator[str]:
    """The stems of a text's words that say something; those that `begin` like this alone, as the others cost time."""
    for word in _WORD.findall(text.casefold()):
        if (begin is None or word[:_STEM_AT_LEAST] in begin) and len(word) > 1 and word not in _FUNCTION:
            yield _stem(word)


def _stem(word: str) -> str:
    stem = _ENDING.sub("", word)
    return (stem if len(stem) >= _STEM_AT_LEAST else word)[:_STEM_AT_MOST]


def _text(passage: Passage) -> str:
    chunk = passage.chunk
    return " ".join([chunk.title, *chunk.headings, chunk.text])[:_PASSAGE_AT_MOST]
