"""When two questions are one, when two answers say the same, and when a passage holds an answer. Pure."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from rag_flywheel.domain.stand_ins import unnumbered

_WORD = re.compile(r"\w+")
NEAR = 0.8
"""Jaccard similarity of their words from which two questions count as wordings of one."""
RENEWED = 0.2
"""Share of its texts from which an index is made anew rather than changed."""
AGREEMENT = 0.6
"""Token F1 from which two answers count as the same one."""
SUPPORT = 0.7
"""Share of an answer's content words that a passage must hold to count as supporting it."""
CONTENT_LETTERS = 3
"""Letters from which a word counts as a content word."""
CONTENT_WORDS = 3
"""Content words that an answer needs to be looked for at all."""


def same_question(text: str) -> str:
    """A key that is equal for questions that differ in case, spacing, final punctuation and numbers of masks only."""
    return " ".join(unnumbered(text).casefold().split()).rstrip(" ?.!")


def normalised(question: str) -> str:
    """A question without the differences of case, punctuation, spacing and Unicode form that change no meaning."""
    folded = unicodedata.normalize("NFKC", unnumbered(question)).casefold()
    return " ".join(_WORD.findall(folded)) or " ".join(folded.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class NearIndex:
    """Normalised texts, to find those of nearly the same words. Made by `near_index`."""

    words: Mapping[str, frozenset[str]]  # of each text
    spread: Mapping[str, int]  # in how many texts a word was when the index was made: by this the rarest are told
    rarest: Mapping[str, tuple[str, ...]]  # the few rarest words of each text
    holders: Mapping[str, tuple[str, ...]]  # a word -> the texts among whose rarest words it is

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self.words)


def near_index(texts: Iterable[str], before: NearIndex | None = None) -> NearIndex:
    """The normalised texts, each once, by their rarest words; made out of the index `before` where they are mostly its.

    Prefix filtering (Chaudhuri, Ganti and Kaushik, ICDE 2006): two texts with a Jaccard similarity of words of at least
    NEAR share one of the few rarest words of each, so only texts that do are compared. That holds by any order of the
    words that is the same for all texts, so by that of before.
    """
    wanted = dict.fromkeys(texts)
    if before is not None and wanted.keys() == before.words.keys():
        return before
    if before is not None and len(wanted.keys() ^ before.words.keys()) <= RENEWED * len(wanted):
        return _changed(before, wanted)
    words = {text: frozenset(text.split()) for text in wanted}
    spread = Counter(word for own in words.values() for word in own)
    rarest = {text: _rarest(own, spread) for text, own in words.items()}
    holders: dict[str, list[str]] = defaultdict(list)
    for text, some in rarest.items():
        for word in some:
            holders[word].append(text)
    return NearIndex(
        words=words,
        spread=spread,
        rarest=rarest,
        holders={word: tuple(those) for word, those in holders.items()},
    )


def _changed(before: NearIndex, wanted: Mapping[str, None]) -> NearIndex:
    words, rarest, holders = dict(before.words), dict(before.rarest), dict(before.holders)
    for text in before.words.keys() - wanted.keys():
        del words[text]
        for word in rarest.pop(text):
            holders[word] = tuple(other for other in holders[word] if other != text)
    for text in wanted.keys() - before.words.keys():
        words[text] = frozenset(text.split())
        rarest[text] = _rarest(words[text], before.spread)
        for word in rarest[text]:
            holders[word] = (*holders.get(word, ()), text)
    return NearIndex(words=words, spread=before.spread, rarest=rarest, holders=holders)


def _rarest(own: frozenset[str], spread: Mapping[str, int]) -> tuple[str, ...]:
    ordered = sorted(own, key=lambda word: (spread.get(word, 0), word))
    return tuple(ordered[: len(own) - ceil(NEAR * len(own)) + 1])


def near_texts(text: str, index: NearIndex) -> Iterator[str]:
    """The other texts of the index with a Jaccard similarity of words of at least NEAR to one of its texts, lazily."""
    mine, seen = index.words[text], {text}
    for word in index.rarest[text]:
        for other in index.holders[word]:
            if other in seen:
                continue
            seen.add(other)
            shared = len(mine & index.words[other])
            if shared >= NEAR * (len(mine) + len(index.words[other]) - shared):
                yield other


def token_f1(text: str, other: str) -> float:
    """The harmonic mean of token precision and recall (Rajpurkar et al., 2016, arXiv:1606.05250), 0..1."""
    first, second = (Counter(_WORD.findall(unnumbered(each).lower())) for each in (text, other))
    shared = sum((first & second).values())
    return 2 * shared / (sum(first.values()) + sum(second.values())) if shared else 0.0


def agree(answer: str, other: str) -> bool:
    """Whether two answers say the same: they are equal, or their token F1 is at least AGREEMENT."""
    return unnumbered(answer) == unnumbered(other) or token_f1(answer, other) >= AGREEMENT


def is_traceable(answer: str) -> bool:
    """Whether an answer has enough content words to be looked for: "Yes, it does." might stand anywhere."""
    return len(_content(answer)) >= CONTENT_WORDS


def held_share(text: str, answer: str) -> float:
    """The share of an answer's content words that a passage holds, 0 where it has none."""
    wanted = _content(answer)
    return len(wanted & set(_WORD.findall(unnumbered(text).lower()))) / len(wanted) if wanted else 0.0


def supports(text: str, answer: str) -> bool:
    """Whether a passage holds most of an answer's content words (their multiplicity ignored).

    An answer that is not traceable is supported by no passage.
    """
    return is_traceable(answer) and held_share(text, answer) >= SUPPORT


def _content(answer: str) -> set[str]:
    return {word for word in _WORD.findall(unnumbered(answer).lower()) if len(word) >= CONTENT_LETTERS}
