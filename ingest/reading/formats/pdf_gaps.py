"""Where words of a PDF end, by the room between their letters: PDFium misses some blanks and makes others up."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Protocol

from ingest.reading.formats.layout import Word

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

BLANK = 0.17  # of a letter's height: the room of a narrow blank
CLOSE = 0.05  # of that height: the room between most letters of a word that is not spread out
LONGEST = 100  # letters of a word that is looked into


class Letters(Protocol):
    """What tells where each letter of a page stands."""

    def get_charbox(self, index: int, /, loose: bool = False) -> Box: ...


def divided(page: Letters, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of what PDFium takes for one word, where a blank stands between its letters, which are close."""
    gaps = list(_gaps(page, start, end)) if 1 < end - start <= LONGEST else []
    if not gaps or max(gaps) < BLANK or median(gaps) > CLOSE:
        yield start, end
        return
    edges = [start, *(place for place, gap in enumerate(gaps, start + 1) if gap >= BLANK), end]
    yield from pairwise(edges)


def _gaps(page: Letters, start: int, end: int) -> Iterator[float]:
    """The room before each letter but the first, in heights of the letters; none where a new line begins."""
    left = page.get_charbox(start, loose=True)
    for place in range(start + 1, end):
        right = page.get_charbox(place, loose=True)
        height = left[3] - left[1]
        same_line = height > 0 and left[1] < (right[1] + right[3]) / 2 < left[3]
        yield (right[0] - left[2]) / height if same_line else 0.0
        left = right


def is_no_blank(left: Word, right: Word) -> bool:
    """Whether there is no room for a blank between the words."""
    same_line = left.bottom < (right.bottom + right.top) / 2 < left.top
    return same_line and left.left < right.left <= left.right


def whole(left: Word, right: Word) -> Word:
    return replace(left, text=left.text + right.text, right=max(left.right, right.right))
