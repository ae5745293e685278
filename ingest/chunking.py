"""Documents to chunks that stand alone, with exact offsets, and superseded spans hidden from chunks."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ingest.blocks import Block, Blocks, read_blocks
from ingest.cleaning.normalising import words
from ingest.fitting import fitting, weights
from ingest.heads import GAP, Head, Span, frame_of, gap_below, upwards
from ingest.reading.raw import PAGE_BREAK
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Chunk, ChunkId, Document, DocumentId, Evidence
from rag_flywheel.ports import TokenCounter
from rag_flywheel.search.texts import path

RULES = "9"  # raise it whenever the result of `chunk` could change: caches are keyed by it
PLAIN = (".txt",)  # where a line that begins with # is no heading
FRAME = 0.5  # share of a chunk that a table's header or a fence may take that is repeated
HEADS = 0.25  # share of a chunk that other repeated lines may take
SMALLEST = 16  # tokens of text in a chunk, whatever its title and headings take
LEADING = 3  # leaves that lead to what follows, and go with it
LITTLE = 1 / 3  # of a chunk: too little room to begin a table or code in that is to be cut


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
    repeated: tuple[Span, ...] = ()
    gaps: tuple[str, ...] = ()  # what stands below each of them where something is left out
    tail: str = ""


def chunk(document: Document, settings: Ingest, counter: TokenCounter) -> list[Chunk]:
    """Chunks of the document in the order of its text, each embedded whole: nothing of it is cut off.

    With the title and headings that are embedded with it, a chunk has at most `settings.chunk_tokens` tokens, or what
    the embedder takes. It never crosses a heading. Sentences, rows, code, and items of lists stay whole while they fit;
    a part of a table begins with the table's header, code that is cut is fenced in every part, and what begins in the
    middle of a list, a definition or code with the lines that it stands under. But for these lines its text is
    `document.text[start:end]`, and its id the document's id and its span. In a text with pages the last
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
        cost = [0, *accumulate(weights([text[leaf.start : leaf.end] for leaf in read.leaves], counter))]
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
        if any(span.overlaps(repeated) for span in spans for repeated in piece.repeated):
            piece = replace(piece, text=piece.text[piece.lead :], repeated=(), gaps=0)
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
    lines = zip(piece.repeated, piece.gaps, strict=True)
    lead = "".join(document.text[start:end] + "\n" + gap for (start, end), gap in lines)
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
        repeated=tuple(
            Evidence(document_id=document.document_id, start=start, end=end) for start, end in piece.repeated
        ),
        gaps=sum(map(len, piece.gaps)),
        tail=len(piece.tail),
        groups=document.groups,
        unless=document.unless,
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
        self._tokens: dict[Span, int] = {}  # of heads
        self._made: list[_Piece] = []

    def pieces(self, section: Sequence[Block]) -> list[_Piece]:
        """The pieces of one section."""
        self._first = self._next = section[0].first
        self._body = section[-1].last - 1
        for block in section:
            self._put(block)
        self._close()
        return self._made

    def _put(self, block: Block) -> None:
        cost = self._cost[block.last] - self._cost[block.first]
        needed = cost + _signs(self._tail(block.last - 1, self._leaves[block.last - 1].end))
        if needed > self._left and not self._bare and not (block.parts and self._only_leads(block)):
            start = self._with_lead(block)
            if needed + self._cost[block.first] - self._cost[start] <= self._room - self._taken(start):
                self._turn(block.first, needed)
            elif self._is_better_cut_later(block):
                self._turn(block.first, self._room // 2)
        if needed > self._left and block.parts:
            for part in block.parts:
                self._put(part)
            return
        self._left -= cost
        self._next = block.last
        if not block.level:
            self._body = min(self._body, block.first)
        self._bare = self._bare and bool(block.level)

    def _with_lead(self, block: Block) -> int:
        """The first leaf of a block, or what leads to it where its parts may stand apart."""
        before = block.first - 1
        if not block.parts or before < self._body or not self._leaves[before].leads:
            return block.first
        return before if self._cost[before + 1] - self._cost[before] <= HEADS * self._room else block.first

    def _only_leads(self, block: Block) -> bool:
        """Whether the piece holds nothing yet but what leads to the block."""
        return all(leaf.leads for leaf in self._leaves[self._body : min(block.first, self._body + LEADING + 1)])

    def _is_better_cut_later(self, block: Block) -> bool:
        """Whether a block that must be cut should begin in a new piece."""
        if self._only_leads(block):
            return False
        return not block.parts or (block.framed and self._left < LITTLE * self._room)

    def _turn(self, first: int, needed: int) -> None:
        """A new piece for the leaf `first`, with what leads to it, and the last sentences of the piece before it where
        they fit in too."""
        start = first
        while (
            first - start < LEADING
            and start > self._body
            and self._leaves[start - 1].leads
            and self._cost[first] - self._cost[start - 1] <= self._room - self._taken(start - 1) - needed
        ):
            start -= 1
        self._next = max(start, self._body + 1)  # what leads is in both where there is nothing else in the piece before
        self._close()
        before, self._left = self._first, self._room - self._taken(start)
        start = self._with_last_sentences(start, first, before, needed)
        self._left -= self._cost[first] - self._cost[start]
        self._first = self._body = start
        self._next, self._bare = first, True

    def _with_last_sentences(self, start: int, first: int, before: int, needed: int) -> int:
        """Where the sentences begin that the piece shares with the one before it: those of the same paragraph, or whole
        paragraphs, since the end of another one says nothing alone. Code and tables share what stands above them."""
        shared, crossed = start, False
        under = self._leaves[start].under
        if under is not None and under.is_frame and under.start >= self._leaves[start].start:
            under = under.above
        while (
            start - 1 > before
            and self._leaves[start - 1].prose
            and self._leaves[start - 1].under is under
            and self._cost[first] - self._cost[start - 1] <= min(self._overlap, self._left - needed)
        ):
            start -= 1
            crossed = crossed or self._leaves[start].end != self._leaves[start + 1].start
            if not crossed or self._leaves[start - 1].end != self._leaves[start].start:
                shared = start
        return shared

    def _close(self) -> None:
        """The piece is whole. A leaf too long for it is its last."""
        first, last = self._first, self._next - 1
        span = self._leaves[first].start, self._leaves[last].end
        room = self._room - max(self._taken(first), _signs(self._tail(last, span[1])))
        spans = list(fitting(self._text, span, room, self._counter))
        if len(spans) > 1:
            most = max(self._taken(leaf, span[1]) for leaf in range(first, last + 1))
            spans = list(fitting(self._text, span, min(room, self._room - most), self._counter))
            frame = frame_of(self._leaves[last].under)
            if frame is not None and self._text[slice(*spans[-1])] == frame.tail.strip() and len(spans) > 1:
                spans[-2:] = [(spans[-2][0], spans[-1][1])]  # what closes code takes the room of what closes its parts
        for start, end in spans:
            heads = self._heads(self._leaf_at(start), start)
            tail = self._tail(self._leaf_at(end - 1), end)
            frame = frame_of(self._leaves[self._leaf_at(end - 1)].under)
            if frame is not None and frame.start < start and frame not in heads:
                tail = ""  # its fence is too long to be repeated
            below = [head.start for head in heads[1:]] + [start] * bool(heads)
            self._made.append(
                _Piece(
                    start=start,
                    end=end,
                    repeated=tuple((head.start, head.end) for head in heads),
                    gaps=tuple(gap_below(self._text, *pair) for pair in zip(heads, below, strict=True)),
                    tail=tail,
                )
            )

    def _leaf_at(self, place: int) -> int:
        return bisect_right(self._leaves, place, key=lambda leaf: leaf.start) - 1

    def _heads(self, leaf: int, start: int) -> list[Head]:
        """What a piece repeats that starts there: a header or fence, and of other lines the nearest, while few tokens
        are enough for them."""
        under = self._leaves[leaf].under
        frame = frame_of(under)
        found: list[Head] = []
        if frame is not None and frame.end <= start:
            if self._cost_of(frame) + _signs(frame.tail + GAP) > FRAME * self._room:
                return []
            found.append(frame)
        left = HEADS * self._room
        for head in upwards(under):
            if head.is_frame or head.end > start or any(head.start < other.end <= head.end for other in found):
                continue
            left -= self._cost_of(head)
            if left < 0:
                break
            found.append(head)
        return sorted(found, key=lambda head: head.start)

    def _taken(self, leaf: int, start: int | None = None) -> int:
        """Tokens of what a piece that starts there repeats around its text."""
        heads = self._heads(leaf, self._leaves[leaf].start if start is None else start)
        return sum(self._cost_of(head) + _signs(GAP + head.tail if head.tail else "") for head in heads)

    def _cost_of(self, head: Head) -> int:
        span = head.start, head.end
        if span not in self._tokens:
            [self._tokens[span]] = weights([self._text[slice(*span)]], self._counter)
        return self._tokens[span] + (len(GAP) if head.is_code else 0)  # whose signs are a token each, at most

    def _tail(self, leaf: int, end: int) -> str:
        """What closes a piece that ends there, and says that code is left out below it."""
        frame = frame_of(self._leaves[leaf].under)
        if frame is None or not frame.start < end < frame.until:
            return ""
        goes_on = frame.tail and self._text[end : frame.until].strip() != frame.tail.strip()
        return f"\n{GAP}{frame.tail}" if goes_on else frame.tail


def _signs(tail: str) -> int:
    """The tokens of what closes a piece: each sign is one, at most."""
    return len("".join(tail.split()))
