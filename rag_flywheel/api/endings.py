"""Where an answer ends for a client that set a bound to it: before a text that it named, or after so many words."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rag_flywheel.domain import Interaction

FinishReason = Literal["stop", "length"]
"""As OpenAI says it; "length": there were more words than the answer may have."""

_BEGINNING = re.compile(r"(?<!\S)\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an answer ended: `text` is what was shown of it, the interaction has the whole."""

    interaction: Interaction
    text: str
    reason: FinishReason


def bounded(pieces: Iterable[str | Interaction], *, stops: Sequence[str], words: int | None) -> Iterator[str | Ending]:
    """The pieces of an answer up to the first of `stops` and with at most `words` words, then its ending.

    What could be the beginning of a stop is held back until that is decided. The pieces after the end are still asked
    for, so that the interaction is the whole one.
    """
    said, sent, begun = "", 0, 0
    cut: tuple[int, FinishReason] | None = None
    for piece in pieces:
        if isinstance(piece, Interaction):
            if sent < len(said):
                yield said[sent:]
            yield Ending(interaction=piece, text=said, reason="stop" if cut is None else cut[1])
        elif cut is None:
            before, said = len(said), said + piece
            beginnings = [] if words is None else [word.start() for word in _BEGINNING.finditer(said, before)]
            cut = min(_cuts(said, before, stops, beginnings, None if words is None else words - begun), default=None)
            begun += len(beginnings)
            if cut is not None:
                said = said[: cut[0]]
            decided = len(said) if cut is not None else len(said) - _undecided(said, stops)
            if sent < decided:
                yield said[sent:decided]
                sent = decided


def _cuts(
    said: str, before: int, stops: Sequence[str], beginnings: Sequence[int], left: int | None
) -> Iterator[tuple[int, FinishReason]]:
    """Where the answer would have to end, of all that ends it in what came after the first `before` characters."""
    if left is not None and left < len(beginnings):
        yield beginnings[left], "length"
    for stop in stops:
        at = said.find(stop, max(0, before - len(stop) + 1))
        if at >= 0:
            yield at, "stop"


def _undecided(said: str, stops: Sequence[str]) -> int:
    """How many of the last characters are the beginning of a stop."""
    return max((length for stop in stops for length in range(1, len(stop)) if said.endswith(stop[:length])), default=0)
