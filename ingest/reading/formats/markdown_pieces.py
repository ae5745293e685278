"""What a CommonMark parser finds in Markdown, with where it stands, and edits of those places."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyromark

Edit = tuple[int, int, bytes]
"""What stands in place of the bytes from start to end."""

_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_FOOTNOTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of the source that is not plain text. `within` is what it stands in, where that is one line."""

    kind: str  # code, heading, picture, reference, character, tag, html
    start: int  # bytes
    end: int
    text: str = ""  # what the parser made of it; of a link by reference: where it leads
    label: str = ""  # of a link or a picture by reference: what its definition is called
    within: str = ""  # Heading, Table


def pieces(source: bytes) -> Iterator[Piece]:
    """What the parser finds, in order. A block of HTML is one piece, also over the blank lines in it."""
    within = ""
    html: Piece | None = None
    event: Any
    detail: Any
    for event, place in pyromark.events_with_range(source.decode(), options=_OPTIONS):
        start, end = place["start"], place["end"]
        kind, detail = next(iter(event.items())) if isinstance(event, dict) else (event, "")
        name = next(iter(detail)) if isinstance(detail, dict) else detail
        if html and kind != "Html" and name != "HtmlBlock":
            yield html
            html = None
        if kind == "Html":
            between = source[html.end : start] if html else b""
            if html and between.strip(b"> \t\n"):
                yield html
                html = None
            first, before = (html.start, html.text + "\n" * (between.count(b"\n") > 1)) if html else (start, "")
            html = Piece(kind="html", start=first, end=end, text=before + detail)
        elif kind == "Start" and name in ("Heading", "Table"):
            within = name
            if name == "Heading":
                yield Piece(kind="heading", start=start, end=end, text=detail[name]["level"])
        elif kind == "End" and name in ("Heading", "Table"):
            within = ""
        elif kind == "Start" and name in ("CodeBlock", "Image"):
            image = detail["Image"] if name == "Image" else {"dest_url": "", "id": ""}
            kind, text, label = "picture" if name == "Image" else "code", image["dest_url"], image["id"]
            yield Piece(kind=kind, start=start, end=end, text=text, label=label, within=within)
        elif (
            kind == "Start" and name == "Link" and detail["Link"]["link_type"] in ("Reference", "Collapsed", "Shortcut")
        ):
            link = detail["Link"]
            yield Piece(kind="reference", start=start, end=end, text=link["dest_url"], label=link["id"])
        elif kind in ("Code", "InlineHtml"):
            yield Piece(kind="code" if kind == "Code" else "tag", start=start, end=end, text=detail, within=within)
        elif kind == "Text" and source[start : start + 1] == b"&" and end - start > 1:
            yield Piece(kind="character", start=start, end=end, text=detail, within=within)
    if html:
        yield html


def edited(source: bytes, edits: list[Edit]) -> bytes:
    """The source with its edits; of two that overlap, the first and longer one counts."""
    parts, position = [], 0
    for start, end, instead in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= position:
            parts += [source[position:start], instead]
            position = end
    return b"".join([*parts, source[position:]])


def shown(line: str) -> str:
    """A line of Markdown as its reader sees it: links as their text, without marks of emphasis, code and escapes."""
    parts: list[str] = []
    line = " ".join(line.split())
    line = line.lstrip("#").lstrip() or line
    for event in pyromark.events(f"# {line}", options=_OPTIONS):
        kind, detail = next(iter(event.items())) if isinstance(event, dict) else (event, "")
        if kind in ("Text", "Code", "InlineHtml"):
            parts.append(str(detail))
    # A heading that is nothing but a picture without a name shows no words; one of signs alone is shown as it is.
    return "".join(parts).strip() or ("" if "](" in line else line)
