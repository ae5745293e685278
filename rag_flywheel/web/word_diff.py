"""Two texts side by side: which words one of them has and the other has not. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Indel

_WORDS = re.compile(r"\s+|\w+|[^\w\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a text that the other one has too, or has not."""

    text: str
    changed: bool


def side_by_side(before: str, after: str) -> tuple[list[Stretch], list[Stretch]]:
    """Both texts, whole, by the shortest edit from word to word (Indel distance)."""
    words, others = _WORDS.findall(before), _WORDS.findall(after)
    left: list[Stretch] = []
    right: list[Stretch] = []
    for step in Indel.opcodes(words, others):
        same = step.tag == "equal"
        _add(left, words[step.src_start : step.src_end], same)
        _add(right, others[step.dest_start : step.dest_end], same)
    return left, right


def _add(stretches: list[Stretch], words: Sequence[str], same: bool) -> None:
    """What changed around a mere blank is one change."""
    if not words:
        return
    text = "".join(words)
    if same and not text.strip() and stretches and stretches[-1].changed:
        same = False
    if stretches and stretches[-1].changed is not same:
        text = stretches.pop().text + text
    stretches.append(Stretch(text=text, changed=not same))
