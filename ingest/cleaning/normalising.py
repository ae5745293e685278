"""Text as every stage after this one sees it: one form of Unicode, plain spaces and line ends, nothing invisible.

What shows stays: signs, superscripts, full-width forms, accents, emoji, tabs, indents and columns.
"""

import re
import unicodedata

import regex

from ingest.reading.raw import PAGE_BREAK

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTERS = rf"[\p{{L}}\p{{M}}\p{{N}}--[{_UNSPACED}]]"
_WORDS = regex.compile(
    rf"[[{_UNSPACED}]&&[\p{{L}}\p{{N}}]]\p{{M}}*|(?!\p{{M}}){_LETTERS}+(?:['’]{_LETTERS}+)*", regex.VERSION1
)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")
_DELIMITERS = re.compile(r"[ \t>]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?)?[ \t]*|[ \t>]*\|[ \t]*:?-+:?[ \t]*")

_LINE_ENDS = "\v\x1c\x1d\x1e\u2028"
_JOINERS = "\u200c\u200d\u180e"  # of Persian, Indic scripts, Mongolian and emoji
_SHOWN_FORMATS = regex.compile(r"[\p{Prepended_Concatenation_Mark}\U00013430-\U0001343f]")  # such as ۝, around digits
_SHAPES = regex.compile(r"[\ufb00-\ufb06\ufb50-\ufdef\ufe70-\ufefc]")  # letters as a font draws them: ﬁ, ﻻ
_TAGS = "\U000e0000-\U000e007f"
_TAGGED = re.compile(  # the three flags that are written with tags; elsewhere tags only hide text
    f"(\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    f"|\U000e0077\U000e006c\U000e0073)\U000e007f)|[{_TAGS}]+"
)
_SELECTORS = re.compile("([\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_MARKS = regex.compile(r"(\p{M}{30})\p{M}+")


def words(text: str) -> list[str]:
    """The words of a text, in order; of a script that puts no blanks between them each character counts as one, and of
    Korean each syllable.
    """
    return [found[0] for found in _WORDS.finditer(text)]


def normalise(text: str) -> str:
    """The text in NFC, with plain spaces and line ends, single blank lines, and nothing invisible in it.

    Characters that do not show are dropped: controls, soft hyphens, zero-width spaces, marks of direction, tags, lone
    surrogates. They break search, and instructions can be hidden in them. Controls that are letters and signs of
    Windows' Western code page, read as Latin-1, become these. The dashes below a table's header become three.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_characters(text))
    text = _TAGGED.sub(lambda found: found[1] or "", text)
    text = _SELECTORS.sub(r"\1", text)
    # More than 30 marks on a letter are no writing, and take for ever to be put in order (UAX 15, stream-safe form).
    text = str(_MARKS.sub(r"\1", unicodedata.normalize("NFC", str(_MARKS.sub(r"\1", text)))))
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fenced ^= _FENCE.match(line) is not None
        if not fenced and _DELIMITERS.fullmatch(line):
            line = re.sub("-{4,}", "---", line)
        if line.strip() or line == PAGE_BREAK or (lines and lines[-1]):
            lines.append(line.rstrip(" \t"))
    return "\n".join(lines).strip("\n").rstrip("\n" + PAGE_BREAK)


def _characters(text: str) -> dict[int, str]:
    """What each unwanted character of the text becomes."""
    return {ord(character): kept for character in set(text) if (kept := _visible(character)) != character}


def _visible(character: str) -> str:
    if character in "\n\t" + PAGE_BREAK or (character.isascii() and character.isprintable()):
        return character
    if character in _LINE_ENDS:
        return "\n"
    if character == "\u2029":
        return "\n\n"
    if "\x80" <= character <= "\x9f":
        return character.encode("latin-1").decode("cp1252", "ignore")
    if character in "\u2010\u2011":  # hyphens, the second one not broken at
        return "-"
    if _SHAPES.fullmatch(character):
        return unicodedata.normalize("NFKC", character)
    if character in _JOINERS or _SHOWN_FORMATS.fullmatch(character) or re.match(f"[{_TAGS}]", character):
        return character
    category = unicodedata.category(character)
    if category == "Zs" or character == "\x1f":
        return " "
    return "" if category in ("Cc", "Cf", "Cs", "Zl", "Zp") else character
