"""Code in a page's rows: lines set in letters that all have the same width, as those of typewriters."""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

SAME = 0.005  # share by which the widths of letters may differ
FEWEST_ROWS = 2
FEWEST_WORDS = 4
FEWEST_LETTERS = 6  # different ones, since digits are of the same width in most fonts
APART = 2.5  # letters' heights between two lines of the same code, at most
NARROW = 0.1  # a letter's width by its height; what is narrower has no width that says anything
COLUMNS = 1000  # of a line, at most


class _Word(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def left(self) -> float: ...
    @property
    def right(self) -> float: ...


class _Row(Protocol):
    @property
    def words(self) -> Sequence[_Word]: ...
    @property
    def bottom(self) -> float: ...
    @property
    def top(self) -> float: ...


def code(rows: Sequence[_Row]) -> dict[int, tuple[int, str]]:
    """The stretches of code among the rows: by the first row of each, the one after its last, and its text."""
    found: dict[int, tuple[int, str]] = {}
    start = 0
    while start < len(rows):
        end, pitch = _stretch(rows, start)
        words = [word.text for row in rows[start:end] for word in row.words]
        letters = {letter for word in words for letter in word if letter.isalpha()}
        enough = end - start >= FEWEST_ROWS and len(words) >= FEWEST_WORDS and len(letters) >= FEWEST_LETTERS
        if enough and _width(rows[start:end]) <= COLUMNS * pitch:
            found[start] = end, _text(rows[start:end], pitch)
        start = max(end, start + 1)
    return found


def _stretch(rows: Sequence[_Row], start: int) -> tuple[int, float]:
    """Where the rows end that have the first one's width of letters, and that width."""
    pitch = 0.0
    widths: list[float] = []  # the narrowest and the widest so far
    for end, row in enumerate(rows[start:], start):
        widths += [(word.right - word.left) / len(word.text) for word in row.words if word.text]
        widths = [min(widths), max(widths)] if widths else []
        wide = any(unicodedata.east_asian_width(letter) in "WF" for word in row.words for letter in word.text)
        apart = end > start and rows[end - 1].bottom - row.top > APART * (row.top - row.bottom)
        narrow = bool(widths) and widths[0] <= NARROW * (row.top - row.bottom)
        if not widths or wide or apart or narrow or widths[1] - widths[0] > SAME * widths[1]:
            return end, pitch
        pitch = widths[1]
    return len(rows), pitch


def _width(rows: Sequence[_Row]) -> float:
    return max(row.words[-1].right for row in rows) - min(row.words[0].left for row in rows)


def _text(rows: Sequence[_Row], pitch: float) -> str:
    """The lines, each word in the column in which it stands."""
    left = min(row.words[0].left for row in rows)
    apart = [before.bottom - row.top for before, row in pairwise(rows)]
    lines: list[str] = []
    for space, row in zip([min(apart), *apart], rows, strict=True):
        if space - min(apart) > 0.6 * (row.top - row.bottom):
            lines.append("")
        line = ""
        for word in row.words:
            line = line.ljust(max(round((word.left - left) / pitch), len(line) + bool(line))) + word.text
        lines.append(line)
    return "\n".join(lines)
