"""A text in smaller pieces, which joined are the text again: sentences, lines, words, signs."""

import re
from collections.abc import Iterable
from itertools import pairwise

import regex

# Sentences end as Unicode says (UAX 29): at a mark, with what closes after it. In scripts that put blanks between words
# a blank follows; those that put none between words may have no marks either, and divide phrases with a blank.
_UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A number before a title ends none (`4.1. Start`), nor does a mark before a small letter, a bracket, `2, and` or `62)`,
# nor an abbreviation.
_ABBREVIATIONS = (
    r"i\.?e|e\.?g|cf|vs|viz|resp|approx|incl|[Ff]igs?|[Ss]ec|[Ee]qs?|[Cc]hap|[Vv]ol|pp|Mrs?|Ms|Dr|Prof|Rev"
    r"|Sr|St|z\.\s?B|bzw|d\.\s?h|ca|vgl|p\.\s?ex"
)
_TILE = regex.compile(
    r"(?:[\[(*_#> -]{0,9}(?:\d{1,3}|\p{L})(?:\.\d{1,3}){0,9}\.\s{1,9}(?=\S))?"
    r".+?(?:[.!?…](?<!\b(?:" + _ABBREVIATIONS + r")\.)[\p{Sentence_Break=Close}*_`]*\s++(?!\p{Ll}|\d{1,4}[,;)]|\()"
    r"|(?![.!?])\p{Sentence_Break=STerm}\p{Sentence_Break=Close}*\s*"
    rf"|(?<=[{_UNSPACED}])\s+(?=[{_UNSPACED}])|\n\s*\n|\n(?=[ \t]*(?:[-*•|]|\d+[.)])[ \t])|\Z)",
    regex.DOTALL,
)
_CLAUSE = re.compile(r"[^,;{}()\[\]]*[,;{}()\[\]]+\s*|[^,;{}()\[\]]+")
_WORD = re.compile(r"\S+\s*|\s+")
_SIGNS = regex.compile(r"(?:\S\p{M}*){1,12}\s{0,40}|\s{1,100}")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def tiles(text: str) -> list[str]:
    """The text in pieces of a sentence each. Joined they are the text again, blanks and all; a wrapped line ends none.

    In Thai, Lao, Khmer and Burmese, which need no mark at its end, a piece is a phrase.
    """
    return [found[0] for found in _TILE.finditer(text)]


def lines(text: str) -> list[str]:
    """The lines with their ends."""
    return _LINE.findall(text)


def clauses(text: str) -> list[str]:
    """The text in pieces that end where a list or a bracket in it does, as in JSON, programs and long sentences."""
    return _CLAUSE.findall(text)


def words(text: str) -> list[str]:
    """The words with the blanks after them."""
    return _WORD.findall(text)


def signs(text: str) -> list[str]:
    """The text in pieces of a few characters, none parted from its accents."""
    return [found[0] for found in _SIGNS.finditer(text)]


def placed(pieces: Iterable[str], start: int) -> list[tuple[int, int]]:
    """Where the pieces stand that follow each other from `start` on."""
    edges = [start]
    for piece in pieces:
        edges.append(edges[-1] + len(piece))
    return list(pairwise(edges))
