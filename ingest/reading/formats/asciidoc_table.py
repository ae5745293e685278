"""Tables of AsciiDoc as tables of Markdown."""

import csv
import re
from collections.abc import Iterator, Sequence

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
        rows = _rows(list(_cells(lines)), _width(named) or sum(count for _, count in _cells([first])))
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


def _cells(lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each cell's text, with how many columns it spans or stands in. It may go on over several lines."""
    parts: list[str] = []
    count = 0
    for line in lines:
        position = 0
        for mark in _CELL.finditer(line):
            parts.append(line[position : mark.start()])
            if count:
                yield " ".join(parts), count
            parts, position = [], mark.end()
            count = min(int(mark[1]), _WIDEST) if mark[1] else 1
        parts.append(line[position:])
    if count:
        yield " ".join(parts), count


def _rows(cells: Sequence[tuple[str, int]], width: int) -> list[list[str]]:
    rows: list[list[str]] = []
    for text, count in cells:
        if not rows or len(rows[-1]) >= max(1, width):
            rows.append([])
        rows[-1] += [text, *[""] * (count - 1)]
    return rows
