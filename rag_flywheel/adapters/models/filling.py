"""What a model reads of the passages where not all of it fits: the share of each by its worth, and of a passage that is
longer than its share what speaks of the question.

Worth is the score of the search, so a passage that is far behind gets little, and one that is nearly as good as much.
What a passage does not need goes to the others.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import log

from rag_flywheel.domain import Passage
from rag_flywheel.domain.sentences import quotable
from rag_flywheel.domain.words import beginnings

LEFT_OUT = "…"
LEAST = 96
"""Tokens of a passage below which reading a part of it is no use."""

_OF_ITS_RANK = 0.5  # of 1/rank, which a passage is worth at least, where the first is worth 1 and the last scores 0
_NEAR = 0.5  # of a sentence's value that its neighbours have too
_SHORT = 3  # letters of a question's word
_BLANKS = re.compile(r"\s+")


def without_repeats(passages: Sequence[Passage]) -> list[Passage]:
    """Those that say something which no passage before them says; corrections all."""
    kept: list[Passage] = []
    said: set[str] = set()
    for passage in passages:
        own = {_BLANKS.sub(" ", sentence).casefold() for sentence in _sentences(passage.chunk.text)}
        if passage.chunk.is_correction or not own or not own <= said:
            kept.append(passage)
        said |= own
    return kept


def shares(passages: Sequence[Passage], needs: Sequence[int], room: int) -> list[int]:
    """Tokens for each passage, as many as it needs or fewer, `room` in all at most; 0: it is not read.

    Water-filling: who needs less than a share by worth takes what it needs, and the rest is shared out anew.
    """
    first, last = passages[0].score, passages[-1].score
    near = [(each.score - last) / (first - last) if first > last else 1.0 for each in passages]
    worths = [near[0], *(max(worth, _OF_ITS_RANK / rank) for rank, worth in enumerate(near[1:], start=2))]
    read = len(passages)
    while True:
        given = _shared(worths[:read], needs[:read], room)
        small = [at for at in range(1, read) if given[at] < min(LEAST, needs[at])]
        if not small:
            return given + [0] * (len(passages) - read)
        read -= 1


def _shared(worths: Sequence[float], needs: Sequence[int], room: int) -> list[int]:
    if sum(needs) <= room:
        return list(needs)
    given = [0] * len(worths)
    waiting = set(range(len(worths)))
    while waiting:
        whole = sum(worths[at] for at in waiting)
        content = {at for at in waiting if needs[at] <= room * worths[at] / whole}
        if not content:
            for at in waiting:
                given[at] = int(room * worths[at] / whole)
            break
        for at in content:
            given[at] = needs[at]
            room -= needs[at]
        waiting -= content
    return given


def excerpt(text: str, question: str, room: int, cost: Callable[[str], int]) -> str:
    """The sentences that speak of the question, as many as fit, in their order; from the first on where none does.

    `cost` tells the tokens of a text.
    """
    spans = _spans(text)
    values = _values([text[start:end] for start, end in spans], beginnings(question, _SHORT))
    chosen: list[int] = []
    left = room - cost(LEFT_OUT)
    for at in sorted(range(len(spans)), key=lambda at: (-values[at], at)):
        start, end = spans[at]
        needed = cost(text[start:end]) + cost(LEFT_OUT)
        if needed <= left:
            chosen.append(at)
            left -= needed
        elif not chosen:
            break
    if not chosen:  # the best is too long by itself
        best = max(range(len(spans)), key=lambda at: (values[at], -at), default=0)
        return text[spans[best][0] : spans[best][1]] if spans else text
    chosen.sort()
    parts = [text[spans[chosen[0]][0] : spans[chosen[0]][1]]]
    for before, after in pairwise(chosen):
        gap = text[spans[before][1] : spans[after][0]] if after == before + 1 else f"\n{LEFT_OUT}\n"
        parts += [gap, text[spans[after][0] : spans[after][1]]]
    return "".join([*parts, f"\n{LEFT_OUT}" if chosen[-1] < len(spans) - 1 else ""])


def _values(sentences: Sequence[str], asked: frozenset[str]) -> list[float]:
    """How much of the question each speaks of, a rare word more than a frequent one, and its neighbours."""
    own = [beginnings(sentence, _SHORT) & asked for sentence in sentences]
    held = Counter(word for words in own for word in words)
    rarity: Mapping[str, float] = {word: log(1 + len(sentences) / count) for word, count in held.items()}
    value = [sum(rarity[word] for word in words) for words in own]
    around = [0.0, *value, 0.0]
    return [
        max(here, _NEAR * max(before, after)) for before, here, after in zip(around, value, around[2:], strict=False)
    ]


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in _spans(text)]


def _spans(text: str) -> list[tuple[int, int]]:
    """Of the sentences, each line by itself: a line of a table, a list or code is one."""
    ends = [-1, *(at for at, sign in enumerate(text) if sign == "\n"), len(text)]
    return [span for before, end in pairwise(ends) for span in quotable(text, before + 1, end)]
