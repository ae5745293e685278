"""Corrections that are made to be found, and not to answer (PoisonedRAG: Zou et al., 2025, arXiv:2402.07867).

Such a text repeats the question or its words so that search ranks it first, or comes in several wordings so that they
fill the passages that a generator sees. What it claims cannot be told false from its words: that is the
reviewer's to see.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rag_flywheel.domain import CorrectionId, ReviewedCorrection
from rag_flywheel.domain.equivalence import NEAR, agree, near_index, near_texts, normalised
from rag_flywheel.domain.sentences import sentences

SEVERAL = 3
"""Texts of one author for one question that are not wordings of one answer, from which they are a set."""
_SHORTEST = 3  # words of a question that an answer does not repeat by chance
_TELLING = 4  # letters of a word that says what a question is about
_LONG = 15  # words of an answer that does not repeat its question's words for want of others
_WORD = re.compile(r"\w+")


def is_made_to_be_found(question: str, answer: str) -> bool:
    """Whether the answer repeats its question, or the words of it over and over."""
    return repeats_question(question, answer) or stuffs_question(question, answer)


def repeats_question(question: str, answer: str) -> bool:
    """Whether the answer holds its question, word for word or nearly, as a sentence of its own."""
    words = _WORD.findall(question)
    if len(words) < _SHORTEST:
        return False
    verbatim = re.compile(r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)", re.IGNORECASE)
    for match in verbatim.finditer(answer):
        before, after = answer[: match.start()].rstrip(" \"'“‘*_#"), answer[match.end() :]
        opens = not before or before[-1] in ".!?:\n"
        closes = not after.strip() or re.match(r"\s*[?!.:;\n]|[\"'”’)\]*_]*\s+[A-Z0-9\"“]", after) is not None
        if opens and closes and len(_WORD.findall(answer)) > len(words):
            return True
    mine = set(normalised(question).split())
    asked = (set(normalised(said).split()) for said in sentences(answer) if said.endswith("?"))
    return any(len(mine & theirs) >= NEAR * len(mine | theirs) for theirs in asked)


def stuffs_question(question: str, answer: str) -> bool:
    """Whether the answer is a heap of its question's words: half of it are these, and each stands in it twice or more.

    Short answers, such as the path to a setting, may well be made of the question's words.
    """
    asked = {word for word in normalised(question).split() if len(word) >= _TELLING}
    said = normalised(answer).split()
    repeated = sum(word in asked for word in said)
    return len(asked) >= _SHORTEST and len(said) >= _LONG and repeated >= max(2 * len(asked), len(said) / 2)


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
