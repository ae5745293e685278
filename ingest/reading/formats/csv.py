"""CSV and TSV: each row as `column: value` lines."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.reading.formats.records import Row, records
from ingest.reading.raw import Content, decode

DELIMITERS = "\t;|,"  # of two that fit equally well the first is taken: it is the rarer one in texts and numbers
SAMPLE = 100_000  # characters by which the delimiter is chosen

_SEPARATOR_LINE = re.compile(r"\A\"?sep=(?P<delimiter>[^\r\n])\"?\r?(?:\n|\Z)", re.IGNORECASE)

_NUMBER = re.compile(r"[-+]?\d[\d.,' ]*%?")


def read(path: Path) -> Content:
    """Each row as `column: value` lines, with the lines above the table before them."""
    text = decode(path.read_bytes()).removeprefix("\ufeff")
    named = _SEPARATOR_LINE.match(text)
    if named:
        text = text[named.end() :]
    delimiter = named["delimiter"] if named else _delimiter(text, DELIMITERS)
    said, title = records(_rows(text, delimiter))
    return Content(title=title, text=said)


def _rows(text: str, delimiter: str | None, *, trim: bool = True) -> Iterator[Row]:
    """The rows, each a list of cells. A quotation mark that is never closed is a sign of its line and of no other."""
    if delimiter is None:
        yield from ([line] for line in text.splitlines())
        return
    lines = io.StringIO(text, newline="").readlines()
    patience = 10 * len(lines) + 1000  # lines that are read again after a quotation mark that was not closed
    start = 0
    with _huge_cells():
        while start < len(lines):
            reader = csv.reader(
                iter(lines[start:] if start else lines), delimiter=delimiter, strict=patience > 0, skipinitialspace=trim
            )
            done = start
            try:
                for row in reader:
                    yield row
                    done = start + reader.line_num
                return
            except csv.Error:
                patience -= len(lines) - done
                raw = csv.reader(lines[done : done + 1], delimiter=delimiter, quoting=csv.QUOTE_NONE)
                yield next(raw, [])
                start = done + 1


@contextmanager
def _huge_cells() -> Iterator[None]:
    """Cells may be of any size here: the limit is the whole process's, so it is put back."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _delimiter(text: str, candidates: str) -> str | None:
    """What divides the cells: what gives most rows the same number of cells that look whole. None: nothing does."""
    whole = len(text) <= SAMPLE
    best, best_score = None, 0.4
    for delimiter in candidates:
        rows = [row for row in _rows(text[:SAMPLE], delimiter, trim=False) if any(map(str.strip, row))]
        score = _fit(rows if whole or len(rows) < 3 else rows[:-1], delimiter)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _fit(rows: list[Row], delimiter: str) -> float:
    """How well the cells fit to a table, 0..1.

    That is the share of rows with the usual number of cells, times the share of cells that look whole. A cell looks cut
    in the wrong place where it has a stray quotation mark, and half so where it begins with a space, as in a sentence;
    it looks uncut where it holds another delimiter between two signs, other than in a number such as 5,5.
    """
    several = Counter(len(row) for row in rows if len(row) > 1)
    if not several:
        return 0.0
    usual = max(several, key=lambda length: (several[length], length))
    later = [cell for row in rows for cell in row[1:] if cell.strip()]
    if len(rows[0]) == 1 and all(cell[0] == " " for cell in later):
        return 0.0  # sentences below one name
    cells = [cell for row in rows for cell in row if cell.strip()]
    others = re.escape("".join(set(DELIMITERS) - {delimiter}))
    uncut = re.compile(rf"[^\s{others}][{others}][^\s{others}]")
    wrong = sum(
        1.0 if cell.count('"') % 2 or (uncut.search(cell) and not _NUMBER.fullmatch(cell)) else 0.5 * (cell[0] == " ")
        for cell in cells
    )
    return several[usual] / len(rows) * (1 - wrong / max(1, len(cells)))
