"""Code in a page's rows: lines set in letters that all have the same width, as those of typewriters."""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Protocol

SAME = 0.005  # share by which the widths of letters may differ
ROUNDED = 0.01  # of a letter's height: how much a word's width may be off besides
REACHES_OUT = 0.1  # of that height: how far signs such as a slanted ## reach out of a short word
FEWEST_ROWS = 2
FEWEST_WORDS = 4
FEWEST_LETTERS = 6  # different ones, since digits are of the same width in most fonts
APART = 2.5  # letters' heights between two lines of the same code, at most
NARROW = 0.1  # a letter's width by its height; what is narrower has no width that says anything
HIGHER = 1.2  # times the height of the first line: letters of another font
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
    low, high = 0.0, inf  # between which the width must be, by the words so far
    for end, row in enumerate(rows[start:], start):
        height = row.top - row.bottom
        widths = [(word.right - word.left, len(word.text)) for word in row.words if word.text]
        wide = any(unicodedata.east_asian_width(letter) in "WF" for word in row.words for letter in word.text)
        apart = end > start and rows[end - 1].bottom - row.top > APART * height
        narrow = any(width <= NARROW * height * count for width, count in widths)
        least = max([low, *((width - _spare(count) * height) / count for width, count in widths)])
        most = min([high, *((width + ROUNDED * height) / count for width, count in widths)])
        other = height > HIGHER * (rows[start].top - rows[start].bottom)  # such as the number of the page
        if not widths or wide or apart or narrow or other or least > (1 + SAME) * most:
            return end, (low + high) / 2
        low, high = least, most
    return len(rows), (low + high) / 2


def _spare(letters: int) -> float:
    return REACHES_OUT if letters <= 2 else ROUNDED


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
