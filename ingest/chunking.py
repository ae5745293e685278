"""Documents to chunks with exact offsets, and superseded spans hidden from chunks."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.cleaning.normalising import words
from ingest.reading.raw import PAGE_BREAK
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Chunk, ChunkId, Document, DocumentId, Evidence
from rag_flywheel.domain.sentences import tiles

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

RULES = "1"  # raise it whenever the result of `chunk` could change: caches are keyed by it
PLAIN = (".txt", ".csv", ".pdf", ".docx")  # where a line that begins with # is no heading

_HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})[ \t]+(?P<heading>.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})(?P<info>.*)$")
_PIECE = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{1,24}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A stretch of text below one heading; its own heading is its first line."""

    headings: tuple[str, ...]
    start: int
    end: int


def chunk(document: Document, settings: Ingest) -> list[Chunk]:
    """Chunks of at most `settings.chunk_words` words, in the order of the text.

    A chunk never crosses a heading. Its text is exactly `document.text[start:end]`, its id the document's id and its
    span. In a PDF the heading is the page on which the chunk begins. A correction is always one chunk, since its
    question belongs to the whole of its answer.
    """
    if document.provenance is not None:
        return [_chunk(document, (), 0, len(document.text))] if document.text.strip() else []
    splitter = _splitter(settings)
    page_breaks = [match.start() for match in re.finditer(PAGE_BREAK, document.text)]
    chunks = []
    for section in _sections(document):
        for start, end in _spans(document.text, section, splitter):
            page = (f"page {bisect_right(page_breaks, start) + 1}",) if page_breaks else ()
            chunks.append(_chunk(document, section.headings + page, start, end))
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
        cuts = [evidence for evidence in by_document.get(piece.document_id, ()) if evidence.overlaps(piece.span)]
        if cuts:
            text = _cut(piece, cuts)
            if len(words(text)) < minimum_words:
                continue
            shown.append(replace(piece, text=text))
        else:
            shown.append(piece)
    return shown


def _cut(piece: Chunk, cuts: Sequence[Evidence]) -> str:
    """What is left of a whole chunk's text. The cuts may overlap, and reach beyond the chunk."""
    left, position = "", 0
    for cut in sorted(cuts, key=lambda cut: cut.start):
        start, end = max(cut.start - piece.start, position), min(cut.end - piece.start, len(piece.text))
        if start >= end:
            continue
        before = left + piece.text[position:start]
        at_line_end = "\n" in before[len(before.rstrip()) :] or "\n" in piece.text[end : end + 1]
        left = before.rstrip() + ("\n" if at_line_end else " ")
        position = end
    return (left + piece.text[position:].lstrip() if position else piece.text).strip()


def _chunk(document: Document, headings: tuple[str, ...], start: int, end: int) -> Chunk:
    return Chunk(
        chunk_id=ChunkId(f"{document.document_id}#{start}-{end}"),
        document_id=document.document_id,
        title=document.title,
        headings=headings,
        text=document.text[start:end],
        start=start,
        end=end,
        source=document.source,
        question=document.question,
        provenance=document.provenance,
    )


# --- sections -------------------------------------------------------------------------------------------------------


def _sections(document: Document) -> Iterator[_Section]:
    """The text divided at its headings. A heading with nothing below it goes with the next one."""
    text = document.text
    if document.source.lower().endswith(PLAIN):
        yield _Section(headings=(), start=0, end=len(text))
        return
    path: list[tuple[int, str]] = []
    start, body = 0, False
    for line_start, line, level, heading in _lines(text):
        if not level:
            body = body or bool(line.strip())
            continue
        if body:
            yield _Section(headings=tuple(name for _, name in path), start=start, end=line_start)
            start, body = line_start, False
        path = [*((above, name) for above, name in path if above < level), (level, heading)]
    if text[start:].strip():
        yield _Section(headings=tuple(name for _, name in path), start=start, end=len(text))


def _lines(text: str) -> Iterator[tuple[int, str, int, str]]:
    """(offset, line, level, heading) of each line; the level is 0 where it is no heading, as inside a code fence."""
    fence = ""
    offset = 0
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        heading = None
        if mark and not fence:
            fence = mark["marks"]
        elif mark and mark["marks"].startswith(fence) and not mark["info"].strip():
            fence = ""
        elif not fence:
            heading = _HEADING.match(line)
        if heading and heading["heading"]:
            yield offset, line, len(heading["marks"]), heading["heading"]
        else:
            yield offset, line, 0, ""
        offset += len(line)


# --- spans ----------------------------------------------------------------------------------------------------------


def _splitter(settings: Ingest) -> "SentenceSplitter":
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(
        chunk_size=settings.chunk_words,
        chunk_overlap=settings.chunk_overlap_words,
        tokenizer=_PIECE.findall,  # the default fetches a byte-pair vocabulary
        chunking_tokenizer_fn=tiles,
        paragraph_separator="\n\n",
    )


def _spans(text: str, section: _Section, splitter: "SentenceSplitter") -> Iterator[tuple[int, int]]:
    """Where the splitter's chunks of the section stand in the text.

    The splitter gives texts alone. Each begins, at the latest, where the one before ends, so the last such place is its
    own: also in text that repeats itself, no chunk can fall short of the section's end.
    """
    end = section.start
    for piece in splitter.split_text(text[section.start : section.end]):
        latest = end + len(text[end : section.end]) - len(text[end : section.end].lstrip())
        start = text.rfind(piece, section.start, latest + len(piece))
        if start + len(piece) > end:
            end = start + len(piece)
            yield start, end
