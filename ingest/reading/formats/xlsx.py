"""Workbooks: each sheet under its name, each row as `column: value` lines, values as they are shown."""

import datetime
import re
import warnings
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.reading.formats.marks import heading, plain
from ingest.reading.formats.office import office_title, part, unreadable
from ingest.reading.formats.records import Row, records
from ingest.reading.raw import Content, Removal

FORMATTED = 10_000_000  # bytes of XML up to which numbers come as they are shown (1 s per MB); after that, bare
MODERN = (".xlsx", ".xlsm")
FILLED = 1_000_000  # cells that merged ranges may fill, for a file can name ranges without end

_Grid = dict[int, dict[int, str]]  # the cells' texts by row and column
_Range = tuple[int, int, int, int]  # first and last row, first and last column of merged cells

_PIECE = re.compile(
    r'"([^"]*)"|\[\$([^\]-]*)[^\]]*\]|\\(.)|([€$£¥% ])|(\[[^\]]*\]|_.|\*.)|([0#?](?:[0#?,.]| (?=[0#?]))*)'
)


def read(path: Path) -> Content:
    """The sheets in their order, also hidden ones, whose headings say so. A formula has the value saved with it.

    What text boxes say stands before the sheets; comments on cells are out, and counted.
    """
    boxes: list[str] = []
    lost: list[str] = []
    comments = 0
    try:
        modern = path.suffix.lower() in MODERN
        title = office_title(path) if modern else ""
        if modern:
            boxes, comments, lost = _beside(path)
        told = [(name, records(_rows(grid, merged))[0]) for name, grid, merged in _sheets(path)]
    except MemoryError:  # a limit, not the file's damage: it is tried again
        raise
    except Exception as error:  # the parsers fail in all manners on damaged files
        raise unreadable(path, "workbook", error) from error
    blocks = [*boxes, *(f"{heading(1, name)}\n\n{said}" for name, said in told if said)]
    removed = [Removal(what="comments", count=comments)] if comments else []
    if lost:
        removed.append(Removal(what="parts that could not be read", count=len(lost), lines=tuple(lost[:50])))
    return Content(title=title, text="\n\n".join(blocks), removed=tuple(removed))


def _beside(path: Path) -> tuple[list[str], int, list[str]]:
    """What text boxes say, how many comments the cells have, and which parts of both are damaged."""
    boxes: list[str] = []
    lost: list[str] = []
    comments = 0
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            found = re.fullmatch(r"xl/(drawings/drawing\d+|(?:comments/)?comments?\d*)\.xml", name)
            try:
                root = part(archive, name) if found else None
            except (SyntaxError, zipfile.BadZipFile, zlib.error):
                lost.append(name)
                continue
            if root is None:
                continue
            for body in root.iter("{*}txBody"):
                lines = ("".join(text.text or "" for text in line.iter("{*}t")) for line in body.iter("{*}p"))
                boxes.append(plain("\n".join(line for line in lines if line.strip())))
            comments += sum(1 for _ in root.iter("{*}comment"))
    return [box for box in boxes if box], comments, lost


def _sheets(path: Path) -> Iterable[tuple[str, _Grid, list[_Range]]]:
    if path.suffix.lower() in MODERN and _size(path) <= FORMATTED:
        try:
            return [*_formatted(path)]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # openpyxl reads less than Excel does
            return _bare(path)
    return _bare(path)


def _size(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist() if entry.filename.endswith(".xml"))


def _formatted(path: Path) -> Iterator[tuple[str, _Grid, list[_Range]]]:
    """The sheets' names, cells as they are shown, and merged ranges."""
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that it leaves out, such as validations
        book = openpyxl.load_workbook(path, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        grid: _Grid = defaultdict(dict)
        for row, column in sorted(sheet._cells):  # a sheet with two far corners has no other bound
            cell = sheet._cells[row, column]
            text = shown(cell.value, cell.number_format)
            target = cell.hyperlink.target if cell.hyperlink else None
            if text:
                grid[row][column] = f"[{text}]({target})" if target and target not in text else text
        ranges = [(area.min_row, area.max_row, area.min_col, area.max_col) for area in sheet.merged_cells.ranges]
        yield _named(sheet.title, sheet.sheet_state == "visible"), grid, ranges


def _bare(path: Path) -> Iterator[tuple[str, _Grid, list[_Range]]]:
    """As `_formatted`, of any kind of workbook and fast, but numbers without their formats."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    with CalamineWorkbook.from_path(path) as book:
        for known in book.sheets_metadata:
            if known.typ is not SheetTypeEnum.WorkSheet:
                continue
            sheet = book.get_sheet_by_name(known.name)
            first_row, first_column = sheet.start or (0, 0)
            grid = {
                number: {column: text for column, value in enumerate(row, first_column) if (text := shown(value, ""))}
                for number, row in enumerate(sheet.iter_rows(), first_row)
            }
            ranges = [(top, bottom, left, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()]
            yield _named(known.name, known.visible is SheetVisibleEnum.Visible), grid, ranges


def _named(name: str, visible: bool) -> str:
    return name if visible else f"{name} (hidden sheet)"


def _rows(grid: _Grid, merged: Iterable[_Range]) -> Iterator[Row]:
    """The rows from the first column on; one empty row stands for any number of them."""
    _fill(grid, merged)
    first = min((column for cells in grid.values() for column in cells), default=0)
    before = None
    for number in sorted(grid):
        cells = grid[number]
        if before is not None and number > before + 1:
            yield []
        before = number
        yield [cells.get(column, "") for column in range(first, max(cells) + 1)] if cells else []


def _fill(grid: _Grid, merged: Iterable[_Range]) -> None:
    """Put the text of merged cells into each of them, but for a title that has its row for itself."""
    left = FILLED
    for first_row, last_row, first, last in merged:
        text = grid.get(first_row, {}).get(first)
        if not text:
            continue
        shares = len(grid[first_row]) > 1
        for row in range(first_row, min(last_row, first_row + left) + 1):
            for column in range(first, min(last, first + left) + 1) if shares else (first,):
                if left and (row == first_row or row in grid):
                    left -= 1
                    grid[row].setdefault(column, text)


def shown(value: object, number_format: str) -> str:
    """The value as a reader of the sheet sees it: a date as ISO 8601, a number with its unit and all its digits."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int() | float():
            return _number(value, number_format)
        case datetime.datetime():
            midnight = value.time() == datetime.time(0)
            return value.date().isoformat() if midnight else value.isoformat(" ", "seconds").removesuffix(":00")
        case datetime.time():
            return value.isoformat("seconds").removesuffix(":00")
        case datetime.timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
        case _:
            return " ".join(str(value).split())


def _number(value: float, number_format: str) -> str:
    section = (number_format or "General").split(";")[0]
    before, after, digits, percent = "", "", "", False
    for match in _PIECE.finditer(section):
        text, currency, escaped, sign, _, placeholder = match.groups()
        percent |= sign == "%"
        if placeholder and not digits:
            digits = placeholder.strip()
        elif not placeholder:
            literal = text or currency or escaped or sign or ""
            before, after = (before, after + literal) if digits else (before + literal, after)
    if not digits:
        before = after = ""
        percent = False
    exact = f"{value * (100 if percent else 1):.15g}"
    decimals = len(digits.split(".")[1].strip(", ")) if "." in digits else 0
    rounded = f"{float(exact):.{min(decimals, 15)}f}"
    text = rounded if digits and float(rounded) == float(exact) else exact
    if re.fullmatch(r"0{2,}", digits) and text.isdigit():
        text = text.zfill(min(len(digits), 30))
    return f"{before}{text}{after}".strip()
