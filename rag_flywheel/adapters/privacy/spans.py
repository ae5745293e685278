"""Where a kind of personal data stands in a text: what every finder of this package gives, and how a pattern does."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import regex

SURE = 0.85
LIKELY = 0.6


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive), and how sure it is that they are personal data, 0..1."""

    start: int
    end: int
    score: float


Finder = Callable[[str], Iterable[Span]]
"""Finds one kind in a text of a few thousand characters. Every repetition in its patterns has a limit, and none looks
further than a few hundred characters, so its time grows with the text's length and not with the square of it."""


def matches(pattern: str, score: float, *, ignore_case: bool = False) -> Finder:
    """A finder of all that a pattern matches; `\\K` in it leaves what stands before out of the span."""
    flags = regex.MULTILINE | (regex.IGNORECASE if ignore_case else 0)
    compiled = regex.compile(pattern, flags)

    def find(text: str) -> Iterator[Span]:
        for match in compiled.finditer(text):
            if match.start() < match.end():
                yield Span(match.start(), match.end(), score)

    return find
