"""Answers that echo their question, to be found by it (PoisonedRAG: Zou et al., 2025, arXiv:2402.07867). Pure.

The guardrail that sets such a correction aside shares this with the look that its reviewer is asked for before that.
"""

import re

from rag_flywheel.domain.equivalence import NEAR, normalised
from rag_flywheel.domain.sentences import sentences

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
