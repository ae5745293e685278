"""Whether the sentences of a language model's reply stand in the passages that they cite, as it streams.

A sentence is supported where the passages hold all of its numbers and names, of which the question's own count as held,
and at least half of its longer words, or a sentence that is near to it in meaning. Words are compared by their
beginnings, so that their forms are one. This is no reading: a "not" too much is not seen. `benchmarks/support.py`
measures it on judged answers.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag_flywheel.domain.markers import marked
from rag_flywheel.domain.sentences import quotable
from rag_flywheel.domain.words import BEGINNING, beginnings
from rag_flywheel.ports import Encoder
from rag_flywheel.search.languages import READ, guessed

MARK = "[unsupported]"
"""What is shown behind a sentence that the passages do not support."""

Near = Callable[[str, Sequence[str]], bool]
"""Whether a sentence of the texts says much the same as the first one."""

HELD = 0.5  # share of its longer words that the passages must hold
NOUNS = {"de", "lb"}  # languages in which a capital makes no name
SURE = 0.9  # probability from which a text is in a language
COSINE = 0.6  # from which the bundled encoder's sentences say much the same, where their words differ
_COMPARED = 32  # sentences of passages, those with most words in common
_LONGEST = 4000  # characters of a sentence, or of a block of code

_MARKERS = r"(?:\[[\d,\s]+\]\s*)"
_AFTER = re.compile(rf"{_MARKERS}*")
_MARKED = re.compile(r"\[[\d,\s]+\]")
_OPEN = re.compile(rf"{_MARKERS}*(?:\[[\d,\s]*)?\Z")  # where a marker may still come
_FENCE = re.compile(r"\s*(?:```|~~~)")
_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*(?:\n|\Z)", re.MULTILINE)
_HEADING = re.compile(r"\s*#{1,6}\s")
_COUNTED = re.compile(r"(?:^\s*|(?<![\w.,])(?=\d+[.):]\s+\S))\d{1,2}[.):]")  # the number of a step
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_GROUPED = re.compile(r"[.,:]")
_WORD = re.compile(r"[^\W\d_]+")
_NAME = re.compile(r"(?<=[^\W_A-Z] |[,;] )[A-Z][^\W\d_]{2,}")
_ENGLISH = "zero one two three four five six seven eight nine ten eleven twelve"
_SMALL = frozenset(map(str, range(13)))
_SPELT = {word: str(number) for number, word in enumerate(_ENGLISH.split())}
_LONG, _SHORT = 4, 3  # letters of a word that says something, and of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Passages:
    """What passages hold, one by one, and the question's own words."""

    texts: tuple[str, ...]
    words: tuple[frozenset[str], ...]
    numbers: tuple[frozenset[str], ...]
    asked: str
    language: str | None
    spelt: bool  # whether small numbers that are written as words are known
    naming: bool  # whether a capital inside of a sentence makes a name in it


def read(texts: Sequence[str], question: str) -> Passages:
    """Of the texts of passages, titles included, as they are numbered from 1."""
    code, probability = guessed("\n".join(text[: READ // max(1, len(texts))] for text in texts))
    return Passages(
        texts=tuple(texts),
        words=tuple(beginnings(text, _SHORT) for text in texts),
        numbers=tuple(_numbers(text) | _spelt(text) for text in texts),
        asked=question,
        language=code if probability >= SURE else None,
        spelt=code == "en",
        naming=code not in NOUNS,
    )


def supported(sentence: str, passages: Passages, *, said: str = "", near: Near | None = None) -> bool | None:
    """Whether the passages that it cites hold it, all of them where it cites none; None where it claims nothing that
    could be looked up, and where reply and passages are in different languages. `said`: the reply before it.
    """
    claim = _COUNTED.sub(" ", _MARKED.sub(" ", sentence))
    if _HEADING.match(claim) or claim.rstrip(" *_").endswith((":", "?", "\uff1a", "\uff1f")):
        return None
    cited = [number - 1 for number in marked(sentence) if 1 <= number <= len(passages.words)]
    cited = cited or list(range(len(passages.words)))
    words, asked = beginnings(claim, _LONG), beginnings(passages.asked, _SHORT)
    figures = _numbers(claim) if passages.spelt else _numbers(claim) - _SMALL
    if not words and not figures:
        return None
    if _foreign(f"{said}\n{claim}", passages):
        return None
    held = frozenset().union(*(passages.words[at] for at in cited))
    if not figures <= frozenset(_numbers(passages.asked)).union(*(passages.numbers[at] for at in cited)):
        return False
    if passages.naming and not {word[:BEGINNING].casefold() for word in _NAME.findall(claim)} <= held | asked:
        return False
    if len(words & held) >= HELD * len(words):
        return True
    return near is not None and near(claim, [passages.texts[at] for at in cited])


def nearness(encoder: Encoder) -> Near:
    """By the cosine of `encoder`, which is the bundled one: the bound is its own."""

    def near(claim: str, texts: Sequence[str]) -> bool:
        spans = [text[start:end] for text in texts for start, end in quotable(text, 0, len(text))]
        words = beginnings(claim, _LONG)
        spans.sort(key=lambda span: -len(words & beginnings(span, _SHORT)))
        if not spans:
            return False
        cosines = encoder.encode_documents(spans[:_COMPARED]) @ encoder.encode_queries([claim])[0]
        return bool(cosines.max() >= COSINE)

    return near


def checking(*, cut: bool, near: Near | None) -> Callable[[Iterable[str], Sequence[str], str], "Checked"]:
    """What compares the pieces of a reply with the texts of passages, for a question; see `Checked`."""
    return lambda pieces, texts, question: Checked(pieces, read(texts, question), cut=cut, near=near)


class Checked:
    """A reply sentence by sentence, those that are not supported marked or cut. `found` and `missed` say, after the
    last one, how many were supported and how many not."""

    def __init__(self, pieces: Iterable[str], passages: Passages, *, cut: bool, near: Near | None = None) -> None:
        self.found = self.missed = 0
        self._pieces = pieces
        self._passages = passages
        self._cut = cut
        self._near = near

    def __iter__(self) -> Iterator[str]:
        said = ""
        for sentence in _sentences(self._pieces):
            held = supported(sentence, self._passages, said=said, near=self._near)
            said = (said + sentence)[-READ:]
            self.found += held is True
            self.missed += held is False
            if held is not False:
                yield sentence
            elif not self._cut:
                words = sentence.rstrip()
                gap = "\n" if _FENCE.match(words) else " "
                yield f"{words}{gap}{MARK}{sentence[len(words) :]}"


def _sentences(pieces: Iterable[str]) -> Iterator[str]:
    """The text in sentences, each with its markers and the blanks behind it. A line, or a block of code, ends one."""
    rest = ""
    for piece in pieces:
        rest += piece
        *whole, rest = _cut(rest)
        yield from whole
    if rest:
        yield rest


def _cut(text: str) -> list[str]:
    """The sentences that are whole, and the rest, which may be empty."""
    ends = [0]
    while (line := text.find("\n", ends[-1])) >= 0:
        start = ends[-1]
        if _FENCE.match(text[start : line + 1]):
            closed = _FENCED.search(text, line + 1)
            if closed is None:
                break
            ends.append(closed.end())
        else:
            ends += [*_inside(text, start, line), line + 1]
    if not _FENCE.match(text[ends[-1] :]):
        ends += [at for at in _inside(text, ends[-1], len(text)) if not _OPEN.match(text, at)]
    if len(text) - ends[-1] > _LONGEST:
        ends.append(len(text))
    return [*(text[start:end] for start, end in pairwise(ends)), text[ends[-1] :]]


def _inside(text: str, start: int, end: int) -> list[int]:
    """Where sentences of a line begin, but for the first. A marker belongs to the sentence before it."""
    closing = _MARKED.sub(lambda marker: ")" * len(marker[0]), text[start:end])  # which may follow a sentence's end
    spans = [(start + at, start + to) for at, to in quotable(closing, 0, len(closing))][1:]
    return [after.end() for at, _ in spans if (after := _AFTER.match(text, at, end)) is not None]


def _numbers(text: str) -> frozenset[str]:
    """Those in digits, however these are grouped."""
    return frozenset(_GROUPED.sub("", number).lstrip("0") or "0" for number in _NUMBER.findall(text))


def _spelt(text: str) -> frozenset[str]:
    """Small numbers that English spells out."""
    return frozenset(_SPELT[word] for word in _WORD.findall(text.casefold()) if word in _SPELT)


def _foreign(text: str, passages: Passages) -> bool:
    """Whether a reply is in another language. One that is too short to tell is in that of the question."""
    if passages.language is None:
        return False
    language = _language(text) or _language(f"{passages.asked}\n{text}")
    return language not in (None, passages.language)


def _language(text: str) -> str | None:
    """None where that is not clear."""
    code, probability = guessed(text)
    return code if probability >= SURE else None
