"""Markdown as an answer needs it: which blocks a text has, and how a stretch of it is shown without its noise.

A CommonMark parser says what each piece is and where it stands (pulldown-cmark, whose time is linear in the text).
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate, islice
from typing import Any
from urllib.parse import urljoin

import pyromark

from rag_flywheel.domain.sentences import Span

READ = 20_000
"""Characters of a text that are looked at: a passage has a tenth of them, and only a correction can have more."""
PARTS = 100
"""Of a list or a table, that are told apart."""


def set_of(words: str) -> frozenset[str]:
    """Words with blanks between them."""
    return frozenset(words.split())


_OPTIONS = pyromark.Options.ENABLE_TABLES
_QUOTED_LINE = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_COLONS = re.compile(r"[ \t]*:{3,}[^\n]*\n?")
_TAG = re.compile(r"<!--.{0,1000}?-->|</?(?P<name>[A-Za-z][\w.:-]*)(?P<rest>[^<>]*)>", re.DOTALL)
_CLOSING_TAG = re.compile(r"</([A-Za-z][\w.:-]*)")
_ON_THE_WEB = re.compile(r"(?i)https?://|mailto:")
_HTML = set_of(
    "a abbr article aside b blockquote br button caption center cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hr i iframe img input ins kbd label li main mark nav "
    "object ol p picture pre q s samp script section small source span strong style sub summary sup svg table tbody td "
    "tfoot th thead tr tt u ul var video wbr"
)


class Kind(Enum):
    PROSE = auto()
    HEADING = auto()
    LIST = auto()
    TABLE = auto()
    CODE = auto()


_KINDS = {
    "Paragraph": Kind.PROSE,
    "HtmlBlock": Kind.PROSE,
    "Heading": Kind.HEADING,
    "List": Kind.LIST,
    "Table": Kind.TABLE,
    "CodeBlock": Kind.CODE,
}
_PARTS = {"Item", "TableRow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph, a heading, a whole list, table or piece of code. A quotation is the blocks that it holds."""

    kind: Kind
    start: int
    end: int
    parts: tuple[Span, ...] = ()  # items of a list with all that is below them, rows of a table but for its header


@dataclass(frozen=True, slots=True)
class _Edit:
    """What is shown in place of a stretch."""

    start: int
    end: int
    instead: str = ""
    pair: int | None = None  # where the other half of it begins: only where that is not shown too


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """A text with what the parser made of it."""

    text: str
    blocks: tuple[Block, ...]
    edits: tuple[_Edit, ...]  # in order

    def shown(self, start: int, end: int) -> str:
        """The stretch as Markdown for a reader who sees nothing around it.

        Without emphasis that only opens or only closes in it, tags, marks of containers and quotations, pictures and
        links that lead nowhere from here; their words stay.
        """
        first = bisect_left(self.edits, start, key=lambda edit: edit.start)
        parts, at = [], start
        for edit in islice(self.edits, first, None):
            if edit.start >= end:
                break
            if edit.start >= at and not (edit.pair is not None and start <= edit.pair < end):
                parts += [self.text[at : edit.start], edit.instead]
                at = min(edit.end, end)
        return "".join([*parts, self.text[at:end]]).strip()


def read_markup(text: str, *, address: str = "") -> Markup:
    """The first `READ` characters of a Markdown text. Links are resolved against `address`, its own on the web."""
    text = text[:READ]
    blocks: list[Block] = []
    edits: list[_Edit] = []
    closed = {found[1] for found in _CLOSING_TAG.finditer(text)}
    open_: list[tuple[str, Any, list[Span]]] = []  # kind, details, and what stands in it
    quoted = 0  # quotations among them
    for kind, name, detail, span in _events(text):
        if kind == "Start":
            if name == "BlockQuote" and not quoted:
                edits += [_Edit(*found.span()) for found in _QUOTED_LINE.finditer(text, *span)]
            quoted += name == "BlockQuote"
            open_.append((name, detail, []))
            continue
        if kind == "End":
            _, detail, inside = open_.pop()
            quoted -= name == "BlockQuote"
            if name in _KINDS and len(open_) == quoted:
                blocks.append(_block(text, name, span, inside))
            elif name in ("Strong", "Emphasis"):
                width = 2 if name == "Strong" else 1
                last = span[1] - width
                edits += [_Edit(span[0], span[0] + width, pair=last), _Edit(last, span[1], pair=span[0])]
            elif name in ("Link", "Image"):
                edits += _link(span, inside, detail if name == "Link" else None, address)
        elif kind in ("Html", "InlineHtml"):
            edits += _tags(text, span, closed)
        elif kind == "Text" and (colons := _colons(text, span, open_[-1][0] if open_ else "")):
            edits.append(colons)
        if open_ and (name in _PARTS or open_[-1][0] not in ("List", "Table")):
            open_[-1][2].append(span)
    edits.sort(key=lambda edit: (edit.start, -edit.end))
    return Markup(text=text, blocks=tuple(blocks), edits=tuple(edits))


def _events(text: str) -> Iterator[tuple[str, str, Any, Span]]:
    """Kind of event, name of what starts or ends, details, and place in characters."""
    places = None if text.isascii() else [0, *accumulate(len(sign.encode("utf-8", "replace")) for sign in text)]
    at: Callable[[int], int] = (lambda byte: byte) if places is None else _characters(places).__getitem__
    event: Any
    detail: Any
    for event, place in pyromark.events_with_range(text, options=_OPTIONS):
        span = at(place["start"]), at(place["end"])
        kind, detail = next(iter(event.items())) if isinstance(event, dict) else (event, "")
        name, detail = next(iter(detail.items())) if isinstance(detail, dict) else (detail, None)
        yield kind, name if kind in ("Start", "End") else "", detail, span


def _characters(places: list[int]) -> list[int]:
    """For each byte of a text the character that it belongs to."""
    characters = [0] * (places[-1] + 1)
    for number, place in enumerate(places):
        characters[place] = number
    return characters


def _block(text: str, name: str, span: Span, inside: list[Span]) -> Block:
    start, end = span[0], span[0] + len(text[slice(*span)].rstrip())
    kind = _KINDS[name]
    if kind is Kind.HEADING and "\n" in text[start:end].partition("\n")[2]:
        kind = Kind.PROSE  # a paragraph above a line of dashes
    parts = tuple((first, first + len(text[first:last].rstrip())) for first, last in inside[:PARTS])
    return Block(kind=kind, start=start, end=end, parts=parts if kind in (Kind.LIST, Kind.TABLE) else ())


def _link(span: Span, inside: list[Span], link: Any, address: str) -> Iterator[_Edit]:
    """How a link is shown, or a picture where `link` is None: by its words alone unless the link leads somewhere."""
    first, last = (inside[0][0], inside[-1][1]) if inside else (span[1], span[1])
    target = "" if link is None else str(link["dest_url"])
    if target and not _ON_THE_WEB.match(target) and _ON_THE_WEB.match(address):
        target = urljoin(address, target)
    if not inside or not _ON_THE_WEB.match(target):
        yield _Edit(span[0], first)
        yield _Edit(last, span[1])
    elif link["link_type"] not in ("Autolink", "Email") and (
        target != link["dest_url"] or link["link_type"] != "Inline"
    ):
        yield _Edit(last, span[1], f"]({target})")


def _tags(text: str, span: Span, closed: set[str]) -> Iterator[_Edit]:
    """HTML and components are taken out; what only looks like a tag, such as <name> in a command, is shown as it is."""
    for found in _TAG.finditer(text, *span):
        name = found["name"]
        rest = found["rest"] or ""
        if name is None or name.lower() in _HTML or name in closed or "=" in rest or rest.endswith("/"):
            yield _Edit(*found.span())
        else:
            yield _Edit(found.start(), found.start() + 1, "\\<")


def _colons(text: str, span: Span, within: str) -> _Edit | None:
    """The line of marks that opens or closes a container, which is no text."""
    start = text.rfind("\n", 0, span[0]) + 1
    found = None if within == "CodeBlock" else _COLONS.match(text, start)
    return _Edit(*found.span()) if found else None
