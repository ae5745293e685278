"""Corrections that are made to be found, and not to answer (PoisonedRAG: Zou et al., 2025, arXiv:2402.07867).

Such a text repeats the question or its words so that search ranks it first, or comes in several wordings so that they
fill the passages that a generator sees. What it claims cannot be told false from its words: that is the
reviewer's to see.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rag_flywheel.domain import CorrectionId, ReviewedCorrection
from rag_flywheel.domain.echo import is_made_to_be_found, repeats_question
from rag_flywheel.domain.equivalence import agree, near_index, near_texts, normalised

__all__ = ["SEVERAL", "is_made_to_be_found", "repeats_question", "sets"]

SEVERAL = 3
"""Texts of one author for one question that are not wordings of one answer, from which they are a set."""


def sets(corrections: Sequence[ReviewedCorrection]) -> list[tuple[CorrectionId, ...]]:
    """The corrections of one author to nearly one question that say different things, SEVERAL or more at a time.

    Those without a pseudonym count as one author each: different people may well correct the same question.
    """
    by_author: dict[str, list[ReviewedCorrection]] = defaultdict(list)
    for reviewed in corrections:
        if reviewed.correction.user is not None:
            by_author[reviewed.correction.user].append(reviewed)
    return [those for mine in by_author.values() if len(mine) >= SEVERAL for those in _of_one_question(mine)]


def _of_one_question(mine: Sequence[ReviewedCorrection]) -> Iterable[tuple[CorrectionId, ...]]:
    asked = [normalised(reviewed.correction.question) for reviewed in mine]
    index = near_index(asked)
    near: Mapping[str, set[str]] = {text: {text, *near_texts(text, index)} for text in index.texts}
    done: set[str] = set()
    for text in index.texts:
        if text in done:
            continue
        done |= near[text]
        those = [reviewed for reviewed, question in zip(mine, asked, strict=True) if question in near[text]]
        different: list[ReviewedCorrection] = []
        for reviewed in those:
            if not any(agree(reviewed.answer, other.answer) for other in different):
                different.append(reviewed)
        if len(different) >= SEVERAL:
            yield tuple(reviewed.correction.correction_id for reviewed in those)
