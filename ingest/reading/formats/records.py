"""Tables of data to blocks of `column: value` lines, a block a row, so that a row stands alone."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

from ingest.reading.formats.marks import plain

Row = list[str]

VALUES = 30  # in a block: a wider row comes as several blocks, each with the row's first value
FEW = 10  # rows, at most, of what stands above a table
SAMPLE = 200  # rows by which the columns' names are told from values

_YEAR = re.compile(r"(?:19|20)\d\d(?:[-/–]\d\d(?:\d\d)?)?")  # or 2023/24, or 2023-05
_WORD = re.compile(r"[^\W\d_]{2,}")


def records(rows: Iterable[Row]) -> tuple[str, str]:
    """What the rows say, and the title that stands above them, if any. The rows are read once, in their order.

    Lines of one cell above the names of the columns are text. The first full row names the columns, unless its cells
    are values like those below them; then the columns are numbered. After an empty row a new table may begin, where the
    cells of its first row prove to be names. Nothing that a cell holds is left out.
    """
    said: list[str] = []
    title = ""
    columns: list[str] | None = None
    for sample, rest, is_text in _blocks(iter(rows)):
        above, table = (_lines(sample), []) if is_text else _divided(sample, further=columns is None)
        title = title or (above[0] if above and columns is None else "")
        said += above
        if table and _width(table) == 1:
            said += [next(filter(None, row)) for row in table]
        elif table and (columns is None or above or 2 * _names(table, years=False) >= _width(table[:1])):
            columns, table = _named(table)
            said += _said(columns, table)
        elif table:
            said += _said(columns or [], table)
        if columns is None:
            said += _lines(rest)
        else:
            said += _said(columns, rest)
    return plain("\n\n".join(said)), title if columns else ""


def _blocks(rows: Iterator[Row]) -> Iterator[tuple[list[Row], Iterator[Row], bool]]:
    """The stretches of rows between empty ones: their first rows, the others, and whether they are text.

    Small ones of one or two columns before the first wider one are text: they say who made the table, and when.
    """
    early: list[list[Row]] | None = []
    for first in rows:
        if not any(map(str.strip, first)):
            continue
        block = map(_flat, chain([first], _until_empty(rows)))
        sample = list(islice(block, SAMPLE))
        narrow = _width(sample) <= 2
        if early is not None and narrow and len(sample) <= FEW:
            early.append(sample)
            continue
        yield from ((small, iter(()), not narrow) for small in early or ())
        early = None
        yield sample, block, False
    yield from ((small, iter(()), False) for small in early or ())


def _until_empty(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if not any(map(str.strip, row)):
            return
        yield row


def _lines(rows: Iterable[Row]) -> list[str]:
    return [": ".join(filter(None, row)) for row in rows]


def _flat(row: Row) -> Row:
    return [" ".join(cell.split()) for cell in row]


def _width(table: Sequence[Row]) -> int:
    """How many columns hold anything."""
    return len({place for row in table for place, cell in enumerate(row) if cell})


def _divided(block: list[Row], *, further: bool) -> tuple[list[str], list[Row]]:
    """The lines above the table, and the table: such lines have fewer cells than two thirds of what most rows have.

    Where no table was found yet (`further`), a block of one column is such lines, as they are followed by a table.
    """
    filled = [sum(map(bool, row)) for row in block]
    usual = sorted(filled)[len(filled) // 2]
    least = max(2, (2 * usual + 2) // 3)
    first = next((place for place, count in enumerate(filled) if count >= least), len(block))
    if first == len(block) and not further:
        first = 0
    return _lines(block[:first]), block[first:]


def _named(table: list[Row]) -> tuple[list[str], list[Row]]:
    """The names of the columns, each once, and the rows below them."""
    names, rows = (table[0], table[1:]) if _is_head(table) else ([], table)
    spans = len(set(filter(None, names))) < sum(map(bool, names))  # one name over several columns: merged cells
    below = [not _is_value(cell) or (spans and bool(_YEAR.fullmatch(cell))) for cell in (rows[0] if names else [])]
    if names and all(below) and 2 * _names(rows, years=spans) > sum(map(bool, rows[0])):
        names = [f"{above} {name}".strip() for above, name in zip_longest(names, rows[0], fillvalue="")]
        rows = rows[1:]  # a second row of names, or of units
    used: Counter[str] = Counter()
    columns = []
    for number in range(1, max(map(len, table)) + 1):
        name = (names[number - 1] if number <= len(names) else "") or f"column {number}"
        used[name] += 1
        columns.append(name if used[name] == 1 else f"{name} ({used[name]})")
    return columns, rows


def _is_head(table: list[Row]) -> bool:
    """Whether the first row names the columns: it does unless one of its cells is a value as others below it."""
    head, body = table[0], table[1:]
    if not body:
        return False
    if any(head[1:]) and all(not cell or _YEAR.fullmatch(cell) for cell in head[1:]):
        return not _is_value(head[0])
    years = {
        place
        for place, cell in enumerate(head)
        if _YEAR.fullmatch(cell) and not any(_YEAR.fullmatch(row[place]) for row in body if place < len(row))
    }
    if len(years) == 1 and not _names(table, years=False):
        years = set()  # it may be any number
    return not any(
        cell and place not in years and (_is_value(cell) or any(cell == row[place] for row in body if place < len(row)))
        for place, cell in enumerate(head)
    )


def _names(table: list[Row], *, years: bool) -> int:
    """How many cells of the first row are words, or `years`, while all those below them are numbers or dates."""
    head, body = table[0], table[1:]
    columns = ([row[place] for row in body if place < len(row) and row[place]] for place in range(len(head)))
    return sum(
        bool(cell and below)
        and (not _is_value(cell) or (years and bool(_YEAR.fullmatch(cell))))
        and all(_is_value(each) and not (years and _YEAR.fullmatch(each)) for each in below)
        for cell, below in zip(head, columns, strict=True)
    )


def _is_value(cell: str) -> bool:
    """Whether it is a number, a date or the like: digits, and no word, nor a letter before them."""
    return any(map(str.isdigit, cell)) and not cell[0].isalpha() and not _WORD.search(cell)


def _said(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    known = len(columns)
    for row in rows:
        lines = [
            f"{columns[place] if place < known else f'column {place + 1}'}: {value}"
            for place, value in enumerate(row)
            if value
        ]
        if len(lines) <= VALUES:
            yield "\n".join(lines)
        else:
            for start in range(1, len(lines), VALUES - 1):
                yield "\n".join([lines[0], *lines[start : start + VALUES - 1]])
