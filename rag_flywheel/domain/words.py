"""The words of a text so far as their forms begin alike, which compares texts in most languages. Pure."""

import re

BEGINNING = 5
"""Characters that the forms of a word share, more or less."""

_SHORTER = 4  # characters that are enough of a word of four letters
_WORD = re.compile(r"[^\W\d_]+")
_UNDIVIDED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]+")  # scripts without blanks


def beginnings(text: str, least: int) -> frozenset[str]:
    """The beginnings of words with so many letters, and pairs of characters of scripts without blanks.

    Where `least` is below 4 the first four characters are there too, so that a word of four finds its longer forms.
    """
    words = [word.casefold() for word in _WORD.findall(_UNDIVIDED.sub(" ", text)) if len(word) >= least]
    lengths = {_SHORTER, BEGINNING} if least < _SHORTER else {BEGINNING}
    pairs = {run[at : at + 2] for run in _UNDIVIDED.findall(text) for at in range(len(run) - 1)}
    return frozenset({word[:letters] for word in words for letters in lengths} | pairs)
