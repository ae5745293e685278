"""Words at their places on a page to lines in reading order: columns one after the other, tables row by row."""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.reading.formats.layout_code import code
from ingest.reading.formats.marks import heading, plain, table

GAP = 1.0  # letters' heights between two words that stand apart
GUTTER = 0.3  # letters' heights, at least, that are free between columns
HEADING = 1.15  # how many times as high as the body's letters those of a heading are
PROSE = 18  # characters, from which lines beside each other are columns of text and no cells
LONGEST_HEADING = 150

_SECTION = re.compile(r"(?:\d{1,3}|[A-Z])(?:\.\d{1,3}){0,5}\.?")
_LABEL = re.compile(r"[•◦▪●○■□►‣⁃∙·–—*-]|[\uf0a7\uf0b7]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]|\[\d+\]")
_BULLET = re.compile(r"^[•◦▪●○■□►‣⁃∙·\uf0a7\uf0b7]\s*(?=[^\s•◦▪●○■□])")  # several such signs are a score


_WORD = re.compile(r"[^\W\d_]{3,}")
_LETTERS = re.compile(r"[\W\d_]+")
_LEADERS = re.compile(
    r"[ \t]*(?:(?<![.·…‥])[.·…‥](?:[ \t]+[.·…‥]){3,}|[.·…‥]{5,}(?=[ \t]*(?:\d+|[ivxlc]+)[ \t]*$))[ \t]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word at its place; upwards is more."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float = 0.0  # of its font, where that is known; boxes of letters differ within one
    drawing: int | None = None  # that the page embeds, in which it stands
    base: float = 0.0  # the line on which it stands, where the page has formulas
    math: bool = False  # whether some of it is set in a font of formulas


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A drawn straight line, upright or level."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of text, with the height of its letters, or the rows of a table."""

    text: str
    size: float
    rows: tuple[tuple[str, ...], ...] = ()
    gap: bool = False  # whether there is an empty line before it
    code: bool = False  # several lines, as they stand
    top: float = 0.0  # of its first row


@dataclass(slots=True)
class Piece:
    """Words of one line that stand close together."""

    words: list[Word]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)

    @property
    def size(self) -> float:
        return height(self.words)


def height(words: Iterable[Word]) -> float:
    """The height that most of the letters have."""
    heights: Counter[float] = Counter()
    for word in words:
        heights[round(word.size or word.top - word.bottom, 1)] += len(word.text)
    return max(heights, key=lambda height: heights[height])


@dataclass(slots=True)
class Row:
    """What stands at one height, from left to right."""

    pieces: list[Piece]
    bottom: float
    top: float

    @property
    def words(self) -> list[Word]:
        return [word for piece in self.pieces for word in piece.words]


def lines(words: Sequence[Word], rules: Sequence[Rule] = (), *, typed: bool = False) -> list[Line]:
    """The lines of a page in reading order, from top to bottom. Rules prove where cells end.

    Letters of one width are code, but where the file as a whole is `typed`.
    """
    upright = sorted((rule for rule in rules if rule.top - rule.bottom > rule.right - rule.left), key=_left)
    level = sorted(rule.bottom for rule in rules if rule.top - rule.bottom <= rule.right - rule.left)
    body = height(words) if words else 0.0
    rows = [_titled(row, body) for row in in_rows(words, upright)]
    blocks = {} if typed else code(rows)
    found: list[Line] = []
    start = 0
    while start < len(rows):
        if start in blocks:
            first = rows[start]
            start, text = blocks[start]
            found.append(Line(text=text, size=first.pieces[0].size, gap=True, code=True, top=first.top))
            continue
        following = next((place for place in blocks if place > start), len(rows))
        end, gutters = _beside(rows[:following], start)
        block = rows[start:end]
        apart = start > 0 and rows[start - 1].bottom - rows[start].top > 0.6 * (rows[start].top - rows[start].bottom)
        made = (
            list(_block(block, gutters, level if upright else ()))
            if gutters
            else [_line(row, rows[at - 1] if at else None) for at, row in enumerate(block, start)]
        )
        if made and gutters and apart:
            made[0] = replace(made[0], gap=True)
        found += made
        start = end
    return found


def markdown(page: Iterable[Line], headings: Mapping[float, int], sure: Container[float]) -> str:
    """The page's lines as Markdown; `headings` gives the levels of lines by the height of their letters.

    Where a height is not `sure` to be one of headings, a line must hold words to be one: fonts of signs and of music
    give any letters to their signs.
    """
    parts: list[str] = []
    pending: list[Line] = []

    def close() -> None:
        if pending:
            parts.append(f"\n{heading(headings[pending[0].size], ' '.join(line.text for line in pending))}\n")
            pending.clear()

    for line in page:
        level = headings.get(line.size) if may_head(line) and (line.size in sure or in_words(line.text)) else None
        if pending and (
            line.gap or level != headings[pending[0].size] or sum(len(p.text) for p in pending) > LONGEST_HEADING
        ):
            close()
        if level and len(line.text) <= LONGEST_HEADING:
            pending.append(line)
        elif line.code:
            parts.append(f"\n```\n{line.text.replace('```', chr(39) * 3)}\n```\n")
        elif line.rows:
            rows = [[_short_leaders(cell) for cell in row] for row in line.rows]
            is_table = _says(rows) and not _are_entries(line.rows)
            parts.append(f"\n{table(rows) if is_table else plain(_flat(rows))}\n")
        else:
            text = plain(_BULLET.sub("- ", _short_leaders(line.text)))
            parts.append(f"\n{text}" if line.gap else text)
    close()
    return "\n".join(parts).strip("\n")


def in_words(text: str) -> bool:
    """Whether most of the signs are parts of words of three letters and more, or of a script without spaces."""
    letters = sum(len(word) for word in _WORD.findall(text)) + sum(unicodedata.east_asian_width(a) == "W" for a in text)
    return 3 * letters >= 2 * len("".join(text.split())) > 0


def _says(rows: Sequence[Sequence[str]]) -> bool:
    """Whether at least half of a table's cells hold words or numbers, and no loose letters or signs."""
    cells = [cell.split() for row in rows for cell in row]
    cells = [cell for cell in cells if cell and (len(cell) > 1 or len(cell[0]) > 1 or cell[0].isdigit())]  # no ticks
    said = sum(2 * sum(map(_says_something, cell)) >= len(cell) for cell in cells)
    return 2 * said >= len(cells) > 0


def _are_entries(rows: Sequence[Sequence[str]]) -> bool:
    """Whether there is no header: dots lead to a page number in most of the rows, or these are lines with numbers."""
    first = [row[0] for row in rows]
    if all(len(row) == 2 for row in rows) and len(rows) > 2 and all(map(str.isdecimal, first)):
        return [int(number) - int(first[0]) for number in first] == list(range(len(rows)))
    led = sum(bool(_LEADERS.search(" ".join(row))) for row in rows)
    return 2 * led > len(rows)


def _says_something(part: str) -> bool:
    letters = _LETTERS.sub("", part)
    return len(letters) > 1 or unicodedata.east_asian_width(letters or " ") == "W" or any(map(str.isdigit, part))


def _flat(rows: Iterable[Iterable[str]]) -> str:
    return "\n".join("   ".join(filter(None, row)) for row in rows)


def _short_leaders(text: str) -> str:
    """The text, with three dots for each run that leads the eye to a page number."""
    return _LEADERS.sub(" ... ", text).strip()


def may_head(line: Line) -> bool:
    """Whether the line could be a heading, if its letters are higher than the others'."""
    parts = line.text.split()
    loose = len(parts) > 3 and not any(_says_something(part) and not part.isdigit() for part in parts)
    return (
        not line.rows
        and not line.code
        and any(map(str.isalnum, line.text))
        and not loose
        and not _BULLET.match(line.text)
    )


def _left(rule: Rule) -> float:
    return rule.left


def in_rows(words: Sequence[Word], upright: Sequence[Rule]) -> Iterator[Row]:
    """The words by height, each row's from left to right and divided where they stand apart."""
    some: list[Word] = []
    bottom = top = 0.0
    for word in sorted(words, key=lambda word: -(word.top + word.bottom)):
        middle = (word.top + word.bottom) / 2
        if some and not bottom + 0.15 * (top - bottom) <= middle <= top:
            yield _row(some, upright)
            some = []
        if not some:
            bottom, top = word.bottom, word.top
        some.append(word)
    if some:
        yield _row(some, upright)


def _row(words: list[Word], upright: Sequence[Rule]) -> Row:
    pieces: list[Piece] = []
    right = 0.0
    for word in sorted(words, key=lambda word: word.left):
        after_label = len(pieces) == 1 and len(pieces[0].words) == 1 and _LABEL.fullmatch(pieces[0].words[0].text)
        close = pieces and word.left - right <= GAP * (word.top - word.bottom)
        if (close or after_label) and not _ruled(right, word, upright):
            pieces[-1].words.append(word)
            right = max(right, word.right)
        else:
            pieces.append(Piece([word]))
            right = word.right
    return Row(pieces, min(word.bottom for word in words), max(word.top for word in words))


def _titled(row: Row, body: float) -> Row:
    """The row in one piece where it is a section's number and title: higher letters, and the number stands apart."""
    if len(row.pieces) != 2 or not _SECTION.fullmatch(row.pieces[0].text) or row.pieces[1].size < HEADING * body:
        return row
    return Row([Piece(row.words)], row.bottom, row.top)


def _ruled(right: float, word: Word, upright: Sequence[Rule]) -> bool:
    """Whether a rule stands between what ends at `right` and the word."""
    middle = (word.bottom + word.top) / 2
    for rule in upright[bisect_left(upright, right - 0.5, key=_left) :]:
        if rule.left > word.left + 0.5:
            return False
        if rule.bottom <= middle <= rule.top:
            return True
    return False


def _beside(rows: Sequence[Row], start: int) -> tuple[int, list[tuple[float, float]]]:
    """Where the block that begins with the row ends, and the gutters between its columns, if it has any.

    A block with columns goes on while there is white space in the same place; a row that stands in one of the columns
    alone belongs to it, but not at the end of the block.
    """
    gutters: list[tuple[float, float]] = []
    several, last, end = 0, start, start
    for end in range(start, len(rows)):
        row = rows[end]
        if end > start and rows[end - 1].bottom - row.top > 2.5 * (row.top - row.bottom):
            break
        free = _free(row)
        if several == 0:
            if len(row.pieces) == 1:
                return start + 1, []
            gutters = free
        else:
            narrowed = [
                gutter for gutter in _common(gutters, row) if gutter[1] - gutter[0] >= GUTTER * row.pieces[0].size
            ]
            if len(narrowed) < len(gutters) and (not narrowed or len(row.pieces) == 1):
                break
            gutters = narrowed
        if len(row.pieces) > 1:
            several, last = several + 1, end
    else:
        end = len(rows)
    filled = [place for place in range(start, last + 1) if sum(map(bool, _cells(rows[place], gutters))) > 1]
    if len(filled) < 2 or not gutters:  # what else stands apart, such as a title from its number, is in one column
        return start + 1, []
    tail = filled[-1] + 1
    while tail < end and _goes_on(rows[tail - 1], rows[tail], rows[start:tail], gutters):
        tail += 1
    return (end if _is_prose(rows[start:tail], gutters) else tail), gutters


def _goes_on(before: Row, row: Row, block: Sequence[Row], gutters: Sequence[tuple[float, float]]) -> bool:
    """Whether the row is one more line of a cell beside others: close below, where its column begins."""
    number = next(number for number, cell in enumerate(_cells(row, gutters)) if cell)
    lefts = [cells[number][0].left for cells in (_cells(other, gutters) for other in block) if cells[number]]
    close = before.bottom - row.top <= 0.6 * (row.top - row.bottom)
    return number > 0 and close and bool(lefts) and abs(row.pieces[0].left - min(lefts)) < 0.1 * row.pieces[0].size


def _free(row: Row) -> list[tuple[float, float]]:
    return [(before.right, after.left) for before, after in zip(row.pieces, row.pieces[1:], strict=False)]


def _common(gutters: Sequence[tuple[float, float]], row: Row) -> list[tuple[float, float]]:
    """What is left of the gutters where the row's pieces stand."""
    left = list(gutters)
    for piece in row.pieces:
        cut: list[tuple[float, float]] = []
        for begin, end in left:
            if piece.right <= begin or piece.left >= end:
                cut.append((begin, end))
            else:
                cut += [(a, b) for a, b in ((begin, piece.left), (piece.right, end)) if b > a]
        left = cut
    return left


def _cells(row: Row, gutters: Sequence[tuple[float, float]]) -> list[list[Piece]]:
    cells: list[list[Piece]] = [[] for _ in range(len(gutters) + 1)]
    for piece in row.pieces:
        cells[sum(piece.left >= (begin + end) / 2 for begin, end in gutters)].append(piece)
    return cells


def _is_prose(rows: Sequence[Row], gutters: Sequence[tuple[float, float]]) -> bool:
    """Whether the columns are text: most of what stands in each of them is long."""
    if len(rows) < 3:
        return False
    columns: list[list[int]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows:
        for column, cell in zip(columns, _cells(row, gutters), strict=True):
            if cell:
                column.append(sum(len(piece.text) for piece in cell))
    return all(column and sorted(column)[len(column) // 2] >= PROSE for column in columns)


def _block(rows: Sequence[Row], gutters: Sequence[tuple[float, float]], level: Sequence[float]) -> Iterator[Line]:
    divided = [_cells(row, gutters) for row in rows]
    if _is_prose(rows, gutters):
        for number in range(len(gutters) + 1):
            before = None
            for row, cells in zip(rows, divided, strict=True):
                if cells[number]:
                    yield _line(Row(cells[number], row.bottom, row.top), before, first=before is None)
                    before = row
    else:
        texts = [[" ".join(piece.text for piece in cell) for cell in cells] for cells in divided]
        whole = tuple(map(tuple, _whole_rows(rows, texts, level)))
        yield Line(text="".join(map("".join, whole)), size=rows[0].pieces[0].size, rows=whole, top=rows[0].top)


def _whole_rows(rows: Sequence[Row], texts: list[list[str]], level: Sequence[float]) -> list[list[str]]:
    """The table's rows, joined where level rules prove that several lines of text are one row."""
    bands = [bisect_left(level, (row.bottom + row.top) / 2) for row in rows]
    if len(set(bands)) < 3:  # a rule below the head proves nothing about the other rows
        return texts
    whole: list[list[str]] = []
    for number, cells in enumerate(texts):
        if number and bands[number] == bands[number - 1] and not (all(cells) and all(whole[-1])):
            whole[-1] = [f"{above} {cell}".strip() for above, cell in zip(whole[-1], cells, strict=True)]
        else:
            whole.append(cells)
    return whole


def _line(row: Row, before: Row | None, *, first: bool = False) -> Line:
    apart = before is not None and before.bottom - row.top > 0.6 * (row.top - row.bottom)
    text = "   ".join(piece.text for piece in row.pieces)
    return Line(text=text, size=height(row.words), gap=apart or first, top=row.top)
