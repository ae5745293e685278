"""Quotes found again in a text, by their words: white space, line ends and Markdown marks may have changed.

This is the fuzzy anchoring of Hypothesis (2013) on words instead of characters: exact words first, nearest in context;
then an alignment of nearly the same words (Levenshtein, of rapidfuzz) around shingles that they share.
"""

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein, Postfix, Prefix

from ingest.tiles import tiles
from rag_flywheel.domain import Quote
from rag_flywheel.domain.documents import CONTEXT

SHINGLE = 3  # words
SHINGLES = 16  # of a quote, and as many of what stands around it
PLACES = 64  # of the same words in one document that are looked at
LED = 24  # characters of its context that a quote is looked for with, before it is looked for alone
PROVING = 3  # words before or after a quote that must be the same for it to be known as the same one
NEAR = 0.75  # share of words that a quote and what it has become have in common
SPELLING = 85  # similarity of spelling, 0..100, from which two words are one
MASKED = 12  # words that may stand behind a mask
ALIGNED = 4_000  # words of a quote that are aligned at most

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"<[A-Z][A-Z_]*\d{{0,4}}>|[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_MARKUP = re.compile(r"^[ \t]*(?:#{1,6}|[-*+]|>+)[ \t]|\\(?=[^\w\s])|[-:|]{3,}|<[A-Z][A-Z_]*\d{0,4}>", re.MULTILINE)
_SIGN = re.compile(r"[-−+±#%‰°$€£¥§&@<>=≤≥≠≈^×÷]")
_OPENING, _CLOSING = re.compile(r"(?:\*{1,3}|_{1,3}|`+|~~)\Z"), re.compile(r"\*{1,3}|_{1,3}|`+|~~")
Block = tuple[tuple[int, int], tuple[int, int]]
_NEGATIONS = frozenset(
    {"not", "no", "never", "none", "cannot", "t", "without", "except", "unless", "only", "nor", "neither"}
    | {"nicht", "kein", "keine", "nie", "ohne", "pas", "jamais", "sans", "nunca", "sin", "non", "niet", "не", "нет"}
    | {"不", "没", "沒", "无", "無", "未", "非"}
)


class Words:
    """A text's words, case aside, with their places. A mask such as <PERSON> is one word."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places = array("q", (edge for match in _WORD.finditer(text) for edge in match.span()))
        self._joined = f" {' '.join(words(text))} "
        self._spaces = array("q", (space.start() for space in re.finditer(" ", self._joined)))

    def __len__(self) -> int:
        return len(self._places) // 2

    def __getitem__(self, some: slice) -> list[str]:
        first, last, _ = some.indices(len(self))
        return self._joined[self._spaces[first] + 1 : self._spaces[last]].split(" ") if first < last else []

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where the words from the number `first` to before `last` stand in the text."""
        return self._places[2 * first], self._places[2 * last - 1]

    def find(self, sought: Sequence[str]) -> Iterator[int]:
        """The numbers of the words at which the `sought` ones begin, PLACES at most."""
        pattern, at = f" {' '.join(sought)} ", -1
        for _ in range(PLACES if sought else 0):
            at = self._joined.find(pattern, at + 1)
            if at < 0:
                return
            yield bisect_left(self._spaces, at)


def words(text: str) -> list[str]:
    """The words of a text, case aside."""
    return [word.casefold() for word in _WORD.findall(text)]


def shingles(text: str, most: int) -> list[tuple[str, ...]]:
    """At most so many of the runs of SHINGLE words of a text, evenly spread."""
    found = words(text)
    starts = range(len(found) - SHINGLE + 1)
    step = max(1, -(-len(starts) // most))
    return [tuple(found[start : start + SHINGLE]) for start in starts[::step]]


def quote_shingles(quote: Quote) -> set[tuple[str, ...]]:
    """What a text that holds the quote, or nearly, has some of."""
    around = f"{quote.prefix}{quote.exact[:200]}", f"{quote.exact[-200:]}{quote.suffix}"
    return {gram for text in around for gram in shingles(text, SHINGLES)} | set(shingles(quote.exact, SHINGLES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a text holds a quote, or nearly."""

    start: int
    end: int
    share: float  # of the quote's words, 0..1
    proof: int  # words around it that are the same as they were
    proven: bool  # whether the words around it tell that it is this one, and no other of the same words


def exact_places(quote: Quote, text: Words) -> list[Place]:
    """Where the text holds the quote's words with the same signs, those with the most proof first, in their order."""
    as_it_was = sorted(_unchanged(quote, text.text), key=lambda place: -place.proof)
    if as_it_was and as_it_was[0].proven:
        return as_it_was
    sought = _Sought(quote)
    n, lead = len(sought.words), min(PROVING, len(sought.before))
    # With the words around it first: of what stands everywhere, only PLACES are looked at.
    firsts = {first + lead for first in text.find([*sought.before[len(sought.before) - lead :], *sought.words])}
    firsts |= {*text.find([*sought.words, *sought.after[:PROVING]]), *text.find(sought.words)} if n else set()
    found = [sought.place(text, first, first + n) for first in sorted(firsts) if n]
    same = [place for place in found if signs(text.text[place.start : place.end]) == sought.signs]
    return sorted(same, key=lambda place: -place.proof) or as_it_was


def _unchanged(quote: Quote, text: str) -> Iterator[Place]:
    """Where the text holds the very characters, PLACES at most; those with the context as it was come first."""
    led, followed = f"{quote.prefix[-LED:]}{quote.exact}", f"{quote.exact}{quote.suffix[:LED]}"
    starts = {text.find(led) + len(led) - len(quote.exact) if led in text else -1, text.find(followed)}
    at = -1
    for _ in range(PLACES):
        at = text.find(quote.exact, at + 1)
        starts.add(at)
        if at < 0:
            break
    for start in sorted(starts - {-1}):
        end = start + len(quote.exact)
        before = text[start - Postfix.similarity(quote.prefix, text[max(0, start - CONTEXT) : start]) : start]
        after = text[end : end + Prefix.similarity(quote.suffix, text[end : end + CONTEXT])]
        at_edge = (before == quote.prefix and 0 < start == len(before)) or (
            after == quote.suffix and 0 < len(text) - end == len(after)
        )
        same = [len(words(around)) for around in (before, after)]
        yield Place(start=start, end=end, share=1.0, proof=sum(same), proven=max(same) >= PROVING or at_edge)


def near_place(quote: Quote, text: Words) -> Place | None:
    """Where the text holds most of the quote's words, None where it does not.

    Words are aligned once, where most shingles of the quote and its context point to.
    """
    sought = _Sought(quote)
    n, around = len(sought.words), [*sought.before, *sought.words, *sought.after]
    if not 0 < n <= ALIGNED:
        return None
    votes: Counter[int] = Counter()
    width = max(8, n // 2)
    starts = range(len(around) - SHINGLE + 1)
    for at in starts[:: max(1, len(starts) // (2 * SHINGLES))]:
        for found in text.find(around[at : at + SHINGLE]):
            votes[(found - at + len(sought.before)) // width] += 1
    if not votes:
        return None
    best = max(votes, key=lambda bucket: (votes[bucket] + votes[bucket + 1], -bucket))
    first = max(0, (best - 1) * width - len(sought.before))
    window = text[first : (best + 3) * width + n + len(sought.after)]
    own = (len(sought.before), len(sought.before) + n)
    start, end, same = _aligned(_blocks(around, window), (around, window), own)
    if same < NEAR or end - start > 2 * n + MASKED:
        return None
    return replace(sought.place(text, first + start, first + end), share=same)


def _aligned(
    blocks: Iterable[Block], sides: tuple[Sequence[str], Sequence[str]], own: tuple[int, int]
) -> tuple[int, int, float]:
    """(start, end) of the words of the second side that the `own` ones of the first are aligned with, and the share of
    them that are the same there; what is masked on either side is the same as anything.
    """
    around, window = sides
    edges: list[tuple[int, int]] = []
    same = 0
    for was, now in blocks:
        low, high = max(was[0], own[0]), min(was[1], own[1])
        if low >= high or now[0] == now[1]:
            continue
        equal = around[slice(*was)] == window[slice(*now)]
        masked = not equal and _masks((*around[low:high], *window[slice(*now)]))
        same += high - low if equal or masked else 0
        if equal:
            edges.append((now[0] + low - was[0], now[0] + high - was[0]))
        else:  # of words that are aligned with none, as many as there were
            most = high - low + (MASKED if masked else 0)
            edges.append((max(now[0], now[1] - most), min(now[1], now[0] + most)))
    return (edges[0][0], edges[-1][1], same / (own[1] - own[0])) if edges else (0, 0, 0.0)


def _blocks(before: Sequence[str], after: Sequence[str]) -> Iterator[Block]:
    """Which words of one are aligned with which of the other: those that are equal, and those between that are not."""
    for _, group in groupby(Levenshtein.opcodes(before, after), key=lambda block: block.tag == "equal"):
        some = list(group)
        yield (some[0].src_start, some[-1].src_end), (some[0].dest_start, some[-1].dest_end)


def _masks(some: Iterable[str]) -> bool:
    return any(word.startswith("<") for word in some)


def still_said(quote: Quote, text: str, *, said_instead: str) -> list[tuple[int, int]]:
    """Of a text that a quote became, the places of those of its sentences that still say the same."""
    old, new, found = Words(quote.exact), Words(text), []
    blocks = list(_blocks(old[:], new[:]))
    at = 0
    for tile in tiles(quote.exact):
        own = len(_WORD.findall(tile))
        start, end, share = _aligned(blocks, (old[:], new[:]), (at, at + own))
        at += own
        if own and share >= NEAR:
            part = Quote(exact=tile, prefix="", suffix="", digest="", document="")
            place = _Sought(part).place(new, start, end)
            if same_statement(tile, text[place.start : place.end], said_instead=said_instead):
                found.append((place.start, place.end))
    return found


def same_statement(old: str, new: str, *, said_instead: str) -> bool:
    """Whether a sentence that was edited still says the same: its spelling changed, or a few words came or went.

    Not where a number, a negation, a sign or the word for something changed, or where it now has words of the text that
    was given in its place. What is masked in one of the two may be anything in the other.
    """
    before, after = words(old), words(new)
    if (set(after) - set(before)) & set(words(said_instead)):
        return False
    if not _masks((*before, *after)) and signs(old) != signs(new):
        return False
    changed = 0
    for was, now in _blocks(before, after):
        gone, come = before[slice(*was)], after[slice(*now)]
        if gone == come or _masks((*gone, *come)):
            continue
        if any(word in _NEGATIONS or any(map(str.isdigit, word)) for word in (*gone, *come)):
            return False
        if gone and come and not _same_word("".join(gone), "".join(come)):
            return False
        changed += 0 if gone and come else len(gone) + len(come)
    return changed <= len(before) * (1 - NEAR)


def _same_word(word: str, other: str) -> bool:
    """Whether they differ in spelling alone; what stands before a word, as in unsafe, turns its meaning round."""
    return word[0] == other[0] and fuzz.ratio(word, other) >= SPELLING


def signs(text: str) -> Counter[str]:
    """The signs that make a text say something else, such as those of C++, -20 and 5 %; those of Markdown are none."""
    return Counter(_SIGN.findall(_MARKUP.sub("", text)))


class _Sought:
    """A quote's words, and those around it."""

    def __init__(self, quote: Quote) -> None:
        own = Words(quote.exact)
        # A span may begin or end in the middle of a word, which is then none that could be found.
        cut_first, cut_last = (
            all(map(str.isalnum, pair)) and len(pair) == 2
            for pair in (quote.prefix[-1:] + quote.exact[:1], quote.exact[-1:] + quote.suffix[:1])
        )
        inner = range(int(cut_first), len(own) - int(cut_last))
        self.words = own[inner.start : inner.stop]
        self.signs = signs(quote.exact)
        # Where the context was cut off, its outermost word may be half of one.
        self.before, self._from_start = words(quote.prefix), len(quote.prefix) < CONTEXT
        self.after, self._to_end = words(quote.suffix), len(quote.suffix) < CONTEXT
        self.before = self.before if self._from_start else self.before[1:]
        self.after = self.after if self._to_end else self.after[:-1]
        self.before = self.before[:-1] if cut_first else self.before
        self.after = self.after[1:] if cut_last else self.after
        first, last = own.span(inner.start, inner.stop) if self.words else (0, 0)
        self._lead, self._trail = set(quote.exact[:first]), set(quote.exact[last:])

    def place(self, text: Words, first: int, last: int) -> Place:
        """The place of the words from the number `first` to before `last`."""
        start, end = text.span(first, last)
        while start and text.text[start - 1] in self._lead and not text.text[start - 1].isspace():
            start -= 1
        while end < len(text.text) and text.text[end] in self._trail and not text.text[end].isspace():
            end += 1
        start, end = _with_marks(text.text, start, end)
        before = _alike(self.before[::-1], text[max(0, first - len(self.before)) : first][::-1])
        after = _alike(self.after, text[last : last + len(self.after)])
        at_start = self._from_start and before == len(self.before) == first > 0
        at_end = self._to_end and after == len(self.after) == len(text) - last > 0
        return Place(
            start=start,
            end=end,
            share=1.0,
            proof=before + after,
            proven=max(before, after) >= PROVING or at_start or at_end,
        )


def _with_marks(text: str, start: int, end: int) -> tuple[int, int]:
    """With the marks of Markdown whose other half is inside, as in **Five** versions."""
    opening, closing = _OPENING.search(text, max(0, start - 3), start), _CLOSING.match(text, end)
    if opening is not None and text[start:end].count(opening[0]) % 2:
        start = opening.start()
    if closing is not None and text[start:end].count(closing[0]) % 2:
        end = closing.end()
    return start, end


def _alike(wanted: Sequence[str], found: Sequence[str]) -> int:
    """How many words are the same, from the first one on."""
    pairs = enumerate(zip(wanted, found, strict=False))
    return next((at for at, (was, now) in pairs if was != now), min(len(wanted), len(found)))
