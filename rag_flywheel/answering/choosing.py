"""Which sentences of the passages answer a question, and how they are shown and cited."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.answering.markup import Kind, Markup, read_markup, set_of
from rag_flywheel.answering.quoting import LONGEST, Quotable, connected, quotables
from rag_flywheel.domain import Chunk, Citation, Passage
from rag_flywheel.domain.sentences import Span

Values = NDArray[np.float64]

# Measured on three corpora by whether the answer holds the expected one, and on two of documentation by reading the
# answers: neighbours read well together, the ranking knows more than a cosine, words that few sentences have tell
# the one that is meant, a sentence far below the best one only makes the answer longer, and to read a passage far from
# the question only takes time (docs/decisions.md).
_GOES_ON = 0.6  # added to the worth of a sentence after a chosen one in its paragraph
_NEIGHBOUR = 0.45  # and to any other that stands beside one
_REACH = 0.1  # how far below the first choice another one may be then
_RANK = 0.1  # times 1/rank, added to the cosine of a passage's sentences
_SCORE = 0.05  # times the logarithm of its score by the best one's, which tells how much likelier the search holds that
_WORDS = 0.3  # times the share of the question's words that a sentence has, rare ones counting more
_NUMBERS = 0.3  # times the share of the question's numbers
_OPENING = 0.1  # added to what is said first below a heading
_BROKEN = 0.15  # taken from what cannot be understood alone, or only says where to read on
_NEAR = 0.15  # how far below the best passage's cosine that of a passage may be to be read; the first one always is

_LEAST = 1e-3  # of the best passage's score, that any is taken to have
_LEAD = 300  # characters of the sentence that leads to a list, weighed with each item
_WORD = re.compile(r"[^\W_]+")
_BEGINNING = 6  # characters that make two words the same: "install" and "installing"
_FUNCTION = set_of(
    "a all an and any are as at be been being but by can could did do does for from get had has have how i if in into "
    "is it its just many me much my need not of on one only or our should so some than that the their them then there "
    "these they this those to use used using was we were what when where which who whom whose why will with would you "
    "your"
)
"""English words that say nothing of what is asked for."""
_ROWS = 12  # of a table that is quoted whole
_FENCE = "```"
_ADDRESS = re.compile(r"https?://\S+")
_PAGE = re.compile(r"page \d+")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sentence:
    """What can be quoted, and where it stands."""

    passage: Passage
    markup: Markup  # of the passage's text
    quotable: Quotable
    place: int  # among those of its passage

    @property
    def text(self) -> str:
        """As it is shown."""
        return self.markup.shown(self.quotable.start, self.quotable.end)

    @property
    def heading(self) -> str:
        """The nearest one but a page's number, for a sentence of a manual seldom names what its section is about."""
        chunk = self.passage.chunk
        names = [name for name in chunk.headings if not _PAGE.fullmatch(name)]
        return names[-1] if names else chunk.title

    @property
    def weighed(self) -> list[str]:
        """What is compared with the question: all of it, what leads to its body, and each part below that."""
        quote = self.quotable
        whole = f"{self.heading}\n{self.text}"
        lead = f"{self.heading}\n{self.markup.shown(quote.start, self._first)[-_LEAD:]}"
        leads = [lead] if quote.start < quote.body < quote.end else []
        return [whole, *leads, *(f"{lead}\n{self.markup.shown(*part)}" for part in quote.parts)]

    @property
    def headline(self) -> str:
        """The heading, before a list, a table or code that no sentence leads to."""
        return "" if self.quotable.body > self.quotable.start else f"**{self.heading}**\n\n"

    @property
    def _first(self) -> int:
        """Where the first part begins: after the lead, and after the header of a table."""
        return self.quotable.parts[0][0] if self.quotable.parts else self.quotable.body

    def follows(self, other: "Sentence") -> bool:
        return self.passage is other.passage and self.place == other.place + 1

    def quoted(self, worth: Values) -> list[Span]:
        """The stretches of it that are shown: one, unless a list or a table is long, where what fits the question is.

        `worth` is that of its `weighed` texts.
        """
        quote, first = self.quotable, self._first
        rows = quote.last is Kind.TABLE and len(quote.parts) > _ROWS
        if len(quote.parts) < 2 or (quote.end - quote.start <= LONGEST and not rows):
            return [self._clipped(quote.start, quote.end)]
        worth = worth[-len(quote.parts) :]
        taken: list[int] = []
        room = LONGEST - (first - quote.start)
        for part in np.argsort(-worth, kind="stable")[: _ROWS if rows else None]:
            start, end = quote.parts[part]
            if taken and (end - start > room or (rows and worth[part] < worth.max() - _REACH)):
                break
            taken.append(int(part))
            room -= end - start
        spans = [self._clipped(quote.start, first)] if first > quote.start else []
        for part in sorted(taken):
            start, end = self._clipped(*quote.parts[part])
            if spans and not self.markup.text[spans[-1][1] : start].strip():
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return spans

    def _clipped(self, start: int, end: int) -> Span:
        """No longer than an answer may get, and then to the end of a line where there is one."""
        if end - start <= LONGEST:
            return start, end
        return start, max(self.markup.text.rfind("\n", start, start + LONGEST), start + LONGEST // 2)


def candidates(passages: Sequence[Passage]) -> list[Sentence]:
    """Every sentence that says something, once, as neighbouring chunks overlap."""
    seen: set[str] = set()
    found = []
    for passage in connected(_read(passages)):
        markup = read_markup(passage.chunk.text, address=_address(passage.chunk))
        for place, quotable in enumerate(quotables(markup, passage.chunk.language)):
            sentence = Sentence(passage=passage, markup=markup, quotable=quotable, place=place)
            if sentence.text not in seen:
                seen.add(sentence.text)
                found.append(sentence)
    return found


def _address(chunk: Chunk) -> str:
    """Where the document is on the web, as what was fetched from there tells; empty: elsewhere."""
    found = _ADDRESS.search(chunk.document_id) or _ADDRESS.search(chunk.source)
    return found[0] if found else ""


def _read(passages: Sequence[Passage]) -> list[Passage]:
    """Those near enough to the question to answer it; also what was not found by its vector, as it may be near."""
    cosines = [passage.scores.dense for passage in passages if passage.scores.dense is not None]
    floor = max(cosines, default=0.0) - _NEAR
    return [
        passage
        for passage in passages
        if passage is passages[0] or passage.scores.dense is None or passage.scores.dense >= floor
    ]


def worths(question: str, sentences: Sequence[Sentence], cosines: Sequence[Values]) -> list[Values]:
    """What each of a sentence's `weighed` texts is worth as an answer."""
    asked = _words(question)
    said = [[asked & _words(text.partition("\n")[2]) for text in sentence.weighed] for sentence in sentences]
    having = Counter(word for texts in said for words in texts for word in words)
    total = sum(map(len, said))
    rarity = {word: math.log(1 + (total - having[word] + 0.5) / (having[word] + 0.5)) for word in asked}
    numbers = {word for word in asked if having[word] and any(map(str.isdigit, word))}
    known = sum(rarity[word] for word in asked if having[word]) or 1.0
    best = max((sentence.passage.score for sentence in sentences), default=0.0)
    return [
        values
        + _WORDS * np.array([sum(rarity[word] for word in words) / known for words in texts])
        + _NUMBERS * np.array([len(words & numbers) / max(len(numbers), 1) for words in texts])
        + _RANK / sentence.passage.rank
        + _SCORE * math.log(max(sentence.passage.score / best, _LEAST) if best > 0 else 1.0)
        + _OPENING * (sentence.quotable.opens or (sentence.place == 0 and sentence.passage.chunk.start == 0))
        - _BROKEN * (sentence.quotable.broken or sentence.quotable.refers)
        for sentence, values, texts in zip(sentences, cosines, said, strict=True)
    ]


def _words(text: str) -> set[str]:
    words = {found[0].casefold() for found in _WORD.finditer(text)} - _FUNCTION
    return {word.removesuffix("s")[:_BEGINNING] for word in words}


def choose(sentences: Sequence[Sentence], worth: Sequence[float], most: int) -> list[Sentence]:
    """The best sentence, then one by one the next best, its chosen neighbours counting for it. Best first.

    Each comes with those before it that it needs to be understood, while there is room.
    """
    left = dict(zip(sentences, worth, strict=True))
    before = {sentence: other for other, sentence in pairwise(sentences) if sentence.follows(other)}
    after = {other: sentence for sentence, other in before.items()}
    chosen: list[Sentence] = []
    best = max(worth)
    while left and len(chosen) < most:
        value = {sentence: known + _closeness(sentence, chosen, before, after) for sentence, known in left.items()}
        following = max(value, key=value.__getitem__)
        if value[following] < best - _REACH:
            break
        group = [following]
        while group[-1].quotable.needs and group[-1] in before and before[group[-1]] not in chosen:
            group.append(before[group[-1]])
        if not chosen:
            group = group[:most]
        elif len(chosen) + len(group) > most:
            del left[following]
            continue
        chosen += group
        for sentence in group:
            del left[sentence]
    return chosen


def _closeness(
    sentence: Sentence,
    chosen: Sequence[Sentence],
    before: Mapping[Sentence, Sentence],
    after: Mapping[Sentence, Sentence],
) -> float:
    """What is added to a sentence that stands beside a chosen one, unless it would only leave more open."""
    first = before.get(sentence)
    if sentence.quotable.refers:
        return 0.0
    if first in chosen:
        return _GOES_ON if first is not None and first.quotable.block == sentence.quotable.block else _NEIGHBOUR
    return _NEIGHBOUR if after.get(sentence) in chosen else 0.0


def runs(chosen: Sequence[Sentence]) -> list[list[Sentence]]:
    """Unbroken stretches of one passage, in reading order; the passage of the best sentence comes first."""
    order = {rank: at for at, rank in enumerate(dict.fromkeys(sentence.passage.rank for sentence in chosen))}
    ordered = sorted(chosen, key=lambda sentence: (order[sentence.passage.rank], sentence.place))
    found = [[ordered[0]]]
    for before, sentence in pairwise(ordered):
        if sentence.follows(before):
            found[-1].append(sentence)
        else:
            found.append([sentence])
    return found


def quoted(run: Sequence[Sentence], worth: Sequence[Values], number: int) -> tuple[list[str], list[Citation]]:
    """A run as it is shown, a piece for each sentence, with markers from `number` on behind the last, and what they
    cite: each stretch of the document that is shown without a gap.
    """
    pieces: list[str] = []
    spans: list[Span] = []
    for place, (sentence, values) in enumerate(zip(run, worth, strict=True)):
        taken = sentence.quoted(values)
        text = "\n".join(sentence.markup.shown(*span) for span in taken)
        pieces.append((_gap(run[place - 1], sentence) if place else sentence.headline) + _closed(text))
        goes_on = place > 0 and spans[-1][1] == run[place - 1].quotable.end and taken[0][0] == sentence.quotable.start
        if goes_on:
            spans[-1] = (spans[-1][0], taken[0][1])
        spans += taken[1:] if goes_on else taken
    lead = run[0].passage.chunk.lead
    spans = [span for span in spans if span[1] > lead] or spans[-1:]  # a header that is only repeated is cited nowhere
    citations = [citation(at, run[0].passage, *span) for at, span in enumerate(spans, start=number)]
    # On the line of a closing fence or a table row the marker would break what the reader sees.
    marker = "\n" if pieces[-1].endswith(("```", "~~~", "|")) else " "
    pieces[-1] += marker + "".join(f"[{cited.number}]" for cited in citations)
    return pieces, citations


def _gap(before: Sentence, after: Sentence) -> str:
    """What stands between two neighbours."""
    between = before.markup.text[before.quotable.end : after.quotable.start]
    if not between.strip():
        return between
    return " " if before.quotable.block == after.quotable.block else "\n\n"


def _closed(text: str) -> str:
    """The text, with its fence closed where it was cut."""
    return f"{text}\n{_FENCE}" if text.count(_FENCE) % 2 else text


def citation(number: int, passage: Passage, start: int, end: int) -> Citation:
    """`start` and `end` count in the passage's text."""
    chunk = passage.chunk
    span = chunk.part(start, end)
    return Citation(
        number=number,
        document_id=chunk.document_id,
        title=chunk.title,
        text=chunk.text[start:end],
        start=span.start,
        end=span.end,
        score=passage.score,
        also=tuple(twin.span for twin in passage.also),
    )
