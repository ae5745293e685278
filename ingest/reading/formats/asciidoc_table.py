"""Tables of AsciiDoc as tables of Markdown."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_CELL = re.compile(r"(?:^|(?<=[ \t]))(?:(\d{1,2})?(?:\.(\d{1,2}))?([+*]))?[<^>.]{0,4}[adehlmsv]?(?<!\\)[|!]")
_COLUMNS = re.compile(r"(\d{1,2})\*")
_WIDEST = 100  # columns


def table(opening: str, lines: Sequence[str], attributes: Sequence[str]) -> Iterator[str]:
    """The lines of the table. The columns are those that `cols` names, else the cells of its first line."""
    named = next((value.removeprefix("cols=").strip('"') for value in attributes if value.startswith("cols=")), "")
    separated = opening.startswith((",", ":")) or any(value in ("format=csv", "format=dsv") for value in attributes)
    if separated:
        rows = [
            row for row in csv.reader(lines, delimiter=":" if opening.startswith(":") else ",", strict=False) if row
        ]
    else:
        first = next((line for line in lines if line.strip()), "")
        rows = _rows(_cells(lines), _width(named) or sum(cell.wide * cell.times for cell in _cells([first])))
    if not rows:
        return
    width = max(len(row) for row in rows)
    for number, row in enumerate(rows):
        cells = [" ".join(cell.replace("\\|", "|").split()).replace("|", "\\|") for cell in row]
        yield f"| {' | '.join([*cells, *[''] * (min(width, _WIDEST) - len(cells))])} |"
        if number == 0:
            yield f"|{' --- |' * min(width, _WIDEST)}"


def _width(named: str) -> int:
    """How many columns `cols` names: `2*`, `1,3` or `a,^2a`."""
    parts = named.split(",") if named else []
    return min(sum(int(repeated[1]) if (repeated := _COLUMNS.match(part.strip())) else 1 for part in parts), _WIDEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A cell, with the columns and rows that it spans, and how often it stands there (`3*|`)."""

    text: str
    wide: int
    high: int
    times: int


def _cells(lines: Sequence[str]) -> Iterator[_Cell]:
    """The cells. One may go on over several lines."""
    parts: list[str] = []
    open_: re.Match[str] | None = None
    for line in lines:
        position = 0
        for mark in _CELL.finditer(line):
            parts.append(line[position : mark.start()])
            if open_:
                yield _cell(open_, parts)
            parts, position, open_ = [], mark.end(), mark
        parts.append(line[position:])
    if open_:
        yield _cell(open_, parts)


def _cell(mark: re.Match[str], parts: Sequence[str]) -> _Cell:
    count, high = (min(int(number or 1), _WIDEST) for number in mark.group(1, 2))
    repeated = mark[3] == "*"
    return _Cell(
        text=" ".join(parts),
        wide=1 if repeated else count,
        high=1 if repeated else high,
        times=count if repeated else 1,
    )


def _rows(cells: Iterable[_Cell], width: int) -> list[list[str]]:
    """The rows; a cell that spans several of them stands in each."""
    rows: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # by column: in how many more rows, and what it says

    def fill() -> None:
        while (column := len(rows[-1])) in below:
            left, text = below.pop(column)
            if left > 1:
                below[column] = (left - 1, text)
            rows[-1].append(text)

    for cell in cells:
        for _ in range(cell.times):
            while not rows or len(rows[-1]) >= max(1, width):
                rows.append([])
                fill()
            for text in (cell.text, *[""] * (cell.wide - 1)):
                if cell.high > 1:
                    below[len(rows[-1])] = (cell.high - 1, text)
                rows[-1].append(text)
            fill()
    return rows
