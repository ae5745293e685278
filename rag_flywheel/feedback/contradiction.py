"""What a text says otherwise than the passages beside it: another number or unit for one quantity, or a negation.

Pure. Only what both speak of can contradict: a quantity is the same where its dimension, or the word that it counts,
and most of the words around it are the same. A number that no passage has for that quantity is no contradiction.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rag_flywheel.domain.sentences import sentences
from rag_flywheel.domain.stand_ins import unnumbered
from rag_flywheel.feedback.quantities import DIMENSIONS, Quantity, quantities, telling, tokens

AT_MOST = 400
"""Quantities, and clauses, of the text and of all passages together that are compared at most."""
SHARED = 0.5
"""Share of the words around a quantity that must stand around the other one too."""
SAME = 0.7
"""Jaccard similarity of their words from which a negation is all that parts two clauses."""
ROUNDED = 0.02
"""Relative difference up to which two measures are one, since one is said in several units: 1.6 km and a mile."""

_WORDS_AT_LEAST = 2  # that stand around both of two quantities
_CLAUSE_AT_LEAST = 3  # words of a clause that says something by itself
_CLAUSE_GAP = re.compile(
    r"[;:()\[\]—–|]\s*|,(?!\d)\s*|\b(?:if|unless|when|while|because|although|but|which|who|that)\b", re.IGNORECASE
)
_NEGATIONS = """
not no never none cannot without nor neither nobody nothing nowhere nicht kein keine nie ohne pas jamais sans nunca niet
geen не нет
"""
_NEGATING = frozenset(_NEGATIONS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two places that cannot both be right, as they stand there."""

    said: str
    against: str


def other_number(text: str, passages: Sequence[str], *, question: str) -> Contradiction | None:
    """The first quantity of the text that a passage has another number or unit for, None where there is none.

    One that the question names, or any passage has, is no other.
    """
    question = unnumbered(question)
    known = list(islice((quantity for passage in passages for quantity in quantities(unnumbered(passage))), AT_MOST))
    right = [*known, *islice(quantities(question), AT_MOST)]
    for mine in islice(quantities(unnumbered(text), question), AT_MOST):
        if not any(_holds(other, mine) for other in right):
            for other in known:
                if _of_one_thing(mine, other):
                    return Contradiction(said=mine.said, against=other.said)
    return None


def other_negation(text: str, passages: Sequence[str]) -> Contradiction | None:
    """The first clause of the text that a passage says without, or with, a negation, None where there is none."""
    known = list(islice((clause for passage in passages for clause in _clauses(unnumbered(passage))), AT_MOST))
    for mine in islice(_clauses(unnumbered(text)), AT_MOST):
        same = max((_likeness(mine, other) for other in known if other.negated == mine.negated), default=0.0)
        turned = [other for other in known if other.negated != mine.negated and _likeness(mine, other) > same]
        best = max(turned, key=lambda other: _likeness(mine, other), default=None)
        if best is not None and _likeness(mine, best) >= SAME:
            return Contradiction(said=mine.said, against=best.said)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clause:
    said: str
    words: frozenset[str]
    negated: bool


def _holds(other: Quantity, mine: Quantity) -> bool:
    """Whether the one is what the other says, or lies within its range."""
    if not mine.of & other.of:
        return False
    near = ROUNDED * max(abs(other.low), abs(other.high)) if mine.of & DIMENSIONS else 0.0
    return other.low - near <= mine.low and mine.high <= other.high + near


def _of_one_thing(mine: Quantity, other: Quantity) -> bool:
    shared = len(mine.around & other.around)
    enough = max(_WORDS_AT_LEAST, SHARED * min(len(mine.around), len(other.around)))
    return bool(mine.of & other.of) and shared >= enough


def _clauses(text: str) -> Iterator[_Clause]:
    """The sentences, and the parts of those that have several."""
    for sentence in sentences(text):
        for said in dict.fromkeys([sentence, *_CLAUSE_GAP.split(sentence)]):
            found = tokens(said)
            words = telling(found, letters=3)
            if len(words) >= _CLAUSE_AT_LEAST:
                yield _Clause(said=said.strip(), words=words, negated=sum(map(_negates, found)) % 2 == 1)


def _negates(word: str) -> bool:
    return word in _NEGATING or word.endswith(("n't", "n’t"))


def _likeness(mine: _Clause, other: _Clause) -> float:
    return len(mine.words & other.words) / len(mine.words | other.words)
