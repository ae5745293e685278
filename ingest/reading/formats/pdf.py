"""PDF to Markdown: pages in reading order, with headings and tables. PDFium finds the letters."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.formats.layout import HEADING, Line, in_words, lines, markdown, may_head
from ingest.reading.formats.pdf_drawings import turned_lines, without_labels
from ingest.reading.formats.pdf_fonts import Fonts, without
from ingest.reading.formats.pdf_formulas import in_lines
from ingest.reading.formats.pdf_shapes import shapes_of
from ingest.reading.formats.pdf_words import formulas_of, letters_of, with_big_signs, words_of
from ingest.reading.raw import PAGE_BREAK, Content, Removal, Unreadable

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage


TYPED = 0.6  # of a file's letters in code: more are none, but a text that is typed as a whole
POINTS = 10  # of a drawing, at least, on lines of nothing else
POINTED = 3  # such lines, at least: a single one may be a score
SHARE_OF_PAGES = 0.6  # on which a turned line stands before it counts as what all pages have
FEWEST_PAGES = 3

_POINTS = re.compile(r"([\u25a0-\u25ff])(?:\s*\1)*")
_NUMBER = re.compile(r"\d+")
_NO_TITLE = re.compile(r"(?i)(?:untitled.*|\(.*\)|microsoft word\b.*|.*\.\w{3,4})?")
_BROKEN = re.compile("[\ue000-\uf8ff\ufffd\x00]")


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
        letters = letters_of(textpage)
        shapes = shapes_of(page)
        formulas = formulas_of(textpage, letters, shapes.formulas)
        letters = with_big_signs(textpage, letters, formulas)
        if fonts and fonts.note(number, textpage, letters, {at for at, is_big in formulas.items() if is_big}):
            page.close()
            return _Page([])
        gone = 0
        if signs:
            letters, gone = without(textpage, letters, signs)
        words, turned, rest = words_of(textpage, letters, shapes.owners, formulas)
    except pypdfium2.PdfiumError:
        return _Page([], failed=_DAMAGED)
    text = "".join(word.text for word in (*words, *turned)) + rest
    broken = len(_BROKEN.findall(text))
    if 2 * broken > len(text):
        words, turned, rest = [], [], ""
    words, turned, figures, gone_points = without_labels(words, turned, shapes)
    if formulas and words:
        words = in_lines(words, shapes.rules)
    found, points = _without_points(lines(words, shapes.rules, typed=typed))
    for figure in figures:
        found.insert(_beside(figure, found), figure)
    found += [Line(text=line, size=0.0) for line in rest.split("\n") if line]
    if 2 * (broken + gone) > len(text) + gone:
        failed = _NAMELESS
    else:
        failed = _PICTURES if not text and _has_picture(page) else ""
    page.close()
    return _Page(found, tuple(turned_lines(turned)), failed, points + gone_points)


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


def _beside(turned: Line, page: Sequence[Line]) -> int:
    """Where a turned line goes: before what stands apart from the lines above, below the middle of it."""
    below = (at for at, line in enumerate(page) if line.top < turned.top and (line.gap or line.rows or line.code))
    return next(below, len(page))


def _heading_sizes(pages: Sequence[Sequence[Line]]) -> tuple[dict[float, int], set[float]]:
    """The levels of the headings by the height of their letters: those that are few and higher than the body's.

    And those of the heights at which any line is a heading, because most lines of it hold words, or none stands twice.
    """
    heights: Counter[float] = Counter()
    of_height: dict[float, list[str]] = defaultdict(list)
    for page in pages:
        for line in page:
            heights[line.size] += len(line.text) if line.size else 0  # else of a drawing, or turned
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
