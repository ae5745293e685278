"""Where a kind of personal data stands in a text: what every finder of this package gives, and how a pattern does."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import regex

SURE = 0.85
LIKELY = 0.6
GUESSED = 0.55  # by a model, which gives way to what a pattern knows


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


_HYPHENS = frozenset(
    "\u2010\u2011\u2012\ufe63"
)  # not the en dash and the minus: these stand in ranges and before values


def plain(text: str) -> tuple[str, Sequence[int]]:
    """The text as the patterns know it, and where each of its characters stands in `text`.

    A number is the same number with spaces that do not break, other hyphens, full-width signs or the digits of another
    script, and an address is the same one with characters in it that nobody sees.
    """
    if text.isascii():
        return text, range(len(text))
    signs = [_plain(sign) for sign in text]
    return "".join(signs), [place for place, sign in enumerate(signs) if sign]


@lru_cache(4096)
def _plain(sign: str) -> str:
    """One character, or none."""
    kind = unicodedata.category(sign)
    if kind == "Nd":
        return str(unicodedata.decimal(sign))
    if sign in _HYPHENS:
        return "-"
    if "\uff01" <= sign <= "\uff5e":
        return unicodedata.normalize("NFKC", sign)
    return {"Zs": " ", "Cf": ""}.get(kind, sign)
