"""The words and numbers of charts and diagrams in office files, whatever kinds they are of."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.reading.formats.docx_styles import attribute, child, local
from ingest.reading.formats.marks import plain, table
from ingest.reading.formats.xlsx import shown

if TYPE_CHECKING:
    from lxml.etree import _Element

_POINTS = 100_000  # of a series: a file can name points without end


def said(root: "_Element") -> list[str]:
    """What a part that holds a chart or a diagram says, as blocks of Markdown; nothing for any other part."""
    match local(root):
        case "chartSpace":
            return [block for block in _chart(root) if block]
        case "dataModel":
            points = ("".join(node.text or "" for node in point.iter("{*}t")) for point in root.iter("{*}pt"))
            lines = [f"- {' '.join(text.split())}" for text in points if text.strip()]
            return ["\n".join(lines)] if lines else []
    return []


def _chart(root: "_Element") -> Iterator[str]:
    """The titles of the chart and its axes, and each group of series that share their categories as a table."""
    for title in root.iter("{*}title"):
        yield plain(" ".join("".join(node.text or "" for node in title.iter("{*}t")).split()))
    groups: dict[tuple[tuple[int, str], ...], list[tuple[str, dict[int, str]]]] = {}
    for series in root.iter("{*}ser"):
        named = child(series, "tx")
        name = " ".join(node.text or "" for node in (() if named is None else named.iter("{*}v")))
        categories = _points(_first(series, "cat", "xVal"))
        for values in (child(series, "val"), child(series, "yVal"), child(series, "bubbleSize")):
            if values is not None:
                told = name if local(values) != "bubbleSize" else f"{name} (size)"
                groups.setdefault(tuple(categories.items()), []).append((told, _points(values)))
    for key, columns in groups.items():
        names = dict(key)
        places = sorted({*names, *(place for _, values in columns for place in values)})
        rows = [[names.get(place, ""), *(values.get(place, "") for _, values in columns)] for place in places]
        yield table([["", *(name for name, _ in columns)], *rows])
    for dimension in root.iter("{*}strDim", "{*}numDim"):  # charts of the kinds that came with Office 2016
        yield ", ".join(node.text.strip() for node in dimension.iter("{*}pt") if node.text and node.text.strip())


def _first(node: "_Element", *names: str) -> "_Element | None":
    return next((found for name in names if (found := child(node, name)) is not None), None)


def _points(node: "_Element | None") -> dict[int, str]:
    """The texts of the points by their places; those of categories on several levels from the outermost on."""
    points: dict[int, str] = {}
    if node is None:
        return points
    form = next((found.text or "" for found in node.iter("{*}formatCode")), "")
    for level in node.iter("{*}lvl") if next(node.iter("{*}lvl"), None) is not None else [node]:
        texts = {int(attribute(point, "idx") or 0): _value(point, form) for point in level.iter("{*}pt")}
        last = ""
        for place in sorted({*texts, *points})[:_POINTS]:
            last = texts.get(place, last)  # a name on an outer level stands for those after it
            points[place] = f"{last} {points.get(place, '')}".strip()
    return points


def _value(point: "_Element", form: str) -> str:
    from openpyxl.styles.numbers import is_date_format
    from openpyxl.utils.datetime import from_excel

    value = child(point, "v")
    text = " ".join(((value.text if value is not None else None) or "").split())
    form = attribute(point, "formatCode") or form
    try:
        number = float(text)
        return shown(from_excel(number) if is_date_format(form) else number, form)
    except (ValueError, OverflowError):
        return text
