"""A text in sentences. Pure.

There are two ways, for two purposes that want different things of a sentence; each function says which.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Characters of the text: the first, and the one after the last."""

MARKS = ".!?。！？"
"""What ends a sentence."""

# A dot ends no sentence in "3.5", and a line's end none where the next line goes on in small letters.
_GOES_ON = rf"[^{MARKS}\n]|[.!?](?=[^\s\"'”’)\]])|\n(?=[a-zß-öø-ÿα-ωа-я])"
_SENTENCE = re.compile(rf"[^\s{MARKS}](?:{_GOES_ON})*[{MARKS}]?")


def sentences(text: str) -> Iterator[str]:
    """The sentences one by one, each with the mark that ends it and without blanks before it.

    For rules about what somebody says: a line's end ends a sentence too, as in lists and headings.
    """
    return (found[0] for found in _SENTENCE.finditer(text))


# --- to quote -------------------------------------------------------------------------------------------------------


_LINE_GAP = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*\|)|(?<=\|)\n")
_SENTENCE_GAP = re.compile(r"[.!?…]['\"’”)\]*_`]*\s+(?=[^a-zß-ÿ\s])|[。！？]\s*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|[A-Za-z]\.[A-Za-z]|Mrs?|Ms|Dr|Prof|St|[JS]r|vs|cf|etc|approx|No|Fig|Inc|Ltd|Co|Corp|Rev|Vol|Sec|Ch|Art|pp)\.\s+$"
)


def quotable(text: str, start: int, end: int) -> Iterator[Span]:
    """Where the sentences are in a paragraph of the text, in order, without the blanks around them.

    For answers made of them: the end of a line ends none, but for lines of a table without a header.
    """
    for line_start, line_end in _cut(_LINE_GAP, text, start, end):
        at = line_start
        for gap in _SENTENCE_GAP.finditer(text, line_start, line_end):
            if not _ABBREVIATION.search(text[max(at, gap.start() - 10) : gap.end()]):
                yield _trimmed(text, at, gap.end())
                at = gap.end()
        if at < line_end:
            yield at, line_end


def _cut(gaps: re.Pattern[str], text: str, start: int, end: int) -> Iterator[Span]:
    """The trimmed, non-empty stretches between the gaps."""
    edges = [start, *(edge for gap in gaps.finditer(text, start, end) for edge in gap.span()), end]
    for piece_start, piece_end in zip(edges[::2], edges[1::2], strict=True):
        trimmed = _trimmed(text, piece_start, piece_end)
        if trimmed[0] < trimmed[1]:
            yield trimmed


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
