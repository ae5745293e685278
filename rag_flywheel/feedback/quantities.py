"""The quantities that a text speaks of: numbers with what they are of and the words around them. Pure."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_flywheel.domain.sentences import sentences

AROUND = 12
"""Tokens before and after a quantity that tell what it is about."""
_FEW = 3  # words around a quantity below which the question's words belong to it too

_TOKEN = re.compile(
    r"(?:(?<![\w.,)])[-−])?\d+(?::\d\d(?!\d)|(?:[.,]\d+)*)"  # a number, or a time of day
    r"|[^\W\d_]+(?:['’][^\W\d_]+)?|[-–—,%°$€£¥½¼¾]"  # a word, or a sign
)
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_HYPHENS = frozenset("-–—")
_RANGE = _HYPHENS | {"to", "and", "or", "through"}
_COMMON_WORDS = """
the and for are was has had not you can all any its his her our who how out off per via but may use see set get
about after also been before being both cannot could does during each even ever from have having here into just like
made make many more most much must never only other others over please same shall should some such than that their them
then there these they this those through under until upon very want were what when where which while whose will with
within without would your yours
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_ENDINGS = ("ing", "ies", "ed", "es", "s", "e", "y")
_COUNTING = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS = "ten twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {
    **{word: 10.0 * tens for tens, word in enumerate(_TENS.split(), 1)},
    **{word: float(value) for value, word in enumerate(_COUNTING.split())},
    "½": 0.5,
    "¼": 0.25,
    "¾": 0.75,
}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_YEAR = "january february march april may june july august september october november december"
_MONTHS = {month[:letters]: number for number, month in enumerate(_YEAR.split(), 1) for letters in (3, len(month))}
_MEASURES = """
time     0.001 ms millisecond | 1 s sec second | 60 min minute | 3600 h hr hour | 86400 day | 604800 week
time     2629800 month | 31557600 year
length   0.001 mm millimetre millimeter | 0.01 cm centimetre centimeter | 1 m metre meter | 1000 km kilometre kilometer
length   0.0254 inch inches | 0.3048 ft foot feet | 0.9144 yard | 1609.344 mile
mass     0.000001 mg milligram | 0.001 g gram | 1 kg kilogram | 1000 ton tonne | 0.4536 lb pound | 0.02835 oz ounce
volume   0.001 ml millilitre milliliter | 1 l litre liter
data     1e3 kb kib kilobyte | 1e6 mb mib megabyte | 1e9 gb gib gigabyte | 1e12 tb tib terabyte
share    1 % percent
degrees  1 ° degree
dollars  1 $ dollar usd
euros    1 € euro eur
pounds   1 £ gbp
yen      1 ¥ yen
"""
_UNITS = {
    word: (dimension, float(factor))
    for dimension, _, units in (line.partition(" ") for line in _MEASURES.split("\n") if line)
    for factor, *names in (unit.split() for unit in units.split("|"))
    for name in names
    for word in (name, f"{name}s")
}
DIMENSIONS = frozenset(dimension for dimension, _ in _UNITS.values())
"""What is measured: quantities of these may be said in several units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number with what it is of, and the words around it."""

    said: str  # nearly as it stands in the text
    of: frozenset[str]  # what it may be of: a dimension, a date, a year, or the words beside it
    low: float  # in the dimension's first unit
    high: float  # the end of a range, else as `low`
    around: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meaning:
    of: frozenset[str]
    name: str = "{}"  # how to say it, with the number in its place
    factor: float = 1.0  # to the dimension's first unit
    offset: float = 0.0


def quantities(text: str, question: str = "") -> Iterator[Quantity]:
    """The quantities of a text, in order. What an answer of a few words leaves out, its question tells."""
    asked = tokens(question)
    counted = asked[asked.index("many") + 1 :] if "many" in asked else []
    for sentence in sentences(text):
        said, end = tokens(sentence), 0
        while end < len(said):
            start, value, end = end, *_number(said, end)
            if value is None:
                continue
            high, end = _end_of_range(said, end, value)
            after = [token for token in said[end : end + 3] if token not in _HYPHENS]
            meaning = _meaning(said[start], said[start - 1] if start else "", after or counted)
            if meaning.of:
                around = telling([*said[max(0, start - AROUND) : start], *said[end : end + AROUND]])
                yield Quantity(
                    said=meaning.name.format(" ".join(said[start:end])),
                    of=meaning.of,
                    low=value * meaning.factor + meaning.offset,
                    high=high * meaning.factor + meaning.offset,
                    around=(around if len(around) >= _FEW else around | telling(asked)) - meaning.of,
                )


def tokens(text: str) -> list[str]:
    """Words, numbers and the signs that belong to them, without differences of case."""
    return [found[0].casefold() for found in _TOKEN.finditer(text)]


def telling(said: Sequence[str], *, letters: int = 4) -> frozenset[str]:
    """The words that tell what is spoken of, without the endings of plurals and verbs."""
    return frozenset(_stem(word) for word in said if len(word) >= letters and word.isalpha() and word not in _COMMON)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _number(said: Sequence[str], at: int) -> tuple[float | None, int]:
    """The number that begins there, if one does, and where the next token is."""
    value, at = _value(said[at]), at + 1
    while value is not None and at < len(said) and said[at] in _SCALES:
        value, at = value * _SCALES[said[at]], at + 1
    return value, at


def _end_of_range(said: Sequence[str], at: int, value: float) -> tuple[float, int]:
    """The larger end of "3 to 5", and where the next token is; the number itself where no range begins."""
    if at + 1 < len(said) and said[at] in _RANGE:
        end, after = _number(said, at + 1)
        if end is not None and end >= value:
            return end, after
    return value, at


def _value(token: str) -> float | None:
    if token in _NUMBERS:
        return _NUMBERS[token]
    if not token[-1].isdecimal():
        return None
    hours, colon, minutes = token.partition(":")
    if colon:
        return float(hours) * 60 + float(minutes)
    plain = token.replace("−", "-")
    plain = plain.replace(",", "") if _GROUPED.fullmatch(plain) else plain.replace(",", ".")
    return float(plain) if plain.count(".") < 2 else None  # a version or an address is no quantity


def _meaning(number: str, before: str, after: Sequence[str]) -> _Meaning:
    unit = after[0] if after else ""
    if before in _UNITS and not before.isalpha():
        return _Meaning(of=frozenset({_UNITS[before][0]}), name=before + "{}")
    if unit in _UNITS:
        dimension, factor = _UNITS[unit]
        return _Meaning(of=frozenset({dimension}), name=f"{{}} {unit}", factor=factor)
    if before in _MONTHS:
        return _Meaning(of=frozenset({"date"}), name=f"{before} {{}}", offset=_MONTHS[before] * 31)
    if unit in _MONTHS:
        return _Meaning(of=frozenset({"date"}), name=f"{{}} {unit}", offset=_MONTHS[unit] * 31)
    if number.isdecimal() and len(number) == 4 and "1000" <= number <= "2100":
        return _Meaning(of=frozenset({"year"}))
    if ":" in number:
        return _Meaning(of=frozenset({"time of day"}))
    if number == "one":  # mostly a pronoun
        return _Meaning(of=frozenset())
    counted = itertools.takewhile(bool, (telling([word], letters=3) for word in after[:2]))
    named = {f"{word} number" for word in telling([before], letters=3)}
    of = frozenset().union(*counted)
    return _Meaning(of=of | named, name=f"{{}} {unit}" if of else f"{before} {{}}")
