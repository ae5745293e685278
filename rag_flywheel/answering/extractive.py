"""Answers without a language model: the sentences of the passages that are most like the question, cited."""

import threading
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from cachetools import LRUCache

from rag_flywheel.answering import answerable
from rag_flywheel.answering.choosing import Sentence, Values, candidates, choose, citation, quoted, runs, worths
from rag_flywheel.answering.follow_ups import rewriter
from rag_flywheel.domain import Citation, Confidence, Draft, Passage, Searched, Turn
from rag_flywheel.ports import Encoder, Redactor, Vectors

REFUSAL = "I found nothing in the documents that answers this question."
DOUBT = "The documents may not answer this question. This comes nearest to it:"

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
            text, only = passages[0].chunk.text, _whole(1, passages[0])
            yield text
            yield Draft(text=text, answered=True, citations=(only,), confidence=Confidence.HIGH)
            return
        sentences = candidates(passages)
        by_part = self._cosines(question, sentences)
        cosines = np.array([values.max() for values in by_part])
        odds, sure = self._weighed(passages, cosines, searched)
        if sure is None:
            yield REFUSAL
            yield Draft(text=REFUSAL, answered=False, citations=(), log_odds=odds)
            return
        worth = dict(zip(sentences, worths(question, sentences, by_part), strict=True))
        doubtful = sure is Confidence.LOW
        text = f"{DOUBT}\n\n" if doubtful else ""
        if doubtful:
            yield text
            stretches = _nearest(sentences, cosines, self._sentences)
        else:
            stretches = runs(choose(sentences, [values.max() for values in worth.values()], self._sentences))
        citations: list[Citation] = []
        for run in stretches:
            pieces, cited = quoted(run, [worth[sentence] for sentence in run], len(citations) + 1)
            if citations:
                pieces[0] = "\n\n" + pieces[0]
            yield from pieces
            text += "".join(pieces)
            citations += [_whole(of.number, run[0].passage) for of in cited] if doubtful else cited
        yield Draft(text=text, answered=True, citations=tuple(citations), confidence=sure, log_odds=odds)

    def masked_by(self, redactor: Redactor) -> "Extractive":
        """Itself: it tells nobody."""
        return self

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Embed the sentences of all of them in one call, which is quicker than one for each question."""
        asked = [passages for passages in found if passages and not passages[0].chunk.is_correction]
        texts = [text for passages in asked for sentence in candidates(passages) for text in sentence.weighed]
        if texts:
            self._vectors.of(texts)

    def _weighed(
        self, passages: Sequence[Passage], cosines: Values, searched: Searched | None
    ) -> tuple[float | None, Confidence | None]:
        """The log-odds of an answer, where they are weighed, and how sure it is; None: refuse."""
        if not len(cosines):
            return None, None
        if self._rule is None or searched is None:
            return None, Confidence.HIGH if _similarity(cosines, passages) >= self._minimum else None
        values = answerable.features(searched.ranking, shown=len(passages))
        odds = answerable.log_odds(values, self._rule.weights)
        if passages[0].scores.question is not None:  # somebody confirmed that it answers this question
            return odds, Confidence.HIGH
        return odds, answerable.confidence(odds, self._rule, searched)

    def _cosines(self, question: str, sentences: Sequence[Sentence]) -> list[Values]:
        """Of the question with each sentence's `weighed` texts."""
        if not sentences:
            return []
        weighed = [sentence.weighed for sentence in sentences]
        query = self._encoder.encode_queries([question])[0]
        cosines = np.asarray(self._vectors.of(list(chain.from_iterable(weighed))) @ query, dtype=np.float64)
        return np.split(cosines, np.cumsum([len(texts) for texts in weighed])[:-1])


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


def _similarity(cosines: Values, passages: Sequence[Passage]) -> float:
    best = float(cosines.max())
    dense = [passage.scores.dense for passage in passages if passage.scores.dense is not None]
    return (best + max(dense)) / 2 if dense else best


def _nearest(sentences: Sequence[Sentence], cosines: Values, most: int) -> list[list[Sentence]]:
    """The best sentence of each passage, the nearest first: a reader judges them one by one."""
    best: dict[int, Sentence] = {}
    for at in np.argsort(-cosines, kind="stable"):
        best.setdefault(sentences[at].passage.rank, sentences[at])
    return [[sentence] for sentence in best.values()][:most]


def _whole(number: int, passage: Passage) -> Citation:
    return citation(number, passage, 0, len(passage.chunk.text))
