"""A text in sentences. Pure.

There are two ways, for two purposes that want different things of a sentence; each function says which.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto

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


class _Kind(Enum):
    PROSE = auto()
    HEADING = auto()
    STEP = auto()  # an item of a numbered list
    BULLET = auto()
    FENCE = auto()  # a fenced block of code


_OWN_LINES = re.compile(
    r"^[ \t]*(?:(?P<fence>```|~~~)[^\n]*\n.*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)|#{1,6}[ \t][^\n]*$)",
    re.MULTILINE | re.DOTALL,
)
"""What takes whole lines whatever stands around it: fenced code and headings."""
_STEP = re.compile(r"[ \t]*\d{1,3}[.)][ \t]")
_BULLET = re.compile(r"[ \t]*[-*+•][ \t]")
_BLOCK_GAP = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])|\n(?=[ \t]*\|)|(?<=\|)\n")
_SENTENCE_GAP = re.compile(r"[.!?…]['\"’”)\]*_`]*\s+(?=[^a-zß-ÿ\s])|[。！？]\s*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|[A-Za-z]\.[A-Za-z]|Mrs?|Ms|Dr|Prof|St|[JS]r|vs|cf|etc|approx|No|Fig|Inc|Ltd|Co|Corp)\.\s+$"
)


def quotable(text: str) -> list[Span]:
    """Where the sentences are that can stand alone, in order, without the blanks around them.

    For answers made of them: what only makes sense together is one. So are the steps of a numbered list, code and the
    sentence before it (or, below a heading, the one after it), a list and the line with a colon that introduces it, a
    question and its answer.
    """
    spans: list[Span] = []
    first = last = _Kind.HEADING  # kinds of the first and the last piece of the latest span
    for start, end, kind in _pieces(text):
        if spans and _belongs(text[slice(*spans[-1])], first, last, kind):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
            first = kind
        last = kind
    return spans


def _belongs(before: str, first: _Kind, last: _Kind, kind: _Kind) -> bool:
    """Whether a piece of this kind continues the span before it, which starts with `first` and ends with `last`."""
    if _Kind.HEADING in (last, kind):
        return False
    announced = last is not _Kind.FENCE and before.rstrip("*_` ").endswith((":", "?"))
    one_list = kind is last and (kind is _Kind.STEP or (kind is _Kind.BULLET and first is not _Kind.BULLET))
    bare_code = first is last is _Kind.FENCE
    return announced or one_list or bare_code or kind is _Kind.FENCE


def _pieces(text: str) -> Iterator[tuple[int, int, _Kind]]:
    at = 0
    for lines in _OWN_LINES.finditer(text):
        yield from _prose(text, at, lines.start())
        yield *_trimmed(text, *lines.span()), _Kind.FENCE if lines["fence"] else _Kind.HEADING
        at = lines.end()
    yield from _prose(text, at, len(text))


def _prose(text: str, start: int, end: int) -> Iterator[tuple[int, int, _Kind]]:
    for block_start, block_end in _cut(_BLOCK_GAP, text, start, end):
        kind = _kind(text[block_start:block_end])
        if kind is _Kind.STEP:
            yield block_start, block_end, kind
            continue
        at = block_start
        for gap in _SENTENCE_GAP.finditer(text, block_start, block_end):
            if not _ABBREVIATION.search(text[at : gap.end()]):
                yield *_trimmed(text, at, gap.end()), kind
                at = gap.end()
        if at < block_end:
            yield at, block_end, kind


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


def _kind(block: str) -> _Kind:
    if _STEP.match(block):
        return _Kind.STEP
    return _Kind.BULLET if _BULLET.match(block) else _Kind.PROSE
