"""The word by which a language model refuses, found in its reply as it streams.

It counts where the reply begins with it, and where it stands as a sentence of its own; what the model says after it is
not read. A sentence about the word, such as the handbook of this project holds, is a sentence.
"""

import functools
import re
from collections.abc import Iterator

TOKEN = "NO_ANSWER"  # noqa: S105  # a word of a prompt
"""What the model is told to say when the passages do not answer; nothing else counts as a refusal."""

_LETTERS = ("N", "O", r"\\?", *"_ANSWER")  # some write Markdown, where an underscore may have a backslash
_SIGNS = r"[\W_]{0,40}"  # that may stand around the word, such as the asterisks of bold type
_BOUNDARY = r"(?:[.!?:\n\u3002\uff01\uff1f]|\]\s)"  # the end of a sentence, or of a marker
_BEGUN = functools.reduce(lambda rest, letter: f"(?:{letter}{rest})?", reversed(_LETTERS), r"[ \t]*")
_FIRST = re.compile(rf"{_SIGNS}{''.join(_LETTERS)}(?![^\W_])", re.IGNORECASE)
_ALONE = re.compile(rf"{_BOUNDARY}(?P<refusal>{_SIGNS}{''.join(_LETTERS)}[ \t]*(?:[^\w\s]|_|\n|\Z))", re.IGNORECASE)
_UNDECIDED = re.compile(rf"(?:\A|{_BOUNDARY})(?P<refusal>{_SIGNS}{_BEGUN})\Z", re.IGNORECASE)
_NEAR = 60  # characters that the word takes with what stands around it, at most


class Heard:
    """The pieces of a reply up to the refusal. `refused` says, after the last one, whether it came."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self.refused = False
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        before, rest = "", ""  # what was given, as far as it matters, and what was not yet
        for piece in self._pieces:
            rest += piece
            ready = _ready(before, rest)
            yield (said := self._up_to_refusal(before, rest[:ready]))
            if self.refused:
                return
            before, rest = (before + said)[-_NEAR:], rest[ready:]
        yield self._up_to_refusal(before, rest)

    def _up_to_refusal(self, before: str, text: str) -> str:
        if not before and _FIRST.match(text):
            self.refused = True
            return ""
        found = _ALONE.search(before + text)
        if found is None:
            return text
        self.refused = True
        return text[: max(0, found.start("refusal") - len(before))]


def _ready(before: str, text: str) -> int:
    """How much of the text is no beginning of a refusal, whatever follows."""
    near = (before + text)[-_NEAR:]
    begun = _UNDECIDED.search(near)
    if begun is None or (begun.start() == 0 and len(near) == _NEAR):
        return len(text)
    return max(0, len(text) - (len(near) - begun.start("refusal")))
