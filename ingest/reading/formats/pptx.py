"""PowerPoint to Markdown: each slide under its title, with tables, charts and notes."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.formats import drawings
from ingest.reading.formats.docx_styles import local
from ingest.reading.formats.formulas import linear
from ingest.reading.formats.marks import heading, plain, table
from ingest.reading.formats.office import office_title, unreadable
from ingest.reading.raw import Content, Removal

if TYPE_CHECKING:
    from lxml.etree import _Element
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide
    from pptx.table import Table
    from pptx.text.text import TextFrame

_SLIDE = "{http://schemas.openxmlformats.org/presentationml/2006/main}sldId"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_BESIDE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"


@dataclass(slots=True)
class _Lost:
    """What no text could be got from, by slide."""

    places: list[str] = field(default_factory=list)

    def unless(self, number: int, what: str, read: "Callable[[], Iterable[str]]") -> list[str]:
        """What `read` gives. Its failure costs what it gives and no more: the parser fails in all manners."""
        try:
            return list(read())
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - whatever the library stumbles over is the fault of this shape alone
            self.places.append(f"slide {number}: {what}")
            return []


def read(path: Path) -> Content:
    """The slides in their order, also hidden ones, which say so, with what their speaker's notes say.

    A shape, chart, table or note that cannot be read is listed, and costs nothing else.
    """
    from lxml.etree import XMLSyntaxError
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    damaged = (PythonPptxError, zipfile.BadZipFile, XMLSyntaxError, KeyError, ValueError, AttributeError, TypeError)
    lost = _Lost()
    told: list[str] = []
    try:
        title = office_title(path)
        deck = Presentation(str(path))
        for number, known in enumerate(deck.element.iter(_SLIDE), 1):
            slide_of = partial(deck.part.related_slide, str(known.get(_RELATION, "")))
            told += lost.unless(number, "all of it", partial(_slide, slide_of, number, lost))
    except (*damaged, IndexError, RuntimeError, EOFError, OSError) as error:
        raise unreadable(path, "PowerPoint file", error) from error
    first = next((block.removeprefix("## ") for block in told if block.startswith("## ")), "")
    removed = [Removal(what="shapes that could not be read", count=len(lost.places), lines=tuple(lost.places[:50]))]
    return Content(title=title or first, text="\n\n".join(told), removed=tuple(removed if lost.places else ()))


def _slide(slide_of: "Callable[[], Slide]", number: int, lost: _Lost) -> list[str]:
    """What the slide says under its title, as blocks of Markdown; nothing where there is nothing on it."""
    slide = slide_of()
    _unwrap(slide.element)
    title, title_shape = _title(slide.shapes)
    blocks = [
        block
        for shape in _flat(slide.shapes)
        for block in lost.unless(number, "a shape", partial(_blocks, shape, title_shape))
    ]
    notes = lost.unless(number, "its notes", partial(_notes, slide))
    blocks += [f"Notes: {block}" if not place else block for place, block in enumerate(notes)]
    hidden = slide.element.get("show") == "0"
    name = f"{title or 'Slide'} (hidden slide)" if hidden else title
    return [block for block in (heading(2, name), *blocks) if block] if title or blocks else []


def _notes(slide: "Slide") -> Iterator[str]:
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        yield from _paragraphs(slide.notes_slide.notes_text_frame)


def _unwrap(slide: "_Element") -> None:
    """Put in the place of content in two forms, which the library passes over, the new form or that which has words."""
    for both in list(slide.iter(_BESIDE)):
        forms = [form for form in both if next(form.iter("{*}t"), None) is not None] or list(both)
        parent = both.getparent()
        if parent is not None:
            place = parent.index(both)
            parent[place : place + 1] = list(forms[0]) if forms else []


def _title(shapes: "Iterable[BaseShape]") -> tuple[str, int | None]:
    """The text of the slide's title, wherever it stands among the shapes, and the shape's id."""
    from pptx.enum.shapes import PP_PLACEHOLDER
    from pptx.shapes.autoshape import Shape

    kinds = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE)
    for shape in _flat(shapes):
        if isinstance(shape, Shape) and shape.is_placeholder and shape.placeholder_format.type in kinds:
            text = " ".join(shape.text_frame.text.split())
            if text:
                return text, shape.shape_id
    return "", None


def _flat(shapes: "Iterable[BaseShape]") -> "Iterator[BaseShape]":
    """The shapes, and those of groups in their place."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _flat(shape.shapes)
        else:
            yield shape


def _blocks(shape: "BaseShape", title: int | None) -> Iterator[str]:
    from pptx.enum.shapes import PP_PLACEHOLDER
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.graphfrm import GraphicFrame

    beside = (PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE)  # what PowerPoint itself puts on every slide
    if shape.shape_id == title or (shape.is_placeholder and shape.placeholder_format.type in beside):
        return
    if isinstance(shape, Shape):
        yield from _paragraphs(shape.text_frame)
    elif isinstance(shape, GraphicFrame) and shape.has_table:
        yield table(_rows(shape.table))
    else:
        yield from _drawn(shape)


def _paragraphs(frame: "TextFrame") -> Iterator[str]:
    """The paragraphs; indented ones become the items of lists."""
    lines: list[str] = []
    for paragraph in frame.paragraphs:
        text = " ".join(_text(paragraph._p).split())
        links = [run.hyperlink.address for run in paragraph.runs if run.hyperlink.address]
        text += "".join(f" ({link})" for link in dict.fromkeys(links) if link not in text)
        if text:
            lines.append(f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level else plain(text))
    if lines:
        yield "\n".join(lines)


def _text(paragraph: "_Element") -> str:
    """The paragraph's text, with its formulas, which the library leaves out."""
    said = []
    for node in paragraph:
        match local(node):
            case "r" | "fld":
                said.append("".join(text.text or "" for text in node.iter("{*}t")))
            case "br":
                said.append(" ")
            case "m" | "oMath" | "oMathPara":
                said.append(linear(node))
    return "".join(said)


def _rows(of: "Table") -> list[list[str]]:
    """The cells' texts; those of merged cells in each of them."""
    rows = [[cell.text for cell in row.cells] for row in of.rows]
    for top, row in enumerate(of.rows):
        for left, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for line in rows[top : top + cell.span_height]:
                    line[left : left + cell.span_width] = [cell.text] * len(line[left : left + cell.span_width])
    return rows


def _drawn(shape: "BaseShape") -> Iterator[str]:
    """What stands for a picture, and the words and numbers of a chart or a diagram."""
    from lxml import etree

    element: _Element = shape.element
    described = next((str(node.get("descr")) for node in element.iter("{*}cNvPr") if node.get("descr")), "")
    if described:
        yield f"[{described}]"
    for node in element.iter("{*}relIds", "{*}chart"):
        known = next((str(value) for key, value in node.attrib.items() if str(key).endswith(("}dm", "}id"))), "")
        if known:
            data = shape.part.related_part(known).blob
            yield from drawings.said(etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True)))
