"""A text in sentences. Pure.

There are two ways, for two purposes that want different things of a sentence; each function says which.
"""

import functools
import re
from collections.abc import Iterator

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


_LINE_GAP = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*\|)|(?<=\|)\n")
_SENTENCE_GAP = re.compile(r"[.!?…]['\"’”)\]*_`]*\s+(?=[^a-zß-ÿ\s])|[。！？]\s*")
_ABBREVIATIONS = (
    r"[A-Za-z]|[A-Za-z]\.[A-Za-z]|Mrs?|Ms|Dr|Prof|St|[JS]r|vs|cf|etc|approx|No|Fig|Inc|Ltd|Co|Corp|Rev|Vol|Sec|Ch|Art|"
    r"pp"
)
_ABBREVIATIONS_OF = {
    "cs": "např|apod|atd|cca|tel|č|str|tj|tzn|tzv|max|obr|resp",
    "da": r"bl\.a|ca|f\.eks|inkl|ekskl|kl|maks|nr|osv|pga|tlf",
    "de": "Abb|Abs|Bd|Bsp|Frl?|Hr|Jh|Kap|Mio|Mrd|Nr|Std|Str|Tab|Tel|bzgl|bzw|ca|evtl|exkl|geb|ggf|inkl|max|mind|sog|"
    "usw|vgl|zzgl",
    "es": "[DS]ra|Sres|Uds?|aprox|art|máx|mín|núm|págs?|tel",
    "fr": "Mlle|MM|Mme|art|chap|env|ex|fig|max|réf|tél",
    "it": "Avv|Dott|Ing|Sig|Sigra|art|ca|cfr|ecc|fig|pagg?|tel",
    "nl": "bijv|blz|ca|dhr|enz|excl|incl|max|mevr|nr|tel",
    "no": r"bl\.a|ca|f\.eks|inkl|ekskl|kl|maks|nr|osv|pga|tlf",
    "pl": "godz|itd|itp|maks|nr|np|ok|pkt|rys|tel|tj|tzw|ul|wg",
    "pt": "[DS]ra|Exmo|aprox|art|máx|mín|núm|págs?|tel",
    "ru": "[А-Яа-я]|англ|др|им|млн|млрд|напр|рис|руб|стр|табл|тел|тыс|ул",
    "sv": r"bl\.a|ca|inkl|exkl|kl|max|nr|osv|t\.ex|tel",
}
"""Besides those of English, which other texts have too."""
_ORDINALS = frozenset({"cs", "da", "de", "et", "fi", "hr", "hu", "is", "lv", "no", "pl", "sk", "sl", "sr", "tr"})
"""Languages that write "3." for "third"."""


@functools.cache
def _no_end(language: str) -> re.Pattern[str]:
    """What a dot ends that is no sentence."""
    also = f"|{_ABBREVIATIONS_OF[language]}" if language in _ABBREVIATIONS_OF else ""
    ordinals = r"|\d{1,2}" if language in _ORDINALS else ""
    return re.compile(rf"(?:^|[\s(])(?:{_ABBREVIATIONS}{also}{ordinals})\.\s+$")


def quotable(text: str, start: int, end: int, language: str = "") -> Iterator[Span]:
    """Where the sentences are in a paragraph of the text, in order, without the blanks around them.

    For answers made of them: the end of a line ends none, but for lines of a table without a header. `language`: an
    ISO 639-1 code, whose abbreviations are known, else those of English alone.
    """
    no_end = _no_end(language)
    for line_start, line_end in _cut(_LINE_GAP, text, start, end):
        at = line_start
        for gap in _SENTENCE_GAP.finditer(text, line_start, line_end):
            small = language not in ("", "en") and text[gap.end() : gap.end() + 1].islower()
            if not small and not no_end.search(text[max(at, gap.start() - 10) : gap.end()]):
                yield _trimmed(text, at, gap.end())
                at = gap.end()
        if at < line_end:
            yield at, line_end


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
