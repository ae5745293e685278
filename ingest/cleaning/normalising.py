"""Text as every stage after this one sees it: one form of Unicode, plain spaces and line ends, nothing invisible."""

import re
import unicodedata

from ingest.reading.raw import PAGE_BREAK

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORDS = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’][^\W\d_{_CJK}]+)*")
_SPACES = re.compile(r"(?<=\S)(?:[ \t]{2,}|\t)")  # what is one space already is no match: that would cost memory
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")


def words(text: str) -> list[str]:
    """The words of a text, in order; each Chinese, Japanese or Korean character counts as one."""
    return _WORDS.findall(text)


def normalise(text: str) -> str:
    """The text in NFC, with plain spaces and line ends, single blank lines, and nothing invisible in it.

    Characters that do not show are dropped: controls, soft hyphens, zero-width spaces, marks of direction, tags, lone
    surrogates. They break search, and instructions can be hidden in them. Code between fences keeps its spaces.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = unicodedata.normalize("NFC", _with_short_rows_of_marks(text.translate(_characters(text))))
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        fenced ^= fence is not None
        kept = line if fenced or fence else _SPACES.sub(" ", line)
        if kept.strip() or kept == PAGE_BREAK or (lines and lines[-1]):
            lines.append(kept.rstrip(" \t"))
    return "\n".join(lines).strip("\n" + PAGE_BREAK)


def _with_short_rows_of_marks(text: str) -> str:
    """The text with a joiner after 30 marks on one letter (UAX #15, stream-safe text): sorting a row of them, as NFC
    does, takes quadratic time.
    """
    marks = re.escape("".join(character for character in set(text) if unicodedata.combining(character)))
    return re.sub(f"[{marks}]{{30}}(?=[{marks}])", "\\g<0>\u034f", text) if marks else text


def _characters(text: str) -> dict[int, str]:
    """What each unwanted character of the text becomes."""
    return {ord(character): kept for character in set(text) if (kept := _visible(character)) != character}


def _visible(character: str) -> str:
    if character in "\n\t" + PAGE_BREAK or (character.isascii() and character.isprintable()):
        return character
    if "\ufb00" <= character <= "\ufb06":  # a ligature of a PDF's font, such as ﬁ
        return unicodedata.normalize("NFKC", character)
    if character in "\u200c\u200d":  # the joiners of Persian and Indic scripts and of emoji
        return character
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return "" if category in ("Cc", "Cf", "Cs", "Zl", "Zp") else character
