"""A span in parts that an embedder takes whole, by its tokens."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ingest import tiles
from ingest.heads import Span
from rag_flywheel.ports import TokenCounter

CHARACTERS = 8  # of a token, at most: a model may take a whole line of signs that it does not know for one
COUNTED_AT_ONCE = 1024  # texts
LOOKED_AT = 131_072  # characters of a text whose tokens are counted, at most

SMALLER = (tiles.lines, tiles.tiles, tiles.clauses, tiles.words, tiles.signs)
"""How a piece is cut that is too long, one way after the other."""


def weights(texts: Iterable[str], counter: TokenCounter) -> Iterator[int]:
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


def fitting(text: str, span: Span, room: int, counter: TokenCounter) -> Iterator[Span]:
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
    for piece, weight in zip(pieces, weights(pieces, counter), strict=True):
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
