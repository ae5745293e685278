"""The words of a page of a PDF with their places, from the letters that PDFium finds."""

import ctypes
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from ingest.reading.formats.layout import Word
from ingest.reading.formats.marks import lowered, raised, script
from ingest.reading.formats.pdf_formulas import ASCENT, AXIS, BIG, DESCENT
from ingest.reading.formats.pdf_gaps import divided, is_no_blank, whole

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

TURNED = 0.1  # radians from which on a line of text is not level
MOST_OFF = 1.7  # times that a letter's box is higher or lower than the size of its font
SMALLER = 0.85  # times as high as a word's first letter is one that may be raised or lowered

_HYPHENS = {"\x02": "-", "\ufffe": "-", "\xad": "-"}  # what PDFium makes of a hyphen at the end of a line


def letters_of(textpage: "PdfTextPage") -> list[str]:
    import pypdfium2.raw as pdfium

    page, letter = textpage.raw, pdfium.FPDFText_GetUnicode
    return [chr(letter(page, place)) for place in range(max(0, textpage.count_chars()))]


def formulas_of(textpage: "PdfTextPage", letters: Sequence[str], texts: Mapping[int, bool]) -> dict[int, bool]:
    """The letters that are set in fonts of formulas, and whether it is one of their big signs."""
    found: dict[int, bool] = {}
    for start, end in _spans(letters, blank="") if texts else ():
        first, last = _text_at(textpage, start), _text_at(textpage, end - 1)
        if first == last:
            if first in texts:
                found |= dict.fromkeys(range(start, end), texts[first])
            continue
        for place in range(start, end):
            text = _text_at(textpage, place)
            if text in texts:
                found[place] = texts[text]
    return found


def _text_at(textpage: "PdfTextPage", place: int) -> int:
    """The address of the text that a letter is part of; 0 of what PDFium adds."""
    import pypdfium2.raw as pdfium

    text = pdfium.FPDFText_GetTextObject(textpage.raw, place)
    return ctypes.addressof(text.contents) if text else 0


def with_big_signs(textpage: "PdfTextPage", letters: list[str], formulas: Mapping[int, bool]) -> list[str]:
    import pypdfium2.raw as pdfium

    named = list(letters)
    for place, is_big in formulas.items():
        if is_big and pdfium.FPDFText_HasUnicodeMapError(textpage.raw, place) == 1:
            named[place] = BIG.get(ord(letters[place]), letters[place])
    return named


def words_of(
    textpage: "PdfTextPage", letters: Sequence[str], owners: Mapping[int, int], formulas: Mapping[int, bool]
) -> tuple[list[Word], list[Word], str]:
    """The upright words and the turned ones with their places, and the text of a page that is turned as a whole.

    `owners` are the embedded drawings of texts, `formulas` the letters of formulas.
    """
    import pypdfium2.raw as pdfium

    words: list[Word] = []
    turned: list[Word] = []
    before = 0
    for start, end in _spans(letters):
        drawing = owners.get(_text_at(textpage, start)) if owners else None
        if _is_turned(textpage, start):
            turned.append(replace(_around(textpage, letters, start, end), drawing=drawing))
        else:
            parts = (part for whole in divided(textpage, start, end) for part in _without_big(*whole, formulas))
            found = [word for part in parts for word in _placed(textpage, letters, *part, formulas)]
            made_up = start - before == 1 and pdfium.FPDFText_IsGenerated(textpage, before) == 1
            if made_up and words and found and is_no_blank(words[-1], found[0]):
                found[:1] = [whole(words.pop(), found[0])]
            words += found if drawing is None else (replace(word, drawing=drawing) for word in found)
        before = end
    if len(turned) > len(words):
        return [], [], _text(letters).replace("\r", "")
    return words, turned, ""


def _without_big(start: int, end: int, formulas: Mapping[int, bool]) -> Iterator[tuple[int, int]]:
    """The parts of a word, in which each big sign of a formula is one of its own."""
    for is_big, places in groupby(range(start, end), lambda place: formulas.get(place, False)):
        some = list(places)
        yield from ((place, place + 1) for place in some) if is_big else ((some[0], some[-1] + 1),)


def _around(textpage: "PdfTextPage", letters: Sequence[str], start: int, end: int) -> Word:
    boxes = [textpage.get_charbox(place, loose=True) for place in (start, end - 1)]
    left, bottom, right, top = zip(*boxes, strict=True)
    return Word(text=_text(letters[start:end]), left=min(left), bottom=min(bottom), right=max(right), top=max(top))


def _is_turned(textpage: "PdfTextPage", place: int) -> bool:
    """Whether the letter's foot is not level. PDFium's own angle is that of its side, which is slanted in italics."""
    import pypdfium2.raw as pdfium

    if abs(pdfium.FPDFText_GetCharAngle(textpage, place)) <= TURNED:
        return False
    matrix = pdfium.FS_MATRIX()
    return not pdfium.FPDFText_GetMatrix(textpage, place, matrix) or abs(math.atan2(matrix.b, matrix.a)) > TURNED


def _placed(
    textpage: "PdfTextPage", letters: Sequence[str], start: int, end: int, formulas: Mapping[int, bool]
) -> Iterator[Word]:
    """The word, or its parts where they do not stand on one line: PDFium leaves out some line ends."""
    if formulas and (any(place in formulas for place in range(start, end)) or _has_digit(letters[start:end])):
        yield from _of_formula(textpage, letters, start, end, formulas)
        return
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
            text = _marked(letters[start:stop], places, _in_text)
        size = _size(textpage, start, top - bottom)
        word = Word(text=text, left=left, right=right, bottom=bottom, top=top, size=size)
        yield replace(word, base=_set(textpage, start)[1]) if formulas else word
        start = stop


def _has_digit(letters: Sequence[str]) -> bool:
    return any(map(str.isdigit, letters))


def _of_formula(
    textpage: "PdfTextPage", letters: Sequence[str], start: int, end: int, formulas: Mapping[int, bool]
) -> Iterator[Word]:
    """The parts of a word with letters of a formula, by sizes and lines: boxes of such fonts have other heights."""
    if formulas.get(start):
        yield _big(textpage, letters[start], start)
        return
    while start < end:
        size, base = _set(textpage, start)
        left, bottom, right, top = textpage.get_charbox(start, loose=True)
        places = [""]
        for place in range(start + 1, end):
            own, line = _set(textpage, place)
            box = textpage.get_charbox(place, loose=True)
            is_small = own < SMALLER * size
            if size < SMALLER * own or abs(line - base) > (0.7 if is_small else 0.1) * size or box[2] < left:
                break
            right = max(right, box[2])
            shift = (line - base) / size if size else 0.0
            places.append("raised" if is_small and shift > 0.1 else "lowered" if is_small and shift < -0.04 else "")
        stop = start + len(places)
        is_formula = any(place in formulas for place in range(start, stop))
        text = _marked(letters[start:stop], places, _in_formula if is_formula else _in_text)
        yield Word(text=text, left=left, right=right, bottom=bottom, top=top, size=size, base=base, math=is_formula)
        start = stop


def _set(textpage: "PdfTextPage", place: int) -> tuple[float, float]:
    """The size in which a letter is set, and the height of the line on which it stands."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, place, matrix)
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(textpage.raw, place, x, y)
    return pdfium.FPDFText_GetFontSize(textpage, place) * math.hypot(matrix.b, matrix.d), y.value


def _big(textpage: "PdfTextPage", text: str, place: int) -> Word:
    """A sign whose font has no line on which it stands: its middle is at the height of a minus."""
    left, bottom, right, top = textpage.get_charbox(place)
    size, _ = _set(textpage, place)
    base = (bottom + top) / 2 - AXIS * size
    return Word(
        text=text,
        left=left,
        right=right,
        bottom=base - DESCENT * size,
        top=base + ASCENT * size,
        size=size,
        base=base,
        math=True,
    )


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


def _marked(letters: Sequence[str], places: Sequence[str], mark: Callable[[str, str, str, str], str]) -> str:
    """The word's text, with signs for what is raised or lowered in it."""
    text = ""
    at = 0
    for place, some in groupby(places):
        end = at + len(list(some))
        part = _text(letters[at:end])
        text += mark(part, place, text, letters[end] if end < len(letters) else "") if place else part
        at = end
    return text


def _in_text(part: str, place: str, before: str, after: str) -> str:
    """10^-5; what holds no digits may be a logo, or capitals of another size."""
    if not any(map(str.isdigit, part)):
        return part
    return raised(part) if place == "raised" else lowered(part, before, after)


def _in_formula(part: str, place: str, before: str, after: str) -> str:
    """x_i, and x_2 too."""
    return script(part, is_raised=place == "raised") + (" " if after.isalnum() else "")


def _follows(before: tuple[float, ...], box: tuple[float, ...]) -> bool:
    middle = (box[1] + box[3]) / 2
    return before[1] <= middle <= before[3] and box[2] >= before[0]


def _text(letters: Sequence[str]) -> str:
    text = "".join(_HYPHENS.get(letter, letter) for letter in letters)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # letters beyond 16 bits come in two


def _spans(letters: Sequence[str], blank: str = "\0") -> Iterator[tuple[int, int]]:
    """Where the words stand among the letters, which a `blank` parts as any white space does."""
    start = None
    for place, letter in enumerate(letters):
        if letter.isspace() or letter in blank:
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
