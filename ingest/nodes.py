"""A Markdown text as the nodes that a CommonMark parser finds, some at a time."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from ingest.heads import Span
from ingest.reading.formats.markdown_pieces import shown
from ingest.reading.raw import PAGE_BREAK

EMPTY = re.compile(rf"\n(?:[ \t{PAGE_BREAK}]*\n)+")
_LONGEST_HEADING = 200  # characters, of one with a line below it
WINDOW = 250_000
"""Characters that are read at a time: what the parser makes of them takes a thousand times as many bytes."""
LARGEST = 8_000_000


@dataclass(slots=True, kw_only=True)
class Node:
    kind: str
    start: int
    end: int
    parts: list["Node"] = field(default_factory=list)
    level: int = 0
    name: str = ""


def next_nodes(text: str, at: int, read: Callable[[str, int], list[Node]]) -> tuple[list[Node], int]:
    """The nodes from `at` on, some at a time, and where the next ones begin. The last node of a window may go on."""
    size = WINDOW
    while True:
        end = text.find("\n", at + size) + 1 or len(text)
        nodes = read(text[at:end], at)
        if end == len(text) or not nodes:
            return nodes, end
        last = nodes[-1]
        if len(last.parts) > 1:
            end = last.parts[-1].start
            return [*nodes[:-1], replace(last, parts=last.parts[:-1], end=end)], end
        whole = nodes[:-1]
        while whole and whole[-1].level:  # a heading stays with what follows
            last = whole.pop()
        if whole and last.start > at:
            return whole, last.start
        if last.parts and size > LARGEST:
            return nodes, end
        size *= 2


def paragraph_nodes(text: str, offset: int) -> list[Node]:
    return [
        Node(kind="paragraph", start=offset + start, end=offset + end) for start, end in stretches(text, 0, len(text))
    ]


def markdown_nodes(text: str, offset: int) -> list[Node]:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").disable("inline")
    paged = text.replace(PAGE_BREAK, "\n")  # of the same length, and no block goes on over an empty line
    starts = [0, *(found.end() for found in re.finditer("\n", paged)), len(text) + 1]
    outer = Node(kind="document", start=offset, end=offset + len(text))
    open_: list[Node] = [outer]
    for token in parser.parse(paged):
        if token.type == "inline":
            if open_[-1].kind == "heading":
                open_[-1].name = shown(token.content)
        elif token.nesting < 0:
            open_.pop()
        else:
            assert token.map is not None  # blocks have their lines
            kind = token.type.removesuffix("_open")
            underlined = kind == "heading" and token.markup in ("-", "=")
            if underlined and not _is_heading(paged[starts[token.map[0]] : starts[token.map[1] - 1]]):
                kind = "paragraph"
            node = Node(
                kind=kind,
                start=offset + starts[token.map[0]],
                end=offset + min(starts[token.map[1]], len(text)),
                level=int(token.tag[1]) if kind == "heading" else 0,
            )
            open_[-1].parts.append(node)
            if token.nesting:
                open_.append(node)
    return outer.parts


def _is_heading(text: str) -> bool:
    """Whether what stands above a line of dashes is its heading, and no table or paragraph above a rule."""
    return "\n" not in text.strip() and len(text) <= _LONGEST_HEADING


def stretches(text: str, start: int, end: int) -> Iterator[Span]:
    """What stands between empty lines, without them."""
    edge = start
    for gap in EMPTY.finditer(text, start, end):
        yield edge, gap.start() + 1
        edge = gap.end()
    if edge < end:
        yield edge, end
