"""Fonts of signs in a PDF: what is set in them has places on the page and no letters, such as the notes of music."""

import ctypes
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ingest.reading.formats.known_words import LOOKED_AT, dictionary
from ingest.reading.formats.layout import in_words

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

FEWEST = 16  # signs in a file that prove something
KNOWN = 1 / 3  # share of the words that a dictionary knows, at least, of what is language
WORDS = 5000  # different ones of a font that are looked at
_NAME = 200  # bytes of a font's name

_WORD = re.compile(r"[^\W\d_]{3,}")


class Fonts:
    """What each font of a file set, page by page.

    Where a font does not say which character a sign stands for, PDFium gives the sign's number in the font. Many an
    old font numbers its letters as ASCII does, so that these are a text all the same.
    """

    def __init__(self) -> None:
        self._set: Counter[str] = Counter()
        self._nameless: Counter[str] = Counter()
        self._words: dict[str, set[str]] = defaultdict(set)
        self._sample = ""  # of the letters that have names
        self.pages: list[int] = []  # that have signs which their fonts do not name

    def note(
        self, page: int, textpage: "PdfTextPage", letters: Sequence[str], known_places: Collection[int] = frozenset()
    ) -> bool:
        """Whether there are such signs on a page, but for those at `known_places`; if so, what is set in which font is
        taken note of."""
        nameless = set(_nameless(textpage, letters)).difference(known_places)
        if len(self._sample) < LOOKED_AT:
            named = (letter for place, letter in enumerate(letters) if place not in nameless)
            self._sample += "".join(islice(named, LOOKED_AT))
        if not nameless:
            return False
        self.pages.append(page)
        words: dict[str, list[str]] = defaultdict(list)
        for place, (letter, font) in enumerate(zip(letters, _fonts(textpage, len(letters)), strict=True)):
            if font is None:
                continue
            self._set[font] += not letter.isspace()
            if place in nameless:
                self._nameless[font] += 1
                words[font].append(letter if place - 1 in nameless else f" {letter}")
        for font, parts in words.items():
            known = self._words[font]
            known.update(_WORD.findall("".join(parts))[: max(0, WORDS - len(known))])
        return True

    def of_signs(self) -> dict[str, int]:
        """The fonts that set signs and no text, with the number of these: most of what such a font sets it does not
        name, and the numbers make no words. Not where the nameless letters of the file as a whole do, since its other
        fonts then number their letters alike."""
        suspects = [font for font, count in self._nameless.items() if 2 * count > self._set[font]]
        if sum(self._nameless[font] for font in suspects) < FEWEST or self._reads(set().union(*self._words.values())):
            return {}
        return {font: self._set[font] for font in suspects if not self._reads(self._words[font])}

    def _reads(self, words: set[str]) -> bool:
        """Whether the words are those of a language."""
        if not words:
            return False
        known = dictionary(self._sample if self._sample.strip() else " ".join(words))
        if known is None:
            return in_words(" ".join(words))
        return sum(map(known, words)) >= KNOWN * len(words)


def without(textpage: "PdfTextPage", letters: Sequence[str], fonts: Collection[str]) -> tuple[list[str], int]:
    """The letters, with a blank for each that is set in one of the fonts, and how many these are."""
    names = _fonts(textpage, len(letters))
    kept = [" " if font in fonts else letter for letter, font in zip(letters, names, strict=True)]
    return kept, sum(font in fonts for font in names)


def _nameless(textpage: "PdfTextPage", letters: Sequence[str]) -> list[int]:
    import pypdfium2.raw as pdfium

    page, unnamed = textpage.raw, pdfium.FPDFText_HasUnicodeMapError
    return [place for place, letter in enumerate(letters) if letter == "\0" or unnamed(page, place) == 1]


def _fonts(textpage: "PdfTextPage", count: int) -> list[str | None]:
    """The name of each letter's font, which may be empty; None for what PDFium adds, such as line ends."""
    import pypdfium2.raw as pdfium

    names: list[str | None] = []
    buffer, flags = ctypes.create_string_buffer(_NAME), ctypes.c_int()
    for place in range(count):
        length = pdfium.FPDFText_GetFontInfo(textpage.raw, place, buffer, _NAME, flags)
        names.append(buffer.value.decode("utf-8", "replace") if 0 < length <= _NAME else "" if length else None)
    return names
