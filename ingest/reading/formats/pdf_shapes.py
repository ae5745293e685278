"""What a page of a PDF draws: straight lines, which prove where cells end, and drawings, in which words are labels."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ingest.reading.formats.layout import Rule

if TYPE_CHECKING:
    from pypdfium2 import PdfMatrix, PdfPage

MOST_SHAPES = 2_000  # of a page, that are looked at, and five times as many of their parts: a map has more
DEEPEST = 3  # how many drawings may be embedded in each other
NEAR = 4.0  # points between shapes of one drawing, at most
LARGEST = 0.5  # share of the page, of a shape of a drawing: larger ones are the page's ground
MOST_DRAWINGS = 100  # a page of more is ornament

_NAME = 200  # bytes of a font's name
_FORMULAS = re.compile(
    r"(?i)(?:[a-z]{6}\+)?(?:cm(?:mi|sy|ex|bsy)|ms[ab]m\d|.*math|symbol|standardsym|[rt]?[tp]x(?:sy|mi|ex)|mt(?:mi|sy|ex)|eu[sf]m)"
)
_BIG = re.compile(r"(?i)(?:[a-z]{6}\+)?(?:cmex|lmmathextension)")

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


@dataclass(slots=True)
class Drawing:
    """Shapes that belong together: embedded as one, or close to each other."""

    shapes: int = 0
    bent: int = 0  # of these, that have slanted or curved edges, as no cell has
    box: Box | None = None


@dataclass(slots=True)
class Shapes:
    """What the page draws; the drawings that it embeds come first, and `owners` names theirs by a text's address."""

    rules: list[Rule] = field(default_factory=list)
    embedded: list[Drawing] = field(default_factory=list)
    owners: dict[int, int] = field(default_factory=dict)
    near: list[Drawing] = field(default_factory=list)
    formulas: dict[int, bool] = field(default_factory=dict)  # texts in fonts of formulas; whether these are big signs
    fonts: dict[int, str] = field(default_factory=dict)
    own: list[tuple[Box, bool]] = field(default_factory=list)  # of the page itself, and whether each is bent
    shapes_left: int = MOST_SHAPES
    parts_left: int = 5 * MOST_SHAPES


def shapes_of(page: "PdfPage") -> Shapes:
    """The page's straight lines, upright or level, also as the edges of boxes, and its drawings."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    found = Shapes()
    count = pdfium.FPDFPage_CountObjects(page.raw)
    objects = (pdfium.FPDFPage_GetObject(page.raw, place) for place in range(count))
    _look_at(objects, found, pypdfium2.PdfMatrix(), 1, None)
    width, height = page.get_size()
    found.near = list(_joined([(box, bent) for box, bent in found.own if _area(box) < LARGEST * width * height]))
    return found


def _look_at(objects: Iterator[Any], found: Shapes, outer: "PdfMatrix", depth: int, owner: int | None) -> None:
    import pypdfium2.raw as pdfium

    for shape in objects:
        kind = pdfium.FPDFPageObj_GetType(shape)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            name = _font(shape, found.fonts)
            if _FORMULAS.match(name):
                found.formulas[ctypes.addressof(shape.contents)] = bool(_BIG.match(name))
            if owner is not None:
                found.owners[ctypes.addressof(shape.contents)] = owner
        elif kind == pdfium.FPDF_PAGEOBJ_PATH and found.shapes_left > 0:
            found.shapes_left -= 1
            _note(shape, found, _matrix(shape, outer), owner)
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth < DEEPEST:
            within = owner
            if within is None:
                found.embedded.append(Drawing())
                within = len(found.embedded) - 1
            parts = range(max(0, pdfium.FPDFFormObj_CountObjects(shape)))
            inner = (pdfium.FPDFFormObj_GetObject(shape, place) for place in parts)
            _look_at(inner, found, _matrix(shape, outer), depth + 1, within)


def _font(text: Any, names: dict[int, str]) -> str:
    """The name of the text's font. The addresses of fonts hold for a page."""
    import pypdfium2.raw as pdfium

    font = pdfium.FPDFTextObj_GetFont(text)
    if not font:
        return ""
    address = ctypes.addressof(font.contents)
    if address not in names:
        buffer = ctypes.create_string_buffer(_NAME)
        length = pdfium.FPDFFont_GetBaseFontName(font, buffer, _NAME)
        names[address] = buffer.value.decode("utf-8", "replace") if 0 < length <= _NAME else ""
    return names[address]


def _matrix(shape: Any, outer: "PdfMatrix") -> "PdfMatrix":
    import pypdfium2
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFPageObj_GetMatrix(shape, matrix)
    return pypdfium2.PdfMatrix.from_raw(matrix).multiply(outer)


def _note(shape: Any, found: Shapes, matrix: "PdfMatrix", owner: int | None) -> None:
    """Take note of a shape: its straight edges, and the box around it."""
    points = list(_points(shape, found, matrix))
    if not points:
        return
    bent = any(curved for _, _, curved in points)
    for (before, _, _), (point, drawn, curved) in pairwise(points):
        if curved or not drawn:
            continue
        (left, right), (bottom, top) = sorted((before[0], point[0])), sorted((before[1], point[1]))
        if min(right - left, top - bottom) >= 1:
            bent = True
        elif max(right - left, top - bottom) > 5:
            found.rules.append(Rule(left=left, right=right, bottom=bottom, top=top))
    across, up = [point[0] for point, _, _ in points], [point[1] for point, _, _ in points]
    box = min(across), min(up), max(across), max(up)
    if owner is None:
        found.own.append((box, bent))
    else:
        _add(found.embedded[owner], box, bent)


def _points(shape: Any, found: Shapes, matrix: "PdfMatrix") -> Iterator[tuple[tuple[float, float], bool, bool]]:
    """Each point of the shape, whether a straight line leads to it, and whether a curve does."""
    import pypdfium2.raw as pdfium

    parts = max(0, min(pdfium.FPDFPath_CountSegments(shape), found.parts_left))
    found.parts_left -= parts
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(parts):
        segment = pdfium.FPDFPath_GetPathSegment(shape, number)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        straight, curved = kind == pdfium.FPDF_SEGMENT_LINETO, kind == pdfium.FPDF_SEGMENT_BEZIERTO
        yield matrix.on_point(x.value, y.value), straight, curved


def _joined(boxes: Sequence[tuple[Box, bool]]) -> Iterator[Drawing]:
    """The shapes of the page itself that stand near each other, where some of them are bent."""
    drawings: list[tuple[Box, int, int]] = []
    for box, bent in boxes:
        shapes, bends = 1, int(bent)
        while touching := [drawing for drawing in drawings if _touch(drawing[0], box)]:
            drawings = [drawing for drawing in drawings if not _touch(drawing[0], box)]
            box = _around([box, *(other for other, _, _ in touching)])
            shapes += sum(more for _, more, _ in touching)
            bends += sum(more for _, _, more in touching)
        drawings.append((box, shapes, bends))
        if len(drawings) > MOST_DRAWINGS:
            return
    yield from (Drawing(shapes, bends, box) for box, shapes, bends in drawings if bends)


def _add(drawing: Drawing, box: Box, bent: bool) -> None:
    drawing.shapes += 1
    drawing.bent += bent
    drawing.box = box if drawing.box is None else _around([drawing.box, box])


def _around(boxes: Sequence[Box]) -> Box:
    left, bottom, right, top = zip(*boxes, strict=True)
    return min(left), min(bottom), max(right), max(top)


def _touch(one: Box, other: Box) -> bool:
    across = one[0] <= other[2] + NEAR and other[0] <= one[2] + NEAR
    return across and one[1] <= other[3] + NEAR and other[1] <= one[3] + NEAR


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
