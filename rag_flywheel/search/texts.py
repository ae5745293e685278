"""What is embedded of a chunk, and what chunks tell of their documents."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

import regex

from rag_flywheel.domain import Chunk, DocumentId
from rag_flywheel.domain.sentences import quotable

PATH_AT_MOST = 200
"""Characters of the title and the headings above a chunk's text: more would take the place of the text itself."""
SENTENCES_AT_MOST = 32
"""Vectors of a chunk's sentences: they are what an index mostly holds."""

_SEVERAL_WORDS = regex.compile(r"\S\s+\S|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{M}]{4}")
"""Blanks between them, or a script that has none."""
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])")


def searched_text(chunk: Chunk, *, titles: bool) -> str:
    """What is embedded of a chunk: its text, under its title and headings where `titles` is true."""
    if not titles:
        return chunk.text
    return "\n".join([path(chunk.title, chunk.headings), chunk.text]).strip()


def sentence_texts(chunk: Chunk, *, titles: bool) -> list[str]:
    """What is embedded of a chunk's sentences: each below its nearest heading where `titles` is true, for a sentence of
    a manual seldom names what its section is about. Where there are very many, such as the rows of a table, neighbours
    are joined.
    """
    items = [0, *(found.end() for found in _ITEM.finditer(chunk.text)), len(chunk.text)]
    cut = chain.from_iterable(quotable(chunk.text, start, end, chunk.language) for start, end in pairwise(items))
    spans = [(start, end) for start, end in cut if _SEVERAL_WORDS.search(chunk.text, start, end)]
    together = -(-len(spans) // SENTENCES_AT_MOST) or 1
    groups = [spans[at : at + together] for at in range(0, len(spans), together)]
    ends = [(group[0][0], group[-1][1]) for group in groups]
    return [below_heading(chunk, start, end) if titles else chunk.text[start:end] for start, end in ends]


def below_heading(chunk: Chunk, start: int, end: int) -> str:
    """A part of a chunk's text below the heading that is nearest to it, or the title."""
    return f"{chunk.headings[-1] if chunk.headings else chunk.title}\n{chunk.text[start:end]}"


def path(title: str, headings: Sequence[str]) -> str:
    """Title and headings in one line. Where they are too long the outer headings go first, then the ends."""
    parts = [part for part in (title, *(heading for heading in headings if heading != title)) if part]
    while len(parts) > 2 and len(" > ".join(parts)) > PATH_AT_MOST:
        del parts[1]
    joined = " > ".join(parts)
    return joined if len(joined) <= PATH_AT_MOST else " > ".join(part[: PATH_AT_MOST // 2 - 3] for part in parts)


def document_texts(chunks: Iterable[Chunk]) -> dict[DocumentId, str]:
    """The texts of the documents that the chunks are cut from, as far as these tell, every character at its place.

    What no chunk shows is filled with line ends: white space between chunks, and what is hidden. Where more than its
    span stands before a chunk, such as the header of a table, that is passed over.
    """
    pieces: dict[DocumentId, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if chunk.confirmed is None and not chunk.only:
            pieces[chunk.document_id].append(chunk)
    return {name: _joined(own) for name, own in pieces.items()}


def _joined(chunks: list[Chunk]) -> str:
    parts, at = [], 0
    for chunk in sorted(chunks, key=lambda chunk: chunk.start):
        length = chunk.end - chunk.start
        shown = chunk.text[len(chunk.text) - length :] if len(chunk.text) >= length else "\n" * length
        parts += ["\n" * (chunk.start - at), shown[max(0, at - chunk.start) :]]
        at = max(at, chunk.end)
    return "".join(parts)
