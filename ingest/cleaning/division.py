"""Words that the end of a line or page divides."""

import re
from collections import Counter
from collections.abc import Callable

from ingest.reading.formats.known_words import dictionary
from ingest.reading.raw import PAGE_BREAK

_DIVIDED = re.compile(
    rf"(?<![^\W\d_])(?P<first>[^\W\d_]{{1,40}})-\n(?P<page>\n?{PAGE_BREAK}\n+)?(?P<second>[^\W\d_]{{1,40}})(?![^\W\d_])"
    r"(?P<rest>\S*)[ \t]?"
)
_RANGE = re.compile(rf"(?<=\d)-\n(?P<page>\n?{PAGE_BREAK}\n+)?(?P<second>\d\S*)[ \t]?")
_TOKEN = re.compile(r"(?<![^\W_])[^\W_]+(?:-[^\W_]+)*")


def join_divided_words(text: str) -> str:
    """The text with the words whole that stand on two lines or pages: `but-` and `ton` as `button`, `check-` and `in`
    as `check-in`.

    Whether the hyphen is part of the word is decided by how it stands elsewhere in the text, then by a dictionary of
    the text's language, then by whether this text divides words at all. Without any such proof it stays as it is.
    """
    found = list(_DIVIDED.finditer(text))
    if found:
        proven = _proofs(text, {(match["first"], match["second"]) for match in found})
        text = _DIVIDED.sub(lambda match: _joined(match, proven[match["first"], match["second"]]), text)
    return _RANGE.sub(lambda match: f"-{match['second']}{_end(match)}", text)


def _joined(match: re.Match[str], hyphen: str | None) -> str:
    if hyphen is None:
        return match[0]
    return f"{match['first']}{hyphen}{match['second']}{match['rest']}{_end(match)}"


def _end(match: re.Match[str]) -> str:
    return f"\n{PAGE_BREAK}\n" if match["page"] else "\n"


def _proofs(text: str, divided: set[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
    """What stands between the two parts of each word: nothing, a hyphen, or None where there is no proof."""
    counts = Counter(token.casefold() for token in _TOKEN.findall(_DIVIDED.sub(" ", text)))
    known = dictionary(text) or _unknown
    proven = {parts: _proof(*parts, counts, known) for parts in divided}
    divides = sum(hyphen == "" for hyphen in proven.values()) > sum(hyphen == "-" for hyphen in proven.values())
    for (first, second), hyphen in proven.items():
        if hyphen is None and divides and not second[0].isupper() and (known(first + second) or not known(second)):
            proven[first, second] = ""
    return proven


def _proof(first: str, second: str, counts: Counter[str], known: Callable[[str], bool]) -> str | None:
    whole, compound = (first + second).casefold(), f"{first}-{second}".casefold()
    if counts[whole] != counts[compound]:
        return "" if counts[whole] > counts[compound] and not second[0].isupper() else "-"
    if known(compound):
        return "-"
    parts_are_words = len(first) >= 3 and len(second) >= 4 and known(first) and known(second)
    return "" if known(whole) and not parts_are_words and not second[0].isupper() else None


def _unknown(word: str) -> bool:
    return False
