"""PowerPoint to Markdown: each slide under its title, with tables, charts and notes."""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.formats.marks import heading, plain, table
from ingest.reading.formats.office import office_title, unreadable
from ingest.reading.raw import Content

if TYPE_CHECKING:
    from lxml.etree import _Element
    from pptx.chart.chart import Chart
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide
    from pptx.table import Table
    from pptx.text.text import TextFrame

_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"


def read(path: Path) -> Content:
    """The slides in their order, also hidden ones, which say so, with what their speaker's notes say."""
    from lxml.etree import XMLSyntaxError
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    damaged = (PythonPptxError, zipfile.BadZipFile, XMLSyntaxError, KeyError, ValueError, AttributeError, TypeError)
    try:
        slides = [_slide(slide) for slide in Presentation(str(path)).slides]
        title = office_title(path)
    except (*damaged, IndexError, RuntimeError, EOFError, OSError) as error:
        raise unreadable(path, "PowerPoint file", error) from error
    text = "\n\n".join(block for _, blocks in slides for block in blocks)
    return Content(title=title or next((name for name, _ in slides if name), ""), text=text)


def _slide(slide: "Slide") -> tuple[str, list[str]]:
    """The slide's title and what it says, as blocks of Markdown; nothing where there is nothing on it."""
    title, title_shape = _title(slide.shapes)
    blocks = [block for shape in slide.shapes for block in _blocks(shape, title_shape)]
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        blocks += [f"Notes: {block}" if not number else block
                   for number, block in enumerate(_paragraphs(slide.notes_slide.notes_text_frame))]  # fmt: skip
    hidden = slide.element.get("show") == "0"
    name = f"{title or 'Slide'} (hidden slide)" if hidden else title
    return title, [block for block in (heading(2, name), *blocks) if block] if title or blocks else []


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

    for single in _flat([shape]):
        beside = (PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE)  # what PowerPoint itself puts on every slide
        if single.shape_id == title or (single.is_placeholder and single.placeholder_format.type in beside):
            continue
        if isinstance(single, Shape):
            yield from _paragraphs(single.text_frame)
        elif isinstance(single, GraphicFrame) and single.has_table:
            yield table(_rows(single.table))
        elif isinstance(single, GraphicFrame) and single.has_chart:
            yield from _chart(single.chart)
        else:
            yield from _drawn(single)


def _paragraphs(frame: "TextFrame") -> Iterator[str]:
    """The paragraphs; indented ones become the items of lists."""
    lines: list[str] = []
    for paragraph in frame.paragraphs:
        text = " ".join(paragraph.text.replace("\v", " ").split())
        links = [run.hyperlink.address for run in paragraph.runs if run.hyperlink.address]
        text += "".join(f" ({link})" for link in dict.fromkeys(links) if link not in text)
        if text:
            lines.append(f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level else plain(text))
    if lines:
        yield "\n".join(lines)


def _rows(of: "Table") -> list[list[str]]:
    """The cells' texts; those of merged cells in each of them."""
    rows = [[cell.text for cell in row.cells] for row in of.rows]
    for top, row in enumerate(of.rows):
        for left, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for line in rows[top : top + cell.span_height]:
                    line[left : left + cell.span_width] = [cell.text] * len(line[left : left + cell.span_width])
    return rows


def _chart(chart: "Chart") -> Iterator[str]:
    """The chart's title, and its numbers as a table."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield from _paragraphs(chart.chart_title.text_frame)
    for plot in chart.plots:
        series = list(plot.series)
        head = ["", *(str(line.name) for line in series)]
        values = [[f"{value:g}" if value is not None else "" for value in line.values] for line in series]
        rows = [[str(name), *(of[place] if place < len(of) else "" for of in values)]
                for place, name in enumerate(plot.categories)]  # fmt: skip
        yield table([head, *rows])


def _drawn(shape: "BaseShape") -> Iterator[str]:
    """What stands for a picture, and the words of a SmartArt diagram."""
    element: _Element = shape.element
    described = next((str(node.get("descr")) for node in element.iter("{*}cNvPr") if node.get("descr")), "")
    if described:
        yield f"[{described}]"
    for node in element.iter(f"{{{_DIAGRAM}}}relIds"):
        known = next((str(value) for key, value in node.attrib.items() if str(key).endswith("}dm")), "")
        if known:
            yield from _diagram(shape.part.related_part(known).blob)


def _diagram(data: bytes) -> Iterator[str]:
    from lxml import etree

    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    points = ("".join(str(text.text or "") for text in point.iter("{*}t")) for point in root.iter(f"{{{_DIAGRAM}}}pt"))
    lines = [f"- {text.strip()}" for text in points if text.strip()]
    if lines:
        yield "\n".join(lines)
