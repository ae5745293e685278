"""Which stage failed, from what was recorded and what is now known. Pure."""

import re
from collections.abc import Sequence

from rag_flywheel.domain import Evidence, Shown, Stage

_WORD = re.compile(r"\w+")
SUPPORT = 0.7
"""Share of an answer's content words that a passage must hold to count as supporting it."""
LETTERS = 3
"""Letters from which a word counts as a content word."""
WORDS = 3
"""Content words that an answer needs to be looked for at all."""


def attribute(ranking: Sequence[Shown], evidence: Sequence[Evidence], *, shown: int) -> Stage:
    """The stage that failed, for an answer made from the first `shown` passages of `ranking`.

    `evidence` is where the right answer stands in the corpus; empty means that no document holds it.
    """
    if not evidence:
        return Stage.MISSING
    rank = first_rank(ranking, evidence)
    if rank is None:
        return Stage.NOT_RETRIEVED
    return Stage.MIS_RANKED if rank > shown else Stage.MIS_GENERATED


def attribute_without_evidence(ranking: Sequence[Shown], *, answered: bool, minimum_similarity: float) -> Stage:
    """The likeliest stage of a bad answer that nobody corrected: only the ranking is known.

    Where the best passage is about the question, search did its part and the answer is at fault; where none is, or the
    system itself refused, the knowledge is missing.
    """
    best = max((one.scores.dense or one.scores.question or -1.0 for one in ranking), default=-1.0)
    return Stage.MIS_GENERATED if answered and best >= minimum_similarity else Stage.MISSING


def first_rank(ranking: Sequence[Shown], evidence: Sequence[Evidence]) -> int | None:
    """The rank of the first passage that overlaps the evidence, None where no passage does."""
    return next((one.rank for one in ranking if any(one.span.overlaps(span) for span in evidence)), None)


def is_traceable(answer: str) -> bool:
    """Whether an answer has enough content words to be looked for: "Yes, it does." might stand anywhere."""
    return len(_content(answer)) >= WORDS


def held_share(text: str, answer: str) -> float:
    """The share of an answer's content words that a passage holds, 0 where it has none."""
    wanted = _content(answer)
    return len(wanted & set(_WORD.findall(text.lower()))) / len(wanted) if wanted else 0.0


def supports(text: str, answer: str) -> bool:
    """Whether a passage holds most of an answer's content words (their multiplicity ignored).

    An answer that is not traceable is supported by no passage.
    """
    return is_traceable(answer) and held_share(text, answer) >= SUPPORT


def _content(answer: str) -> set[str]:
    return {word for word in _WORD.findall(answer.lower()) if len(word) >= LETTERS}
