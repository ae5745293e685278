"""Passages that say the same in nearly the same words: one of them is shown, the others are named with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache

import numpy as np
import regex
from numpy.typing import NDArray

from rag_flywheel.domain import Candidate, Chunk, ChunkId, Scores

_BITS = 1024
SHARED = 0.75  # share of their different words that texts must have in common to be compared word for word

# Words, numbers with their marks, and signs; marks that only divide words or set them in type say nothing.
_TOKEN = regex.compile(r"\d+(?:[.,:]\d+)*|\p{L}[\p{L}\p{M}]*(?:['’]\p{L}+)?|[^\s\p{L}\p{M}\d]|\n")
_DIVIDING = frozenset(".,;:!?…'\"’“”()[]{}*_`\n")
_BEGINNING = frozenset(".!?…:\n")  # after which a word has a capital though it is no name
_NEGATIONS = frozenset({"not", "no", "never", "none", "cannot", "without", "except", "unless", "only", "nor"})
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a text says, word by word."""

    tokens: tuple[str, ...]  # case-folded words and signs
    telling: tuple[bool, ...]  # of each, whether a text with it says something else than one without


def said(text: str) -> Said:
    tokens, telling, begins = [], [], True
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token not in _DIVIDING:
            folded = token.casefold()
            tokens.append(folded)
            ordinary = token.islower() or (begins and token.istitle())  # else a number, a sign, a name, or no such case
            telling.append(not ordinary or folded in _NEGATIONS or folded.endswith(("n't", "n’t")))
        begins = token in _BEGINNING or (begins and not token.isalnum())
    return Said(tokens=tuple(tokens), telling=tuple(telling))


def say_the_same(first: Said, other: Said, threshold: float) -> bool:
    """Whether two texts say the same: the Jaccard similarity of their word 3-grams is at least the threshold, and one
    has only words more that change nothing.

    No number, sign, negation or name stands in one of them alone, and no word in the place of another one, unless it is
    another form of it or both are articles: so "open" and "closed", -20 and 20, C++ and C# are kept apart.
    """
    if first.tokens == other.tokens:
        return True
    grams, others = _grams(first), _grams(other)
    if not grams or not others or len(grams & others) < threshold * len(grams | others):
        return False
    matcher = SequenceMatcher(a=first.tokens, b=other.tokens, autojunk=False)
    return all(
        kind == "equal" or _changes_nothing(first, slice(start, end), other, slice(other_start, other_end))
        for kind, start, end, other_start, other_end in matcher.get_opcodes()
    )


def joined(found: Sequence[Candidate], threshold: float) -> tuple[list[Candidate], dict[ChunkId, tuple[Chunk, ...]]]:
    """The candidates, the first of each group that says the same, with its best scores; and the others by its id.

    What is for others is never joined, so that nothing that names one of them names the other.
    """
    if not found:
        return [], {}
    words = [_words(candidate.chunk.own) for candidate in found]
    alike = _alike(words)
    groups: dict[int, list[Candidate]] = {}  # by the place of the first
    known: dict[int, Said] = {}

    def says(at: int) -> Said:
        if at not in known:
            known[at] = said(found[at].chunk.own)
        return known[at]

    for at, candidate in enumerate(found):
        for first in np.flatnonzero(alike[at, :at]).tolist():
            if first not in groups or found[first].chunk.groups != candidate.chunk.groups:
                continue
            if len(words[at].different & words[first].different) < SHARED * len(words[at].different):
                continue
            if say_the_same(says(first), says(at), threshold):
                groups[first].append(candidate)
                break
        else:
            groups[at] = [candidate]
    several = [group for group in groups.values() if len(group) > 1]
    also = {group[0].chunk.chunk_id: tuple(other.chunk for other in group[1:]) for group in several}
    best = (replace(group[0], scores=_best([other.scores for other in group])) for group in several)
    joint = {candidate.chunk.chunk_id: candidate for candidate in best}
    return [joint.get(group[0].chunk.chunk_id, group[0]) for group in groups.values()], also


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    different: frozenset[str]
    bits: bytes  # one for each word; several words may share one


@lru_cache(2_000)
def _words(text: str) -> _Words:
    different, bits = frozenset(text.split()), 0
    for word in different:
        bits |= 1 << (hash(word) & (_BITS - 1))
    return _Words(different=different, bits=bits.to_bytes(_BITS // 8, "little"))


def _alike(words: Sequence[_Words]) -> NDArray[np.bool_]:
    """Of each two whether they may share enough words. A bit that only one has is a word that only that one has."""
    sizes = np.array([len(of.different) for of in words])
    bits = np.frombuffer(b"".join(of.bits for of in words), dtype=np.uint64).reshape(len(words), -1)
    own = np.stack([np.bitwise_count(row & ~bits).sum(axis=1) for row in bits])
    least, most = SHARED * sizes[:, None], sizes[:, None] / SHARED
    enough: NDArray[np.bool_] = (own <= sizes[:, None] - least) & (least <= sizes) & (sizes <= most)
    return enough


def _grams(text: Said) -> set[tuple[str, str, str]]:
    return set(zip(text.tokens, text.tokens[1:], text.tokens[2:], strict=False))


def _changes_nothing(first: Said, part: slice, other: Said, other_part: slice) -> bool:
    """Whether the part of one text may stand for that of the other; one of them may be empty."""
    if any(first.telling[part]) or any(other.telling[other_part]):
        return False
    words, others = first.tokens[part], other.tokens[other_part]
    if not words or not others:
        return True
    return len(words) == len(others) and all(map(_one_word, words, others))


def _one_word(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    begin = max(4, len(shorter) - 2)
    stem = len(longer) - len(shorter) <= 3 and len(shorter) >= begin and shorter[:begin] == longer[:begin]
    return word == other or stem or {word, other} <= _ARTICLES


def _best(scores: Iterable[Scores]) -> Scores:
    """The best that each channel said of any of them."""
    of = list(scores)

    def best(values: Iterable[float | None]) -> float | None:
        return max((value for value in values if value is not None), default=None)

    return Scores(
        dense=best(score.dense for score in of),
        sparse=best(score.sparse for score in of),
        sentence=best(score.sentence for score in of),
        tokens=best(score.tokens for score in of),
        question=best(score.question for score in of),
        words=best(score.words for score in of),
        known=best(score.known for score in of),
        rerank=best(score.rerank for score in of),
    )
