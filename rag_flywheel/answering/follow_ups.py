"""A follow-up question to a standalone query, by rules and without a model."""

import re
from collections.abc import Iterator, Sequence

from rag_flywheel.domain import Turn

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_MATTER_WORDS = 50  # words of an earlier turn that are joined, at most: a pasted page would drown the question


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_POINTING = _set(
    "it its it's they them their theirs they're he him his he's she her hers she's this that these those there ones "
    "same former latter"
)
"""Words that may point at something said before."""

_ASKING = _set(
    "is are was were am do does did has have had can could will would shall should may might must isn't aren't wasn't "
    "weren't don't doesn't didn't can't won't what which who whom whose when where why how what's who's how's where's "
    "tell explain describe show give list"
)
"""Words that a whole question has one of; a fragment has none."""

_FUNCTION = (
    _POINTING
    | _ASKING
    | _set(
        "a an the of in on at to for from by with about into over under up out off as than then so if not no and "
        "or but also too just really still yet even only very more most much many any some all be been being done "
        "doing having i i'm i've me my mine we us our ours you your yours please know think mean want need get go "
        "make ok okay yes thanks thank hi hello else instead again another other others one"
    )
)
"""Words that say little about the matter; the others are content words."""

_GOING_ON = re.compile(
    r"\W*(?:and|or|but|also|then|so|ok(?:ay)?|yes|no|what about|how about|what if|what else|why not|i mean)\b",
    re.IGNORECASE,
)
"""How a question starts that goes on from what was said."""

_POINTING_NOWHERE = re.compile(
    r"\b(?:is|are|was|were|be|been)(?:n't)? there\b|\bthere(?:'s| is| are| was| were)\b"
    r"|\b(?:hear|heard|know|think|say|says|said|mean|means|feel|believe|so|such|make sure|is it) that\b"
    r"|\bit (?:be )?(?:possible|safe|better|best|necessary|worth|legal|common|normal|take|cost|make sense)\b"
    r"|\b(?:this|that|these|those) (?:time|year|month|week|day|days)\b",
    re.IGNORECASE,
)
"""Words of _POINTING that are mere grammar, as in "is there a ..." and "is it possible to ..."."""


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question itself where it stands alone or nothing was said before; else the last earlier question that names a
    matter, and then this question.

    A question leans on what was said when it goes on from it ("and ...", "what about ..."), when it points at it
    ("it", "that") before naming two things of its own, or when it names hardly anything: less than two content words,
    or three in a fragment without a verb. English only: in other languages short questions are joined, and no others.
    """
    if not _leans(question):
        return question
    earlier = [turn.text.strip() for turn in history if turn.role == "user"]
    matter = next((text for text in reversed(earlier) if len(_content(text)) >= 2), None)
    if matter is None or matter == question.strip():
        return question
    return f"{' '.join(matter.split()[:_MATTER_WORDS])} {question.strip()}"


def _leans(question: str) -> bool:
    if _GOING_ON.match(question):
        return True
    words = list(_words(_POINTING_NOWHERE.sub(" ", question)))
    named = 0
    for word in words:
        if word in _POINTING and named < 2:
            return True
        named += word not in _FUNCTION
    whole = any(word in _ASKING for word in _words(question))
    return named < (2 if whole else 3)


def _content(text: str) -> list[str]:
    return [word for word in _words(text) if word not in _FUNCTION]


def _words(text: str) -> Iterator[str]:
    """In lower case, but for names in capitals: the US is not us."""
    shouted = text.isupper()
    for match in _WORD.finditer(text.replace("’", "'")):
        word = match.group()
        yield word if len(word) > 1 and word.isupper() and not shouted else word.lower()
