"""PDF to Markdown: pages in reading order, with headings and tables. PDFium finds the letters."""

import ctypes
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.formats.layout import HEADING, Line, Rule, Word, in_words, lines, markdown, may_head
from ingest.reading.formats.marks import lowered, raised
from ingest.reading.formats.pdf_fonts import Fonts, without
from ingest.reading.formats.pdf_gaps import divided, is_no_blank, whole
from ingest.reading.raw import PAGE_BREAK, Content, Removal, Unreadable

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

TURNED = 0.1  # radians from which on a line of text is not level
MOST_OFF = 1.7  # times that a letter's box is higher or lower than the size of its font
SMALLER = 0.85  # times as high as a word's first letter is one that may be raised or lowered
TYPED = 0.6  # of a file's letters in code: more are none, but a text that is typed as a whole
MOST_SHAPES = 2_000  # of a page, that are looked at for rules, and five times as many of their parts: a map has more
POINTS = 10  # of a drawing, at least, on lines of nothing else
POINTED = 3  # such lines, at least: a single one may be a score
SHARE_OF_PAGES = 0.6  # on which a turned line stands before it counts as what all pages have
FEWEST_PAGES = 3

_POINTS = re.compile(r"([\u25a0-\u25ff])(?:\s*\1)*")
_NUMBER = re.compile(r"\d+")
_NO_TITLE = re.compile(r"(?i)(?:untitled.*|\(.*\)|microsoft word\b.*|.*\.\w{3,4})?")
_BROKEN = re.compile("[\ue000-\uf8ff\ufffd\x00]")
_HYPHENS = {"\x02": "-", "\ufffe": "-", "\xad": "-"}  # what PDFium makes of a hyphen at the end of a line


def read(path: Path) -> Content:
    """The pages, divided by PAGE_BREAK. Pages that hold only pictures, or no letters one could name, are listed."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        reason = "is encrypted; save it without a password" if locked else "is a damaged PDF, or none"
        raise Unreadable(reason) from error
    try:
        title = document.get_metadata_value("Title").strip()
        pages, removed = _pages(document)
        if _is_typed(pages):
            pages, removed = _pages(document, typed=True)
    finally:
        document.close()
    if not any(pages):
        raise Unreadable("holds only pictures; run OCR first" if removed else "holds no text")
    sizes, sure = _heading_sizes(pages)
    text = f"\n{PAGE_BREAK}\n".join(markdown(page, sizes, sure) for page in pages)
    return Content(title="" if _NO_TITLE.fullmatch(title) else title, text=text, removed=removed)


@dataclass(frozen=True, slots=True)
class _Page:
    lines: list[Line]
    turned: tuple[Line, ...] = ()
    failed: str = ""  # what of it cannot be read, and why
    points: int = 0  # of drawings, that are left out


_DAMAGED = "pages that are damaged"
_PICTURES = "pages that hold only pictures; run OCR first"
_NAMELESS = "pages whose fonts do not name their letters; run OCR first"


def _pages(document: "PdfDocument", *, typed: bool = False) -> tuple[list[list[Line]], tuple[Removal, ...]]:
    fonts = Fonts()
    pages = [_page(document, number, fonts, typed=typed) for number in range(len(document))]
    signs = fonts.of_signs()
    for number in fonts.pages:  # only now is it known what stands there
        pages[number] = _page(document, number, signs=signs, typed=typed)
    removed = []
    for what in (_DAMAGED, _PICTURES, _NAMELESS):
        if where := [f"page {number}" for number, page in enumerate(pages, 1) if page.failed == what]:
            removed.append(Removal(what=what, count=len(where), lines=tuple(where[:50])))
    if points := [f"page {number}: {page.points}" for number, page in enumerate(pages, 1) if page.points]:
        count = sum(page.points for page in pages)
        removed.append(Removal(what="points of drawings", count=count, lines=tuple(points[:50])))
    if signs:
        names = tuple(f"{name or 'a font without a name'}: {count}" for name, count in signs.items())
        removed.append(Removal(what="signs of fonts that name no letters", count=sum(signs.values()), lines=names))
    return _with_turned(pages), tuple(removed)


def _with_turned(pages: Sequence[_Page]) -> list[list[Line]]:
    """The lines of each page with the turned ones: beside their text, but at the page's end where most pages have the
    same, but for numbers, as with running feet."""
    seen = Counter(shape for page in pages for shape in {_NUMBER.sub("0", line.text) for line in page.turned})
    enough = max(FEWEST_PAGES, SHARE_OF_PAGES * len(pages))
    for page in pages:
        feet = [line for line in page.turned if seen[_NUMBER.sub("0", line.text)] >= enough]
        for line in page.turned:
            if line not in feet:
                page.lines.insert(_beside(line, page.lines), line)
        page.lines.extend(feet)
    return [page.lines for page in pages]


def _is_typed(pages: Sequence[Sequence[Line]]) -> bool:
    letters: Counter[bool] = Counter()
    for page in pages:
        for line in page:
            letters[line.code] += len("".join(line.text.split()))
    return letters[True] > TYPED * letters.total()


def _page(
    document: "PdfDocument",
    number: int,
    fonts: Fonts | None = None,
    *,
    signs: Collection[str] = (),
    typed: bool = False,
) -> _Page:
    """The lines of a page, without what is set in the fonts of `signs`. None yet, where `fonts` takes note of it."""
    import pypdfium2

    try:
        page = document[number]
        textpage = page.get_textpage()
        letters = _letters(textpage)
        if fonts and fonts.note(number, textpage, letters):
            page.close()
            return _Page([])
        gone = 0
        if signs:
            letters, gone = without(textpage, letters, signs)
        words, turned, rest = _words(textpage, letters)
    except pypdfium2.PdfiumError:
        return _Page([], failed=_DAMAGED)
    text = "".join(word.text for word in (*words, *turned)) + rest
    broken = len(_BROKEN.findall(text))
    if 2 * broken > len(text):
        words, turned, rest = [], [], ""
    found = lines(words, list(_rules(page)) if words else (), typed=typed)
    found, points = _without_points(found)
    found += [Line(text=line, size=0.0) for line in rest.split("\n") if line]
    if 2 * (broken + gone) > len(text) + gone:
        failed = _NAMELESS
    else:
        failed = _PICTURES if not text and _has_picture(page) else ""
    page.close()
    return _Page(found, tuple(_turned(turned)), failed, points)


def _without_points(page: Sequence[Line]) -> tuple[list[Line], int]:
    """The lines without the points of drawings, and how many these are: of several lines that hold nothing but one
    sign again and again, which says nothing."""
    kept: list[Line] = []
    gone = 0
    for are_points, some in groupby(page, lambda line: bool(_POINTS.fullmatch(line.text))):
        same = list(some)
        signs = sum(len("".join(line.text.split())) for line in same)
        if are_points and len(same) >= POINTED and signs >= POINTS:
            gone += signs
        else:
            kept += same
    return kept, gone


def _has_picture(page: "PdfPage") -> bool:
    import pypdfium2.raw as pdfium

    return next(iter(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)), None) is not None


def _rules(page: "PdfPage") -> Iterator[Rule]:
    """The straight lines, upright or level, that the page draws, also as the edges of boxes."""
    import pypdfium2.raw as pdfium

    shapes = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=3)
    parts_left = 5 * MOST_SHAPES
    for shape in islice(shapes, MOST_SHAPES):
        matrix = shape.get_matrix()
        before = None
        parts = min(pdfium.FPDFPath_CountSegments(shape), parts_left)
        parts_left -= parts
        for number in range(parts):
            segment = pdfium.FPDFPath_GetPathSegment(shape, number)
            x, y = ctypes.c_float(), ctypes.c_float()
            pdfium.FPDFPathSegment_GetPoint(segment, x, y)
            point = matrix.on_point(x.value, y.value)
            if before and pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_LINETO:
                (left, right), (bottom, top) = sorted((before[0], point[0])), sorted((before[1], point[1]))
                if min(right - left, top - bottom) < 1 and max(right - left, top - bottom) > 5:
                    yield Rule(left=left, right=right, bottom=bottom, top=top)
            before = point


def _letters(textpage: "PdfTextPage") -> list[str]:
    import pypdfium2.raw as pdfium

    page, letter = textpage.raw, pdfium.FPDFText_GetUnicode
    return [chr(letter(page, place)) for place in range(max(0, textpage.count_chars()))]


def _words(textpage: "PdfTextPage", letters: Sequence[str]) -> tuple[list[Word], list[Word], str]:
    """The upright words and the turned ones with their places, and the text of a page that is turned as a whole."""
    import pypdfium2.raw as pdfium

    words: list[Word] = []
    turned: list[Word] = []
    before = 0
    for start, end in _spans(letters):
        if _is_turned(textpage, start):
            turned.append(_around(textpage, letters, start, end))
        else:
            found = [word for part in divided(textpage, start, end) for word in _placed(textpage, letters, *part)]
            made_up = start - before == 1 and pdfium.FPDFText_IsGenerated(textpage, before) == 1
            if made_up and words and found and is_no_blank(words[-1], found[0]):
                found[:1] = [whole(words.pop(), found[0])]
            words += found
        before = end
    if len(turned) > len(words):
        return [], [], _text(letters).replace("\r", "")
    return words, turned, ""


def _around(textpage: "PdfTextPage", letters: Sequence[str], start: int, end: int) -> Word:
    boxes = [textpage.get_charbox(place, loose=True) for place in (start, end - 1)]
    left, bottom, right, top = zip(*boxes, strict=True)
    return Word(text=_text(letters[start:end]), left=min(left), bottom=min(bottom), right=max(right), top=max(top))


def _turned(words: Sequence[Word]) -> Iterator[Line]:
    """The turned lines, each at the height of its middle."""
    for _, run in groupby(words, lambda word: (round(word.left), round(word.right))):
        line = list(run)
        middle = (max(word.top for word in line) + min(word.bottom for word in line)) / 2
        yield Line(text=" ".join(word.text for word in line), size=0.0, gap=True, top=middle)


def _beside(turned: Line, page: Sequence[Line]) -> int:
    """Where a turned line goes: before what stands apart from the lines above, below the middle of it."""
    below = (at for at, line in enumerate(page) if line.top < turned.top and (line.gap or line.rows or line.code))
    return next(below, len(page))


def _is_turned(textpage: "PdfTextPage", place: int) -> bool:
    """Whether the letter's foot is not level. PDFium's own angle is that of its side, which is slanted in italics."""
    import pypdfium2.raw as pdfium

    if abs(pdfium.FPDFText_GetCharAngle(textpage, place)) <= TURNED:
        return False
    matrix = pdfium.FS_MATRIX()
    return not pdfium.FPDFText_GetMatrix(textpage, place, matrix) or abs(math.atan2(matrix.b, matrix.a)) > TURNED


def _placed(textpage: "PdfTextPage", letters: Sequence[str], start: int, end: int) -> Iterator[Word]:
    """The word, or its parts where they do not stand on one line: PDFium leaves out some line ends."""
    while start < end:
        left, bottom, right, top = first = textpage.get_charbox(start, loose=True)
        last = textpage.get_charbox(end - 1, loose=True)
        stop = end if _follows(first, last) else start + 1
        right = max(right, last[2]) if stop == end else right
        text = _text(letters[start:stop])
        if stop != end or any(map(str.isdigit, text)):
            places = [""] * (stop - start)
            if stop == end:
                places = [_place(first, textpage.get_charbox(place, loose=True)) for place in range(start, end)]
            while stop < end and _follows(first, box := textpage.get_charbox(stop, loose=True)):
                stop, right = stop + 1, max(right, box[2])
                places.append(_place(first, box))
            text = _marked(letters[start:stop], places)
        size = _size(textpage, start, top - bottom)
        yield Word(text=text, left=left, right=right, bottom=bottom, top=top, size=size)
        start = stop


def _size(textpage: "PdfTextPage", place: int, height: float) -> float:
    """The size of the letter's font, if it is one of its box, which it need not be of fonts made of pictures."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, place, matrix)
    size = pdfium.FPDFText_GetFontSize(textpage, place) * math.hypot(matrix.b, matrix.d)
    return size if size / MOST_OFF < height < size * MOST_OFF else 0.0


def _place(first: tuple[float, ...], box: tuple[float, ...]) -> str:
    """Whether a letter is raised or lowered: smaller, and not on the line of the word's first one."""
    height, own = first[3] - first[1], box[3] - box[1]
    if own >= SMALLER * height:
        return ""
    above = (box[1] - first[1]) / height
    return "raised" if above > 0.2 else "lowered" if above < -0.01 else ""  # letters of less height begin higher


def _marked(letters: Sequence[str], places: Sequence[str]) -> str:
    """The word's text, with signs for what is raised or lowered in it: 10^-5."""
    text = ""
    at = 0
    for place, some in groupby(places):
        end = at + len(list(some))
        part = _text(letters[at:end])
        after = letters[end] if end < len(letters) else ""
        is_marked = place and any(map(str.isdigit, part))  # others may be a logo, or capitals of another size
        text += part if not is_marked else raised(part) if place == "raised" else lowered(part, text, after)
        at = end
    return text


def _follows(before: tuple[float, ...], box: tuple[float, ...]) -> bool:
    middle = (box[1] + box[3]) / 2
    return before[1] <= middle <= before[3] and box[2] >= before[0]


def _text(letters: Sequence[str]) -> str:
    text = "".join(_HYPHENS.get(letter, letter) for letter in letters)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # letters beyond 16 bits come in two


def _spans(letters: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the words stand among the letters."""
    start = None
    for place, letter in enumerate(letters):
        if letter.isspace() or letter == "\0":
            if start is not None:
                yield start, place
            start = None
            continue
        if start is None:
            start = place
        if letter in _HYPHENS and letter != "\xad":  # what follows stands on the next line
            yield start, place + 1
            start = None
    if start is not None:
        yield start, len(letters)


def _heading_sizes(pages: Sequence[Sequence[Line]]) -> tuple[dict[float, int], set[float]]:
    """The levels of the headings by the height of their letters: those that are few and higher than the body's.

    And those of the heights at which any line is a heading, because most lines of it hold words, or none stands twice.
    """
    heights: Counter[float] = Counter()
    of_height: dict[float, list[str]] = defaultdict(list)
    for page in pages:
        for line in page:
            heights[line.size] += len(line.text)
            if may_head(line):
                of_height[line.size].append(line.text)
    body = max(heights, key=lambda height: (heights[height], -height))
    in_them = {height: sum(map(in_words, texts)) for height, texts in of_height.items()}
    sure = {
        height
        for height, texts in of_height.items()
        if 2 * in_them[height] >= len(texts) or len(set(texts)) == len(texts)
    }
    higher = sorted((height for height in of_height if height >= HEADING * body > 0), reverse=True)
    higher = [height for height in higher if height in sure or in_them[height]]
    if sum(heights[height] for height in higher) > 0.2 * heights.total():
        return {}, sure
    merged: dict[float, int] = {}
    level, above = 0, 0.0
    for height in higher:
        if not above or height < 0.95 * above:
            level, above = level + 1, height
        merged[height] = min(level, 6)
    return merged, sure
