"""A document's Markdown as blocks in blocks, down to what is worth keeping whole: sentences, lines, rows."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.code_units import inside_quotes, units
from ingest.heads import (
    Head,
    Span,
    between_rules,
    continued,
    frame_of,
    head,
    is_drawn,
    is_item,
    is_label,
    is_program,
    is_term,
    leads,
    line_heads,
    names,
    stays_open,
    text_heads,
)
from ingest.nodes import EMPTY, Node, markdown_nodes, next_nodes, paragraph_nodes, stretches
from ingest.reading.raw import PAGE_BREAK
from ingest.tiles import lines, placed, tiles

_FIELDS = re.compile(r"(?:[^\n:]{1,100}:(?:[ \t][^\n]*)?(?:\n|\Z)){2,}")  # `column: value` lines
_ENTRY = re.compile(r" \.\.\.(?: \.)* (?:\d+|[ivxlc]+)(?:\n|\Z)")  # the end of one of a table of contents
_FENCE = re.compile(r"(?P<marks>`{3,}|~{3,})[^\n]*")
_OVER_PAGES = re.compile(rf"(?<=[^\W\d_]|[,/])\n+{PAGE_BREAK}\n+(?=[^\W\d_])")  # within a sentence, if it is no capital
_TABLE = re.compile(  # the header of a table and the line below it
    r"^(?=[^\n]*\|)[^\n]+\n(?=[^\n]*\|)[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
_DEEPEST = 40  # blanks before a line of code; more are as many


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of the text: of the `leaves` from `first` up to `last`. One without parts is a leaf itself."""

    first: int
    last: int
    parts: tuple["Block", ...] = ()
    framed: bool = False  # a table or code, whose parts begin with its header or fence
    level: int = 0  # of a heading; 0: none
    name: str = ""  # of a heading


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A piece that is cut only where it alone is too long."""

    start: int
    end: int
    prose: bool  # a sentence of a paragraph
    leads: bool = False  # to what follows: `like this:`, or a short line that names it
    under: Head | None = None  # what a piece that begins with it, or in it, needs above


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
        nodes, end = next_nodes(text, at, markdown_nodes if markdown else paragraph_nodes)
        tree = _Tree(text, None if markdown else text_heads(text, at, end))
        found = tree.row(nodes, at, end, prose=True)
        yield Blocks(blocks=tuple(found), leaves=tuple(tree.leaves))
        at = end


# --- to blocks ------------------------------------------------------------------------------------------------------


class _Tree:
    """Nodes to blocks; collects the leaves on the way, in order."""

    def __init__(self, text: str, above: Callable[[int], Head | None] | None) -> None:
        self._text = text
        self._above = above  # what a place of a plain text stands under
        self._under: Head | None = None  # what the next leaf does
        self._lead: Head | None = None  # what leads to the next block
        self.leaves: list[Leaf] = []

    def row(self, nodes: Sequence[Node], start: int, end: int, *, prose: bool) -> list[Block]:
        """The blocks from `start` to `end`: the nodes, and what stands between them, such as link definitions."""
        found: list[Block] = []
        outer = self._under
        term: Head | None = None
        is_code = False
        at = start
        for node, defines, is_last in self._terms(nodes):
            found += self._paragraphs(at, node.start, prose=prose)
            begin = max(node.start, at)
            if node.level or defines:
                self._under = outer
            # a sentence that code stands in the middle of
            goes_on = is_code and node.kind == "paragraph" and self._text[begin : begin + 1].islower()
            is_code = node.kind in ("fence", "code_block")
            if is_code and self._lead is None and found and self.leaves[-1].prose:
                last = self.leaves[-1] = replace(self.leaves[-1], leads=True)
                self._lead = self._head(last.start, last.end, last.under)
            lead, self._lead = self._lead, None
            if lead is not None and not self._is_led(lead, begin, node, by_term=lead is term):
                lead = None
            under = self._under
            self._under = lead or under
            new = self._block(begin, node, prose=prose)
            if goes_on and found and new:
                sentences = new[0].parts or (new[0],)
                self.leaves[sentences[0].first] = replace(self.leaves[sentences[0].first], prose=False)
                found[-1:] = [*self._joined([found[-1], sentences[0]]), *sentences[1:]]
                new = new[1:]
            found += new
            if lead is not None and self._lead is not None and self._lead.above is lead:
                self._lead = replace(self._lead, above=under, frame=frame_of(under))
            if defines:
                begin = term.start if term is not None and lead is term else begin
                term = self._lead = self._head(begin, node.end, outer)
                under = outer if is_last else term
            self._under = outer if is_code else under  # what follows code may be about that, and not about the term
            at = max(node.end, at)
        found += self._paragraphs(at, end, prose=prose)
        self._under = outer
        return found

    def _terms(self, nodes: Sequence[Node]) -> list[tuple[Node, bool, bool]]:
        """The nodes with whether each is a term, and the last one below its heading: nothing says where that ends."""
        found: list[tuple[Node, bool, bool]] = []
        is_last = True
        for place in range(len(nodes) - 1, -1, -1):
            node = nodes[place]
            labelled = place > 0 and is_label(self._text[nodes[place - 1].start : nodes[place - 1].end])
            defines = node.kind == "paragraph" and not labelled and is_term(self._text[node.start : node.end])
            found.append((node, defines, is_last))
            is_last = bool(node.level) or (is_last and not defines)
        return found[::-1]

    def _is_led(self, lead: Head, start: int, node: Node, *, by_term: bool) -> bool:
        """Whether a block is what a line above leads to: a name leads to a list, a table or code."""
        if node.kind == "paragraph" and not _TABLE.search(self._text, start, node.end):
            return by_term or leads(self._text[lead.start : lead.end])
        return not node.level

    def _head(self, start: int, end: int, above: Head | None) -> Head:
        """A paragraph as what stands above others: an empty line below it stays one."""
        end = start + len(self._text[start:end].rstrip())
        gap = EMPTY.match(self._text, end)
        return head(start, end + 1 if gap else end, above)

    def _block(self, start: int, node: Node, *, prose: bool) -> list[Block]:
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
            case "list_item":
                return self._item(start, node)
            case _:  # lists, quotations
                return self._joined(self.row(node.parts, start, node.end, prose=False))

    def _item(self, start: int, node: Node) -> list[Block]:
        """An item of a list: all of it stands under its first sentence."""
        first, outer = len(self.leaves), self._under
        end = node.parts[1].start if len(node.parts) > 1 else node.end
        found = self.row(node.parts[:1], start, end, prose=False)
        if node.parts and node.parts[0].kind == "paragraph" and self.leaves[first].under is outer:
            item = self._head(self.leaves[first].start, self.leaves[first].end, outer)
            for place in range(first + 1, len(self.leaves)):
                if self.leaves[place].under is outer:
                    self.leaves[place] = replace(self.leaves[place], under=item)
            if self._lead is not None:
                self._lead = replace(self._lead, above=item) if self._lead.start > item.start else None
            self._under = item
            if len(node.parts) > 1 and len(self.leaves) == first + 1 and is_term(self._text[item.start : item.end]):
                self.leaves[first] = replace(self.leaves[first], leads=True)
        found += self.row(node.parts[1:], end, node.end, prose=False)
        self._under, self._lead = outer, None
        return self._joined(found)

    def _paragraphs(self, start: int, end: int, *, prose: bool) -> list[Block]:
        """Paragraphs, by empty lines: as many as there are in what is no Markdown."""
        found: list[Block] = []
        for block_start, block_end in stretches(self._text, start, end):
            table = _TABLE.search(self._text, block_start, block_end)
            sentences_end = table.start() if table else block_end
            text = self._text[block_start:sentences_end]
            if self._above is not None and (is_drawn(rows := lines(text)) or is_program(rows)):
                spans = list(placed(rows, block_start))
                heads = line_heads(self._text, spans, self._above(block_start))
                found += self._stretched(between_rules(self._text, spans), heads)
            elif len(ends := [entry.end() for entry in _ENTRY.finditer(text)]) > max(1, 0.4 * text.count("\n")):
                found += self._block_of(
                    [(block_start + a, block_start + b) for a, b in pairwise([0, *ends, len(text)])]
                )
            elif _FIELDS.fullmatch(text):  # a row of a table, one value a line
                found += self._block_of(self._lines(block_start, sentences_end))
            elif text.strip():
                whole = prose and not leads(text) and (is_term(text) or names(text))
                sentences = placed([text] if whole else tiles(text), block_start)
                found += self._block_of(sentences, prose=prose and not is_item(text))
                if leads(text) or (prose and names(text)):
                    last = self.leaves[-1] = replace(self.leaves[-1], leads=True)
                    self._lead = self._head(last.start, last.end, last.under)
                elif prose and stays_open(text):
                    self.leaves[-1] = replace(self.leaves[-1], leads=True)
            if table:
                found += self._table(table, block_end)
        return found

    def _table(self, header: re.Match[str], end: int) -> list[Block]:
        """The header goes with the first row, and is what every part repeats, as rows that go on repeat their first."""
        rows = self._lines(header.end(), end)
        above, self._lead = self._lead or self._under, None
        under = Head(start=header.start(), end=header.end() - 1, above=above, is_frame=True)
        found = [] if rows else self._block_of([header.span()], under=[above])
        for (start, row_end), *below in continued(self._text, rows):
            named = head(start, row_end - 1, under)
            spans = [(start if found else header.start(), row_end), *below]
            found += self._block_of(spans, under=[under, *[named] * len(below)])
        if not rows:  # it is above what it names, such as an option
            self.leaves[-1] = replace(self.leaves[-1], leads=True)
        return self._joined(found, framed=bool(rows))

    def _code(self, start: int, end: int, *, fenced: bool) -> list[Block]:
        """Code, in stretches between empty lines; the lines of a fence go with what they fence."""
        opening = _FENCE.search(self._text, start, end) if fenced else None
        rows = self._lines(start, end)
        if opening is None:
            return self._joined(self._units(self._stretched(rows, line_heads(self._text, rows, self._under))))
        closed = len(rows) > 1 and opening["marks"] in self._text[slice(*rows[-1])]
        first, last = min(opening.end() + 1, end), rows[-1][0] if closed else end
        inside = self._text[first:last]
        if not inside.strip():
            return self._block_of([(start, end)])
        begin = first + len(inside) - len(inside.lstrip())
        begin = self._text.find("\n", begin, last) + 1 or last
        finish = self._text.rfind("\n", begin, first + len(inside.rstrip())) + 1 or begin
        fence = Head(
            start=opening.start(),
            end=opening.end(),
            above=self._under,
            is_frame=True,
            tail="\n" + opening["marks"],
            until=start + len(self._text[start:end].rstrip()),
            is_code=True,
        )
        lines_inside = self._lines(self._text.rfind("\n", first, begin - 1) + 1 or first, last)
        heads = {finish: fence, **line_heads(self._text, lines_inside, fence), start: fence}
        several = [(start, begin), *self._lines(begin, finish), (finish, end)]
        spans = several if self._text[begin:last].strip() else [(start, end)]  # nothing but the fence is left
        return self._joined(self._units(self._stretched(spans, heads)), framed=True)

    def _stretched(self, spans: Iterable[Span], heads: Mapping[int, Head | None]) -> list[Block]:
        """A block for each stretch of lines between empty ones."""
        found: list[Block] = []
        rows: list[Span] = []
        for span in (*spans, None):
            if span is not None and self._text[slice(*span)].strip():
                rows.append(span)
            if rows and (span is None or rows[-1] != span):
                found += self._block_of(rows, under=[heads.get(row[0]) for row in rows])
                rows = []
        return found

    def _units(self, found: Sequence[Block]) -> list[Block]:
        """Stretches of code as blocks in blocks: each with those that are indented more than it, or quoted in it."""
        starts = [self.leaves[block.first].start for block in found]
        if len(starts) < 3:
            return list(found)
        code = self._text[starts[0] : self.leaves[found[-1].last - 1].end]
        quoted = inside_quotes(code, [start - starts[0] for start in starts])
        levels = [_level(self._text, start, quotes) for start, quotes in zip(starts, quoted, strict=True)]
        return self._nested(found, levels)

    def _nested(self, found: Sequence[Block], levels: Sequence[int]) -> list[Block]:
        grouped: list[Block] = []
        for first, last in units(levels):
            inner = self._nested(found[first + 1 : last], levels[first + 1 : last]) if last - first > 1 else []
            grouped += self._joined([found[first], *inner], framed=bool(inner))
        return grouped

    def _block_of(
        self,
        spans: Sequence[Span],
        *,
        prose: bool = False,
        under: Sequence[Head | None] | None = None,
        framed: bool = False,
        level: int = 0,
        name: str = "",
    ) -> list[Block]:
        parts = []
        for place, (start, end) in enumerate(spans):
            if self._text[start:end].strip():
                parts.append(Block(first=len(self.leaves), last=len(self.leaves) + 1, level=level, name=name))
                above = under[place] if under is not None else self._under or (self._above and self._above(start))
                self.leaves.append(Leaf(start=start, end=end, prose=prose, under=above))
        return self._joined(parts, framed=framed)

    def _joined(self, parts: Sequence[Block], *, framed: bool = False) -> list[Block]:
        if len(parts) < 2 and not framed:
            return list(parts)
        if not parts:
            return []
        return [Block(first=parts[0].first, last=parts[-1].last, parts=tuple(parts), framed=framed)]

    def _lines(self, start: int, end: int) -> list[Span]:
        return list(placed(lines(self._text[start:end]), start))


def _level(text: str, start: int, quoted: bool) -> int:
    """How far code is indented that begins there, below the fence if there is one."""
    line, _, below = text[start : start + 1000].partition("\n")
    if _FENCE.match(line.lstrip(" \t>")):
        line = below.lstrip("\n").partition("\n")[0]
    return _DEEPEST + 1 if quoted else min(len(line) - len(line.lstrip(" \t>")), _DEEPEST)
