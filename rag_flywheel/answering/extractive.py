"""Answers without a language model: the sentences of the passages that are most like the question, cited."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from cachetools import LRUCache

from rag_flywheel.answering import answerable
from rag_flywheel.answering.follow_ups import rewriter
from rag_flywheel.domain import Citation, Confidence, Draft, Passage, Searched, Turn
from rag_flywheel.domain.sentences import quotable
from rag_flywheel.ports import Encoder, Vectors

REFUSAL = "I found nothing in the documents that answers this question."
DOUBT = "The documents may not answer this question. This comes nearest to it:"

# Measured on three corpora by whether the answer holds the expected one: neighbours read well together, the ranking
# knows more than a cosine, a sentence far below the best one only makes the answer longer, and to read a passage far
# from the question only takes time (docs/decisions.md).
_NEIGHBOUR = 0.15  # added to the cosine of a sentence that stands beside a chosen one
_RANK = 0.15  # times 1/rank, added to the cosine of a passage's sentences
_REACH = 0.25  # how far below the first choice another one may be
_NEAR = 0.15  # how far below the best passage's cosine that of a passage may be to be read; the first one always is

_HEADING = re.compile(r"[ \t]*#{1,6}[ \t][^\n]*")
_REMEMBERED = 10_000  # sentence vectors kept in memory: 15 MB at 384 dimensions


class Extractive:
    """Up to `sentences` sentences of the passages, quoted and cited as [1], [2]; neighbours come together, in order.

    A correction that ranks first is the answer, exactly as it was written. Otherwise `rule` says from the whole search
    whether to answer, to refuse, or to show the nearest sentence of each passage as a doubtful answer. Without a rule,
    or a search, it refuses when the mean of two cosines, of the question with the best sentence and with the best
    passage, is below `minimum_similarity`. The second is left out where no passage was found by its vector. Safe under
    threads.
    """

    name = "extractive"

    def __init__(
        self, encoder: Encoder, *, minimum_similarity: float, sentences: int, rule: answerable.Rule | None = None
    ) -> None:
        if sentences < 1:
            raise ValueError(f"an answer needs at least 1 sentence, got {sentences}")
        self._encoder = encoder
        self._minimum = minimum_similarity
        self._rule = rule
        self._sentences = sentences
        self._vectors = _SentenceVectors(encoder)
        self._rewrite = rewriter(encoder)

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        return self._rewrite(question, history)

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        """The pieces are sentences, or the whole correction; together they are the draft's text."""
        if passages and passages[0].chunk.is_correction:
            text, cited = passages[0].chunk.text, _citation(1, passages[0], *_whole(passages[0]))
            yield text
            yield Draft(text=text, answered=True, citations=(cited,), confidence=Confidence.HIGH)
            return
        sentences = list(_candidates(passages))
        cosines = self._cosines(question, sentences)
        odds, sure = self._weighed(question, passages, cosines, searched)
        if sure is None:
            yield REFUSAL
            yield Draft(text=REFUSAL, answered=False, citations=(), log_odds=odds)
            return
        doubtful = sure is Confidence.LOW
        most = self._sentences
        runs = _nearest(sentences, cosines, most) if doubtful else _runs(_choose(sentences, cosines, most))
        pieces = [f"{DOUBT}\n\n"] if doubtful else []
        yield from pieces
        for number, run in enumerate(runs, start=1):
            for piece in _quoted(number, run, last=number == len(runs)):
                pieces.append(piece)
                yield piece
        citations = tuple(
            _citation(number, run[0].passage, *(_whole(run[0].passage) if doubtful else (run[0].start, run[-1].end)))
            for number, run in enumerate(runs, start=1)
        )
        yield Draft(text="".join(pieces), answered=True, citations=citations, confidence=sure, log_odds=odds)

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Embed the sentences of all of them in one call, which is quicker than one for each question."""
        asked = [passages for passages in found if passages and not passages[0].chunk.is_correction]
        sentences = [sentence.embedded for passages in asked for sentence in _candidates(passages)]
        if sentences:
            self._vectors.of(sentences)

    def _weighed(
        self, question: str, passages: Sequence[Passage], cosines: Vectors, searched: Searched | None
    ) -> tuple[float | None, Confidence | None]:
        """The log-odds of an answer, where they are weighed, and how sure it is; None: refuse."""
        if not len(cosines):
            return None, None
        if self._rule is None or searched is None:
            return None, Confidence.HIGH if _similarity(cosines, passages) >= self._minimum else None
        best, shown = float(cosines.max()), len(passages)
        values = answerable.features(question, searched.ranking, shown=shown, best=best)
        odds = answerable.log_odds(values, self._rule.weights)
        if passages[0].scores.question is not None:  # somebody confirmed that it answers this question
            return odds, Confidence.HIGH
        return odds, answerable.confidence(odds, self._rule, searched)

    def _cosines(self, question: str, sentences: Sequence["_Sentence"]) -> Vectors:
        if not sentences:
            return np.zeros(0, dtype=np.float32)
        query = self._encoder.encode_queries([question])[0]
        return np.asarray(self._vectors.of([sentence.embedded for sentence in sentences]) @ query)


class _SentenceVectors:
    """Vectors of sentences; those used last are kept, as popular passages come again and again."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._kept: LRUCache[str, Vectors] = LRUCache(_REMEMBERED)

    def of(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension)"""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found.update(zip(missing, self._encoder.encode_documents(missing), strict=True))
        with self._lock:
            self._kept.update(found)
        return np.stack([found[text] for text in texts])


# --- choosing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sentence:
    passage: Passage
    place: int  # among the sentences of its passage
    start: int  # in the passage's text
    end: int

    @property
    def text(self) -> str:
        return self.passage.chunk.text[self.start : self.end]

    @property
    def embedded(self) -> str:
        """Below its nearest heading, for a sentence of a manual seldom names what its section is about."""
        chunk = self.passage.chunk
        return f"{chunk.headings[-1] if chunk.headings else chunk.title}\n{self.text}"

    def follows(self, other: "_Sentence") -> bool:
        return self.passage.rank == other.passage.rank and self.place == other.place + 1


def _read(passages: Sequence[Passage]) -> list[Passage]:
    """Those near enough to the question to answer it; also what was not found by its vector, as it may be near."""
    cosines = [passage.scores.dense for passage in passages if passage.scores.dense is not None]
    floor = max(cosines, default=0.0) - _NEAR
    return [
        passage
        for passage in passages
        if passage is passages[0] or passage.scores.dense is None or passage.scores.dense >= floor
    ]


def _candidates(passages: Sequence[Passage]) -> Iterator[_Sentence]:
    """Every sentence that says something, once: neighbouring chunks overlap, and headings answer nothing."""
    seen: set[str] = set()
    for passage in _read(passages):
        for place, (start, end) in enumerate(quotable(passage.chunk.text)):
            sentence = _Sentence(passage=passage, place=place, start=start, end=end)
            if sentence.text not in seen and re.search(r"\w", sentence.text) and not _HEADING.fullmatch(sentence.text):
                seen.add(sentence.text)
                yield sentence


def _similarity(cosines: Vectors, passages: Sequence[Passage]) -> float:
    best = float(cosines.max())
    dense = [passage.scores.dense for passage in passages if passage.scores.dense is not None]
    return (best + max(dense)) / 2 if dense else best


def _nearest(sentences: Sequence[_Sentence], cosines: Vectors, most: int) -> list[list[_Sentence]]:
    """The best sentence of each passage, the nearest first: a reader judges them one by one."""
    best: dict[int, _Sentence] = {}
    for at in np.argsort(-cosines, kind="stable"):
        best.setdefault(sentences[at].passage.rank, sentences[at])
    return [[sentence] for sentence in best.values()][:most]


def _choose(sentences: Sequence[_Sentence], cosines: Vectors, most: int) -> list[_Sentence]:
    """The best sentence, then one by one the next best, its chosen neighbours counting for it. Best first."""
    worth = {
        sentence: float(cosine) + _RANK / sentence.passage.rank
        for sentence, cosine in zip(sentences, cosines, strict=True)
    }
    chosen = [max(worth, key=worth.__getitem__)]
    floor = worth.pop(chosen[0]) - _REACH
    while worth and len(chosen) < most:

        def value(sentence: _Sentence) -> float:
            beside = any(sentence.follows(other) or other.follows(sentence) for other in chosen)
            return worth[sentence] + (_NEIGHBOUR if beside else 0.0)

        following = max(worth, key=value)
        if value(following) < floor:
            break
        del worth[following]
        chosen.append(following)
    return chosen


def _runs(chosen: Sequence[_Sentence]) -> list[list[_Sentence]]:
    """Unbroken stretches of one passage, in reading order; the passage of the best sentence comes first."""
    order = {rank: at for at, rank in enumerate(dict.fromkeys(sentence.passage.rank for sentence in chosen))}
    ordered = sorted(chosen, key=lambda sentence: (order[sentence.passage.rank], sentence.place))
    runs = [[ordered[0]]]
    for before, sentence in pairwise(ordered):
        if sentence.follows(before):
            runs[-1].append(sentence)
        else:
            runs.append([sentence])
    return runs


def _quoted(number: int, run: Sequence[_Sentence], *, last: bool) -> Iterator[str]:
    """The run's text with what stands between its sentences, and its marker."""
    text = run[0].passage.chunk.text
    for sentence, following in pairwise(run):
        yield text[sentence.start : following.start]
    # On the line of a closing fence or a table row the marker would break what the reader sees.
    gap = "\n" if run[-1].text.endswith(("```", "~~~", "|")) else " "
    yield f"{run[-1].text}{gap}[{number}]" + ("" if last else "\n\n")


def _whole(passage: Passage) -> tuple[int, int]:
    return 0, len(passage.chunk.text)


def _citation(number: int, passage: Passage, start: int, end: int) -> Citation:
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
