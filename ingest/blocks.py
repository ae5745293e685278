"""A document's Markdown as blocks in blocks, down to what is worth keeping whole: sentences, lines, rows."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import regex

from ingest.reading.formats.markdown_pieces import shown
from ingest.reading.raw import PAGE_BREAK

Span = tuple[int, int]
"""Characters of the text: the first, and the one after the last."""

# Sentences end as Unicode says (UAX 29): at a mark, with what closes after it. In scripts that put blanks between words
# a blank follows; those that put none between words may have no marks either, and divide phrases with a blank.
_UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A number before a title ends none: `4.1. Start`.
_TILE = regex.compile(
    r"(?:[\[(*_#> -]{0,9}(?:\d{1,3}|\p{L})(?:\.\d{1,3}){0,9}\.\s{1,9}(?=\S))?"
    r".+?(?:\.[\p{Sentence_Break=Close}*_`]*\s++(?!\p{Ll})|[!?…][\p{Sentence_Break=Close}*_`]*\s+"
    r"|(?![.!?])\p{Sentence_Break=STerm}\p{Sentence_Break=Close}*\s*"
    rf"|(?<=[{_UNSPACED}])\s+(?=[{_UNSPACED}])|\n\s*\n|\n(?=[ \t]*(?:[-*•|]|\d+[.)])[ \t])|\Z)",
    regex.DOTALL,
)
_WORD = re.compile(r"\S+\s*|\s+")
_SIGNS = regex.compile(r"(?:\S\p{M}*){1,12}\s{0,40}|\s{1,100}")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FIELDS = re.compile(r"(?:[^\n:]{1,100}:(?:[ \t][^\n]*)?(?:\n|\Z)){2,}")  # `column: value` lines
_FENCE = re.compile(r"(?P<marks>`{3,}|~{3,})[^\n]*")
_OVER_PAGES = re.compile(rf"(?<=[^\W\d_]|,)\n+{PAGE_BREAK}\n+(?=[^\W\d_])")  # within a sentence, if it is no capital
_EMPTY = re.compile(rf"\n(?:[ \t{PAGE_BREAK}]*\n)+")
_TABLE = re.compile(  # the header of a table and the line below it
    r"^(?=[^\n]*\|)[^\n]+\n(?=[^\n]*\|)[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
_LONGEST_HEADING = 200  # characters, of one with a line below it
_CLOSES = "*_`)]\"'”’»」』）"
_NAMES = regex.compile(r"[^\n]{0,79}[^\n.!?…,;\p{Sentence_Break=STerm}]\s*")  # a line above what it names
WINDOW = 250_000
"""Characters that are read at a time: what the parser makes of them takes a thousand times as many bytes."""
LARGEST = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of the text: of the `leaves` from `first` up to `last`. One without parts is a leaf itself."""

    first: int
    last: int
    parts: tuple["Block", ...] = ()
    repeated: Span | None = None  # the lines that a part needs before it to be read alone
    tail: str = ""  # and what it needs after it
    level: int = 0  # of a heading; 0: none
    name: str = ""  # of a heading


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A piece that is cut only where it alone is too long."""

    start: int
    end: int
    prose: bool  # a sentence of a paragraph
    leads: bool = False  # to what follows: `like this:`, or a short line that names it


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The blocks of a text in order, and the leaves that they are made of. What is between leaves is white space."""

    blocks: tuple[Block, ...]
    leaves: tuple[Leaf, ...]


def read_blocks(text: str, *, markdown: bool) -> Iterator[Blocks]:
    """The blocks of a Markdown text (CommonMark with tables), or the paragraphs of a plain one.

    A long text comes in several parts, divided between blocks, so that its length costs time but no memory.
    """
    text = _OVER_PAGES.sub(lambda gap: " " * len(gap[0]) if text[gap.end()].islower() else gap[0], text)
    at = 0
    while at < len(text):
        nodes, end = _next_nodes(text, at, _nodes if markdown else _paragraph_nodes)
        tree = _Tree(text)
        found = tree.row(nodes, at, end, prose=True)
        yield Blocks(blocks=tuple(found), leaves=tuple(tree.leaves))
        at = end


def tiles(text: str) -> list[str]:
    """The text in pieces of a sentence each. Joined they are the text again, blanks and all; a wrapped line ends none.

    In Thai, Lao, Khmer and Burmese, which need no mark at its end, a piece is a phrase.
    """
    return [found[0] for found in _TILE.finditer(text)]


def lines(text: str) -> list[str]:
    """The lines with their ends."""
    return _LINE.findall(text)


def words(text: str) -> list[str]:
    """The words with the blanks after them."""
    return _WORD.findall(text)


def signs(text: str) -> list[str]:
    """The text in pieces of a few characters, none parted from its accents."""
    return [found[0] for found in _SIGNS.finditer(text)]


# --- what Markdown says ---------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Node:
    kind: str
    start: int
    end: int
    parts: list["_Node"] = field(default_factory=list)
    level: int = 0
    name: str = ""


def _next_nodes(text: str, at: int, read: Callable[[str, int], list[_Node]]) -> tuple[list[_Node], int]:
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


def _paragraph_nodes(text: str, offset: int) -> list[_Node]:
    return [
        _Node(kind="paragraph", start=offset + start, end=offset + end) for start, end in _stretches(text, 0, len(text))
    ]


def _nodes(text: str, offset: int) -> list[_Node]:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").disable("inline")
    paged = text.replace(PAGE_BREAK, "\n")  # of the same length, and no block goes on over an empty line
    starts = [0, *(found.end() for found in re.finditer("\n", paged)), len(text) + 1]
    outer = _Node(kind="document", start=offset, end=offset + len(text))
    open_: list[_Node] = [outer]
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
            node = _Node(
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


# --- to blocks ------------------------------------------------------------------------------------------------------


class _Tree:
    """Nodes to blocks; collects the leaves on the way, in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.leaves: list[Leaf] = []

    def row(self, nodes: Iterable[_Node], start: int, end: int, *, prose: bool) -> list[Block]:
        """The blocks from `start` to `end`: the nodes, and what stands between them, such as link definitions."""
        found: list[Block] = []
        at = start
        for node in nodes:
            found += self._paragraphs(at, node.start, prose=prose)
            found += self._block(max(node.start, at), node, prose=prose)
            at = max(node.end, at)
        return [*found, *self._paragraphs(at, end, prose=prose)]

    def _block(self, start: int, node: _Node, *, prose: bool) -> list[Block]:
        match node.kind:
            case "heading":
                return self._block_of([(start, node.end)], level=node.level, name=node.name)
            case "fence" | "code_block":
                return self._code(start, node.end, fenced=node.kind == "fence")
            case "hr":
                return []  # it divides, and says nothing
            case "html_block":
                return self._block_of(self._lines(start, node.end))
            case "paragraph":
                return self._paragraphs(start, node.end, prose=prose)
            case _:  # lists, their items, quotations
                return self._joined(self.row(node.parts, start, node.end, prose=False))

    def _paragraphs(self, start: int, end: int, *, prose: bool) -> list[Block]:
        """Paragraphs, by empty lines: as many as there are in what is no Markdown."""
        found: list[Block] = []
        for block_start, block_end in _stretches(self._text, start, end):
            table = _TABLE.search(self._text, block_start, block_end)
            sentences_end = table.start() if table else block_end
            text = self._text[block_start:sentences_end]
            if _FIELDS.fullmatch(text):  # a row of a table, one value a line
                found += self._block_of(self._lines(block_start, sentences_end))
            else:
                found += self._block_of(_spans(tiles(text), block_start), prose=prose)
                if text.strip() and (_leads(text) or (prose and _NAMES.fullmatch(text))):
                    self.leaves[-1] = replace(self.leaves[-1], leads=True)
            if table:
                found += self._table(table, block_end)
        return found

    def _table(self, head: re.Match[str], end: int) -> list[Block]:
        """The header goes with the first row, and is what every part repeats."""
        rows = self._lines(head.end(), end)
        first = rows[0][1] if rows else head.end()
        repeated = head.start(), head.end() - 1
        return self._block_of([(head.start(), first), *rows[1:]], repeated=repeated if rows else None)

    def _code(self, start: int, end: int, *, fenced: bool) -> list[Block]:
        """Code, in stretches between empty lines; the lines of a fence go with what they fence."""
        opening = _FENCE.search(self._text, start, end) if fenced else None
        if opening is None:
            return self._joined(self._stretched(start, end))
        rows = self._lines(start, end)
        closed = len(rows) > 1 and opening["marks"] in self._text[slice(*rows[-1])]
        first, last = min(opening.end() + 1, end), rows[-1][0] if closed else end
        inside = self._text[first:last]
        if not inside.strip():
            return self._block_of([(start, end)])
        begin = first + len(inside) - len(inside.lstrip())
        begin = self._text.find("\n", begin, last) + 1 or last
        finish = self._text.rfind("\n", begin, first + len(inside.rstrip())) + 1 or begin
        inner = [*self._block_of([(start, begin)]), *self._stretched(begin, finish), *self._block_of([(finish, end)])]
        return self._joined(inner, repeated=opening.span(), tail="\n" + opening["marks"])

    def _stretched(self, start: int, end: int) -> list[Block]:
        return [
            block for stretch in _stretches(self._text, start, end) for block in self._block_of(self._lines(*stretch))
        ]

    def _block_of(
        self,
        spans: Sequence[Span],
        *,
        prose: bool = False,
        repeated: Span | None = None,
        level: int = 0,
        name: str = "",
    ) -> list[Block]:
        parts = []
        for start, end in spans:
            if self._text[start:end].strip():
                parts.append(Block(first=len(self.leaves), last=len(self.leaves) + 1, level=level, name=name))
                self.leaves.append(Leaf(start=start, end=end, prose=prose))
        return self._joined(parts, repeated=repeated)

    def _joined(self, parts: Sequence[Block], *, repeated: Span | None = None, tail: str = "") -> list[Block]:
        if len(parts) < 2 and repeated is None:
            return list(parts)
        if not parts:
            return []
        return [
            Block(first=parts[0].first, last=parts[-1].last, parts=tuple(parts), repeated=repeated, tail=tail),
        ]

    def _lines(self, start: int, end: int) -> list[Span]:
        return list(_spans(lines(self._text[start:end]), start))


def _leads(text: str) -> bool:
    return text.rstrip().rstrip(_CLOSES).endswith((":", "："))


def _spans(pieces: Iterable[str], start: int) -> list[Span]:
    """Where the pieces stand that follow each other from `start` on."""
    edges = [start]
    for piece in pieces:
        edges.append(edges[-1] + len(piece))
    return list(pairwise(edges))


def _stretches(text: str, start: int, end: int) -> Iterator[Span]:
    """What stands between empty lines, without them."""
    edge = start
    for gap in _EMPTY.finditer(text, start, end):
        yield edge, gap.start() + 1
        edge = gap.end()
    if edge < end:
        yield edge, end
