"""Word to Markdown, as it reads with all tracked changes accepted."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.reading.formats import drawings
from ingest.reading.formats.docx_styles import Numbering, Styles, attribute, child, descend, local
from ingest.reading.formats.formulas import linear
from ingest.reading.formats.marks import heading, lowered, plain, raised, table
from ingest.reading.formats.office import office_title, part, unreadable
from ingest.reading.raw import Content, Removal

if TYPE_CHECKING:
    from lxml.etree import _Element

_WITHOUT_CONTENT = frozenset(
    ("pPr", "rPr", "sdtPr", "sdtEndPr", "del", "moveFrom", "delText", "instrText", "delInstrText", "commentReference")
)
_SIGNS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_FOR_BLOCKS = frozenset(
    ("body", "sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")  # and roots of parts, which are given
)


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What the text of one file refers to, and what was met in it so far."""

    styles: Styles
    numbering: Numbering
    links: Mapping[str, str]
    notes: Mapping[tuple[str, str], "_Element"]
    drawn: Mapping[str, list[str]]  # what charts and diagrams say, by the ids by which the text refers to them
    title: str = ""
    hidden: int = 0
    lost: list[str] = field(default_factory=list)  # what could not be read
    noted: int = 0
    waiting: list[str] = field(default_factory=list)  # notes and text boxes, for behind the paragraph that has them


def read(path: Path) -> Content:
    """Headings by their styles, numbered lists, tables as rows, notes behind the paragraph that calls them.

    What nobody sees is left out: deleted and moved-away text, comments, hidden text, which is counted. Running heads
    and feet stand once, at the end.
    """
    try:
        return _read(path)
    except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError, RecursionError, RuntimeError, EOFError) as error:
        raise unreadable(path, "Word document", error) from error


def _read(path: Path) -> Content:
    lost: list[str] = []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        beside = partial(_beside, archive, lost)
        body = part(archive, "word/document.xml")
        if body is None:
            raise KeyError("word/document.xml")
        notes = {
            (kind, attribute(note, "id")): note
            for kind in ("footnote", "endnote")
            for note in _children(beside(f"word/{kind}s.xml"), kind)
        }
        relations = list(_children(beside("word/_rels/document.xml.rels"), "Relationship"))
        reading = _Reading(
            styles=Styles(beside("word/styles.xml")),
            numbering=Numbering(beside("word/numbering.xml")),
            links={
                attribute(link, "Id"): attribute(link, "Target")
                for link in relations
                if attribute(link, "TargetMode") == "External"
            },
            notes=notes,
            drawn=_drawn(relations, beside),
            lost=lost,
        )
        blocks = list(_blocks(body, reading))
        said = "\n".join(blocks)
        margins = [beside(name) for name in sorted(names) if re.fullmatch(r"word/(?:header|footer)\d*\.xml", name)]
        for margin in margins:
            blocks += [block for block in _blocks(margin, reading) if block not in said and block not in blocks]
        comments = len(list(_children(beside("word/comments.xml"), "comment")))
    title = office_title(path) or reading.title
    removed = [("hidden text", reading.hidden), ("comments", comments)]
    return Content(
        title=title,
        text=_joined(blocks),
        removed=(
            *(Removal(what=what, count=count) for what, count in removed if count),
            *([Removal(what="parts that could not be read", count=len(lost), lines=tuple(lost[:50]))] if lost else ()),
        ),
    )


def _drawn(relations: "Iterable[_Element]", beside: "Callable[[str], _Element | None]") -> dict[str, list[str]]:
    drawn: dict[str, list[str]] = {}
    for relation in relations:
        if attribute(relation, "Type").endswith(("/chart", "/diagramData")):
            target = attribute(relation, "Target")
            root = beside(target.removeprefix("/") if target.startswith("/") else f"word/{target}")
            drawn[attribute(relation, "Id")] = [] if root is None else drawings.said(root)
    return drawn


def _beside(archive: zipfile.ZipFile, lost: list[str], name: str) -> "_Element | None":
    """The root of a part without which the text can still be read; one that is damaged is noted as lost."""
    try:
        return part(archive, name)
    except (zipfile.BadZipFile, zlib.error, SyntaxError, RuntimeError, EOFError):
        lost.append(name)
        return None


def _children(parent: "_Element | None", name: str) -> Iterator["_Element"]:
    return (node for node in (() if parent is None else parent) if local(node) == name)


def _joined(blocks: Sequence[str]) -> str:
    """The blocks, with an empty line between them but for the items of one list."""
    item = re.compile(r" *(?:- |\(?(?:[\w.]{1,12})[.)] )")
    pieces: list[str] = []
    for before, block in zip(["", *blocks], blocks, strict=False):
        pieces += ["\n" if item.match(before) and item.match(block) else "\n\n", block]
    return "".join(pieces).strip("\n")


# --- blocks ---------------------------------------------------------------------------------------------------------


def _blocks(parent: "Iterable[_Element] | None", reading: _Reading) -> Iterator[str]:
    """Paragraphs and tables. What a paragraph whose end was deleted says goes to the next one."""
    begun = ""
    for number, node in enumerate(_block_nodes(() if parent is None else parent), 1):
        table_ = local(node) == "tbl"
        try:
            told = list(_table(node, reading)) if table_ else [begun + _inline(node, reading)]
        except (ValueError, KeyError, RecursionError):
            reading.lost.append(f"block {number}, a {'table' if table_ else 'paragraph'}")
            continue
        if table_:
            yield from told
        else:
            text = told[0]
            mark = descend(node, "pPr", "rPr")
            joins = mark is not None and (child(mark, "del") is not None or child(mark, "moveFrom") is not None)
            begun = text if joins else ""
            if not joins and text.strip():
                yield _paragraph(node, text.strip(), reading)
        yield from reading.waiting
        reading.waiting.clear()
    if begun.strip():
        yield plain(begun.strip())


def _block_nodes(nodes: Iterable["_Element"]) -> Iterator["_Element"]:
    for node in nodes:
        name = local(node)
        if name in ("p", "tbl"):
            yield node
        elif name in _FOR_BLOCKS:
            yield from _block_nodes(node)
        elif name == "AlternateContent":
            yield from _block_nodes(_chosen(node))


def _paragraph(node: "_Element", text: str, reading: _Reading) -> str:
    properties = child(node, "pPr")
    level = reading.styles.heading_level(properties)
    number, depth = reading.numbering.label(*reading.styles.list_level(properties))
    if level is not None:
        reading.title = reading.title or " ".join(text.split())
        return heading(level, f"{'' if number == '-' else number} {text}")
    if number:
        indent = "  " * depth
        return f"{indent}{number} {text}".replace("\n", f"\n{indent}  ")
    return plain(text)


def _table(node: "_Element", reading: _Reading) -> Iterator[str]:
    """The rows of the table. One that has a single cell is a frame around its blocks."""
    rows = [row for row in _rows(node) if descend(row, "trPr", "del") is None]
    cells = [cell for row in rows for cell in _cells(row)]
    if len(cells) == 1:
        yield from _blocks_of_cell(cells[0], reading)
        return
    filled: list[list[str]] = []
    for row in rows:
        texts: list[str] = [""] * int(attribute(descend(row, "trPr", "gridBefore"), "val") or 0)
        alone = len(list(_cells(row))) == 1
        for cell in _cells(row):
            span = min(int(attribute(descend(cell, "tcPr", "gridSpan"), "val") or 1), 64)
            merge = descend(cell, "tcPr", "vMerge")
            if merge is not None and attribute(merge, "val") != "restart" and filled:
                above = filled[-1]
                texts += [above[place] if place < len(above) else "" for place in range(len(texts), len(texts) + span)]
            else:
                text = " ".join(_blocks_of_cell(cell, reading))
                texts += [text, *["" if alone else text] * (span - 1)]
        filled.append(texts)
    yield table(filled)


def _rows(node: "_Element") -> Iterator["_Element"]:
    for inner in node:
        if local(inner) == "tr":
            yield inner
        elif local(inner) in _FOR_BLOCKS:
            yield from _rows(inner)


def _cells(row: "_Element") -> Iterator["_Element"]:
    for inner in row:
        if local(inner) == "tc":
            yield inner
        elif local(inner) in _FOR_BLOCKS:
            yield from _cells(inner)


def _blocks_of_cell(cell: "_Element", reading: _Reading) -> list[str]:
    """The cell's blocks; a table in it comes as lines."""
    waiting, reading.waiting = reading.waiting, []
    blocks: list[str] = []
    for node in _block_nodes(cell):
        if local(node) == "tbl":
            for row in _rows(node):
                blocks.append(", ".join(" ".join(_blocks_of_cell(inner, reading)) for inner in _cells(row)) + ";")
        else:
            blocks += _blocks([node], reading)
    reading.waiting = waiting
    return blocks


# --- text -----------------------------------------------------------------------------------------------------------


def _inline(node: "_Element", reading: _Reading) -> str:
    """What it says, with signs for what is raised, lowered or struck out: 10^-5, x_i, ~~gone~~."""
    parts = [
        (look, "".join(_said(inner, reading) for inner in nodes))
        for look, nodes in groupby(node, key=reading.styles.look)
    ]
    said = ""
    for place, (look, text) in enumerate(parts):
        if look == "superscript":
            text = raised(text)
        elif look == "subscript":
            text = lowered(text, said, parts[place + 1][1] if place + 1 < len(parts) else "")
        elif look == "strike" and text.strip():
            before, after = _edges(text)
            text = f"{before}~~{text.strip()}~~{after}"
        said += text
    return said


def _edges(text: str) -> tuple[str, str]:
    """The white space around a text."""
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _inline_of(node: "_Element | None", reading: _Reading) -> str:
    return "" if node is None else _inline(node, reading)


def _said(node: "_Element", reading: _Reading) -> str:
    name = local(node)
    if name in _WITHOUT_CONTENT:
        return ""
    if name in _SIGNS:
        return _SIGNS[name]
    match name:
        case "t":
            return node.text or ""
        case "sym":
            code = attribute(node, "char")
            return _symbol(int(code, 16), attribute(node, "font")) if re.fullmatch("[0-9A-Fa-f]{1,5}", code) else ""
        case "r" if reading.styles.hides(child(node, "rPr")):
            reading.hidden += bool(_inline(node, reading))
            return ""
        case "hyperlink":
            text, target = _inline(node, reading), reading.links.get(attribute(node, "id"), "")
            return f"[{text}]({target})" if target and text.strip() and target not in text else text
        case "footnoteReference" | "endnoteReference":
            return _note(reading.notes.get((name.removesuffix("Reference"), attribute(node, "id"))), reading)
        case "oMath":
            return linear(node)
        case "AlternateContent":
            return "".join(_said(inner, reading) for inner in _chosen(node))
        case "fldChar":
            box = descend(node, "ffData", "checkBox")
            return "" if box is None else ("[x] " if child(box, "checked") is not None else "[ ] ")
        case "ruby":
            return f"{_inline_of(child(node, 'rubyBase'), reading)} ({_inline_of(child(node, 'rt'), reading)})"
        case "docPr":
            return f"[{told}]" if (told := attribute(node, "descr").strip()) else ""
        case "chart" | "relIds":
            reading.waiting += reading.drawn.get(attribute(node, "dm") or attribute(node, "id"), [])
            return ""
        case "txbxContent":
            reading.waiting += _boxed(node, reading)
            return ""
    return _inline(node, reading)


def _boxed(node: "_Element", reading: _Reading) -> list[str]:
    waiting, reading.waiting = reading.waiting, []
    blocks = list(_blocks(node, reading))
    reading.waiting = waiting
    return blocks


def _chosen(node: "_Element") -> "Iterable[_Element]":
    """Of two forms of the same content the new one, unless only the old one has text."""
    forms = [inner for inner in node if local(inner) in ("Choice", "Fallback")]
    told = (form for form in forms if any(local(inner) in ("t", "docPr") for inner in form.iter("{*}*")))
    return next(told, forms[0] if forms else ())


def _note(note: "_Element | None", reading: _Reading) -> str:
    if note is None:
        return ""
    reading.noted += 1
    number = reading.noted
    text = " ".join(_boxed(note, reading))
    reading.waiting.append(f"[^{number}]: {text}")
    return f"[^{number}]"


def _symbol(code: int, font: str) -> str:
    """The sign, by the table of Symbol and Wingdings fonts that mammoth keeps."""
    from mammoth.docx.dingbats import dingbats

    known = dingbats.get((font, code)) or dingbats.get((font, code & 0xFF))
    return chr(known or code)
