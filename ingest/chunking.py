"""Documents to chunks that stand alone, with exact offsets, and superseded spans hidden from chunks."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ingest import blocks
from ingest.blocks import Block, Blocks, Span, read_blocks
from ingest.cleaning.normalising import words
from ingest.reading.raw import PAGE_BREAK
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Chunk, ChunkId, Document, DocumentId, Evidence
from rag_flywheel.ports import TokenCounter
from rag_flywheel.search.texts import path

RULES = "4"  # raise it whenever the result of `chunk` could change: caches are keyed by it
PLAIN = (".txt",)  # where a line that begins with # is no heading
CHARACTERS = 8  # of a token, at most: a model may take a whole line of signs that it does not know for one
FRAME = 0.5  # share of a chunk that repeated lines may take
SMALLEST = 16  # tokens of text in a chunk, whatever its title and headings take
COUNTED_AT_ONCE = 1024  # texts
LEADING = 3  # leaves that lead to what follows, and go with it
LITTLE = 1 / 3  # of a chunk: too little room to begin a table or code in that is to be cut
LOOKED_AT = 131_072  # characters of a text whose tokens are counted, at most


SMALLER = (blocks.lines, blocks.tiles, blocks.words, blocks.signs)
"""How a piece is cut that is too long, one way after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """The blocks below one heading, which is the first of them."""

    above: tuple[tuple[int, str], ...]  # level and name of each heading, outermost first
    blocks: tuple[Block, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.above)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What becomes a chunk."""

    start: int
    end: int
    repeated: Span | None = None
    tail: str = ""


def chunk(document: Document, settings: Ingest, counter: TokenCounter) -> list[Chunk]:
    """Chunks of the document in the order of its text, each embedded whole: nothing of it is cut off.

    With the title and headings that are embedded with it, a chunk has at most `settings.chunk_tokens` tokens, or what
    the embedder takes. It never crosses a heading. Sentences, rows, code, and items of lists stay whole while they fit;
    a part of a table begins with the table's header, and code that is cut is fenced in every part. But for these lines
    its text is `document.text[start:end]`, and its id the document's id and its span. In a text with pages the last
    heading is the page on which the chunk begins. A correction is always one chunk, since its question belongs to the
    whole of its answer.
    """
    text = document.text
    if document.provenance is not None:
        return [_chunk(document, (), _Piece(start=0, end=len(text)))] if text.strip() else []
    page_breaks = [match.start() for match in re.finditer(PAGE_BREAK, text)]
    last_page = (f"page {len(page_breaks) + 1}",) if page_breaks else ()
    limit = min(settings.chunk_tokens or counter.longest, counter.longest)
    chunks = []
    above: tuple[tuple[int, str], ...] = ()
    for read in read_blocks(text, markdown=not document.source.lower().endswith(PLAIN)):
        sections = list(_sections(read.blocks, above))
        cost = [0, *accumulate(_weights([text[leaf.start : leaf.end] for leaf in read.leaves], counter))]
        paths = [path(document.title, (*section.headings, *last_page)) + "\n" for section in sections]
        for section, taken in zip(sections, counter.count_tokens(paths), strict=True):
            room = max(limit - (taken if settings.embed_titles else 0), SMALLEST)
            packing = _Packing(text, read, cost, room=room, overlap=settings.chunk_overlap_tokens, counter=counter)
            for piece in packing.pieces(section.blocks):
                page = (f"page {bisect_right(page_breaks, piece.start) + 1}",) if page_breaks else ()
                chunks.append(_chunk(document, (*section.headings, *page), piece))
            above = section.above
    return chunks


def hide(chunks: Iterable[Chunk], superseded: Sequence[Evidence], minimum_words: int) -> list[Chunk]:
    """The chunks without the superseded spans' text: each is cut out and leaves one space, or one line end.

    `start` and `end` stay those of the whole chunk. A chunk with fewer than `minimum_words` words left is dropped.
    """
    by_document: dict[DocumentId, list[Evidence]] = defaultdict(list)
    for evidence in superseded:
        by_document[evidence.document_id].append(evidence)
    shown = []
    for piece in chunks:
        spans = by_document.get(piece.document_id, ())
        repeated = piece.repeated
        if repeated is not None and any(span.overlaps(repeated) for span in spans):
            piece = replace(piece, text=piece.text[piece.lead :], repeated=None)
        cuts = [evidence for evidence in spans if evidence.overlaps(piece.span)]
        if cuts:
            left = _cut(piece, cuts)
            if len(words(left)) < minimum_words:
                continue
            tail = piece.text[len(piece.text) - piece.tail :]
            piece = replace(piece, text=piece.text[: piece.lead] + left + tail)
        shown.append(piece)
    return shown


def _cut(piece: Chunk, cuts: Sequence[Evidence]) -> str:
    """What is left of a whole chunk's own text. The cuts may overlap, and reach beyond the chunk."""
    text = piece.own
    left, position = "", 0
    for cut in sorted(cuts, key=lambda cut: cut.start):
        start, end = max(cut.start - piece.start, position), min(cut.end - piece.start, len(text))
        if start >= end:
            continue
        before = left + text[position:start]
        at_line_end = "\n" in before[len(before.rstrip()) :] or "\n" in text[end : end + 1]
        left = before.rstrip() + ("\n" if at_line_end else " ")
        position = end
    return (left + text[position:].lstrip() if position else text).strip()


def _chunk(document: Document, headings: tuple[str, ...], piece: _Piece) -> Chunk:
    own = document.text[piece.start : piece.end]
    lead = "" if piece.repeated is None else document.text[slice(*piece.repeated)] + "\n"
    return Chunk(
        chunk_id=ChunkId(f"{document.document_id}#{piece.start}-{piece.end}"),
        document_id=document.document_id,
        title=document.title,
        headings=headings,
        text=lead + own + piece.tail,
        start=piece.start,
        end=piece.end,
        source=document.source,
        question=document.question,
        provenance=document.provenance,
        repeated=None
        if piece.repeated is None
        else Evidence(document_id=document.document_id, start=piece.repeated[0], end=piece.repeated[1]),
        tail=len(piece.tail),
    )


def _sections(found: Sequence[Block], above: tuple[tuple[int, str], ...]) -> Iterator[_Section]:
    """The blocks below `above`, divided at the headings. A heading with nothing below it goes with the next one."""
    own: list[Block] = []
    body = False
    for block in found:
        if block.level and block.name:
            if body:
                yield _Section(above=above, blocks=tuple(own))
                own, body = [], False
            above = (*(heading for heading in above if heading[0] < block.level), (block.level, block.name))
        else:
            body = True
        own.append(block)
    if own:
        yield _Section(above=above, blocks=tuple(own))


def _weights(texts: Iterable[str], counter: TokenCounter) -> Iterator[int]:
    """The tokens that each text counts for. One that is far too long is not looked at: that would take memory."""
    some: list[str] = []
    characters = 0
    for text in texts:
        some.append(text)
        characters += len(text)
        if characters > LOOKED_AT or len(some) >= COUNTED_AT_ONCE:
            yield from _counted(some, counter)
            some, characters = [], 0
    yield from _counted(some, counter)


def _counted(texts: Sequence[str], counter: TokenCounter) -> Iterator[int]:
    tokens = counter.count_tokens([text if len(text) <= LOOKED_AT else "" for text in texts])
    return (max(count, -(-len(text) // CHARACTERS)) for text, count in zip(texts, tokens, strict=True))


# --- packing --------------------------------------------------------------------------------------------------------


class _Packing:
    """Blocks to pieces of at most `room` tokens: a block whole where it fits, else by its parts."""

    def __init__(
        self, text: str, read: Blocks, cost: Sequence[int], *, room: int, overlap: int, counter: TokenCounter
    ) -> None:
        self._text = text
        self._leaves = read.leaves
        self._cost = cost  # of all leaves before each
        self._room = room
        self._overlap = min(overlap, room // 2)
        self._counter = counter
        self._left = room  # of the piece that is being filled
        self._first = self._next = 0  # its leaves
        self._bare = True  # whether it holds nothing yet but headings, what leads, and what the last piece ended with
        self._body = 0  # the first leaf that is no heading
        self._within: Block | None = None  # the block in whose middle it begins
        self._whole: Block | None = None  # that its last leaf is a part of, of those that repeat something
        self._frames: dict[tuple[Span, str], int] = {}
        self._ends: dict[int, int] = {}  # of leaves, white space aside
        self._made: list[_Piece] = []

    def pieces(self, section: Sequence[Block]) -> list[_Piece]:
        """The pieces of one section."""
        self._first = self._next = section[0].first
        self._body = section[-1].last - 1
        for block in section:
            self._put(block, None)
        self._close(None)
        return self._made

    def _put(self, block: Block, whole: Block | None) -> None:
        """Fill in a block: a part of `whole`, which its parts repeat some lines of, or of nothing like that."""
        begun = whole if whole is not None and block.first > whole.first else None
        cost = self._cost[block.last] - self._cost[block.first]
        needed = cost + (len(whole.tail) if whole is not None else 0)
        if needed > self._left and not self._bare:
            if needed + self._lead_cost(block) <= self._room - self._frame(begun):
                self._turn(block.first, begun, needed)
            elif self._is_better_cut_later(block):
                self._turn(block.first, begun, self._room // 2)
        if needed > self._left and block.parts:
            for part in block.parts:
                self._put(part, whole if block.repeated is None else block)
            return
        self._left -= cost
        self._next, self._whole = block.last, whole
        if not block.level:
            self._body = min(self._body, block.first)
        self._bare = self._bare and bool(block.level)

    def _lead_cost(self, block: Block) -> int:
        """Tokens of what leads to a block whose parts may stand apart."""
        before = block.first - 1
        if not block.parts or block.repeated is not None or before < self._body or not self._leaves[before].leads:
            return 0
        return self._cost[before + 1] - self._cost[before]

    def _is_better_cut_later(self, block: Block) -> bool:
        """Whether a block that must be cut should begin in a new piece."""
        if all(leaf.leads for leaf in self._leaves[self._body : min(block.first, self._body + LEADING + 1)]):
            return False
        return not block.parts or (block.repeated is not None and self._left < LITTLE * self._room)

    def _turn(self, first: int, within: Block | None, needed: int) -> None:
        """A new piece for the leaf `first`, with what leads to it, and the last sentences of the piece before it where
        they fit in too."""
        room = self._room - self._frame(within)
        start = first
        while (
            within is None
            and first - start < LEADING
            and start > self._body
            and self._leaves[start - 1].leads
            and self._cost[first] - self._cost[start - 1] <= room - needed
        ):
            start -= 1
        self._next = max(start, self._body + 1)  # what leads is in both where there is nothing else in the piece before
        self._close(within)
        before, self._left = self._first, room
        while (
            within is None
            and start - 1 > before
            and self._leaves[start - 1].prose
            and self._cost[first] - self._cost[start - 1] <= min(self._overlap, self._left - needed)
        ):
            start -= 1
        self._left -= self._cost[first] - self._cost[start]
        self._first = self._body = start
        self._next, self._within, self._bare = first, within, True

    def _close(self, within: Block | None) -> None:
        """The piece is whole; it ends in the middle of the block `within`. A leaf too long for it is its last."""
        span = self._leaves[self._first].start, self._leaves[self._next - 1].end
        tail = len(within.tail) if within is not None and self._frame(within) else 0
        room = self._room - (self._frame(self._within) or tail)
        spans = list(_fitting(self._text, span, room, self._counter))
        if len(spans) > 1:
            spans = list(_fitting(self._text, span, min(room, self._room - self._frame(self._whole)), self._counter))
        begun = self._within
        for start, end in spans:
            self._made.append(
                _Piece(start=start, end=end, repeated=self._before(begun, start), tail=self._after(self._whole, end))
            )
            begun = self._whole

    def _before(self, begun: Block | None, start: int) -> Span | None:
        """What a piece repeats that starts in the middle of the block."""
        if begun is None or begun.repeated is None or not self._frame(begun) or start < begun.repeated[1]:
            return None
        return begun.repeated

    def _after(self, begun: Block | None, end: int) -> str:
        """What closes a piece that ends in the middle of the block."""
        if begun is None or begun.repeated is None or not self._frame(begun):
            return ""
        if begun.last not in self._ends:
            last = self._leaves[begun.last - 1]
            self._ends[begun.last] = last.start + len(self._text[last.start : last.end].rstrip())
        return begun.tail if begun.repeated[0] < end < self._ends[begun.last] else ""

    def _frame(self, within: Block | None) -> int:
        """Tokens of what a piece that begins in the middle of a block repeats; 0 where that would be too much."""
        if within is None or within.repeated is None:
            return 0
        key = within.repeated, within.tail
        if key not in self._frames:
            lines = self._text[slice(*within.repeated)]
            [tokens] = _weights([lines], self._counter)
            self._frames[key] = tokens + len(within.tail)  # whose signs are a token each, at most
        return self._frames[key] if self._frames[key] <= FRAME * self._room else 0


def _fitting(text: str, span: Span, room: int, counter: TokenCounter) -> Iterator[Span]:
    """The span, or the parts of it that fit where it does not: lines, sentences, or words at last."""
    start, end = _trimmed(text, span)
    if start < end:
        own = text[start:end]
        if len(own) <= 2 * CHARACTERS * room and counter.count_tokens([own])[0] <= room:
            yield start, end
        else:
            for part in _divided(text, (start, end), room, counter):
                trimmed = _trimmed(text, part)
                if trimmed[0] < trimmed[1]:
                    yield trimmed


def _divided(text: str, span: Span, room: int, counter: TokenCounter) -> Iterator[Span]:
    """As many of the smaller pieces together as fit."""
    start = at = span[0]
    left = room
    for length, weight in _smaller(text[slice(*span)], room, counter, SMALLER):
        if weight > left and at > start:
            yield start, at
            start, left = at, room
        left -= weight
        at += length
    if at > start:
        yield start, at


def _smaller(
    text: str, room: int, counter: TokenCounter, ways: Sequence[Callable[[str], list[str]]]
) -> Iterator[tuple[int, int]]:
    """The length and the tokens of each smaller piece; what is too long by the first of the `ways` goes by the next."""
    pieces = ways[0](text)
    for piece, weight in zip(pieces, _weights(pieces, counter), strict=True):
        if len(ways) == 1:  # parts of a word may be other tokens together than alone
            yield len(piece), max(weight, len(piece.strip()))
        elif weight > room:
            yield from _smaller(piece, room, counter, ways[1:])
        else:
            yield len(piece), weight


def _trimmed(text: str, span: Span) -> Span:
    """The span without white space around it; the first line keeps its indent."""
    start, end = span
    own = text[start:end]
    blank = len(own) - len(own.lstrip())
    indent = own.rfind("\n", 0, blank) + 1
    return start + (indent if indent or text[start - 1 : start] in ("", "\n") else blank), start + len(own.rstrip())
