"""Answers without a language model: the sentences of the passages that are most like the question, cited."""

import threading
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from rag_flywheel.answering.choosing import Sentence, candidates, choose, citation, quoted, runs, worths
from rag_flywheel.answering.follow_ups import standalone
from rag_flywheel.domain import Citation, Draft, Passage, Turn
from rag_flywheel.ports import Encoder, Vectors

REFUSAL = "I found nothing in the documents that answers this question."

_REMEMBERED = 10_000  # sentence vectors kept in memory: 15 MB at 384 dimensions


class Extractive:
    """Up to `sentences` sentences of the passages, quoted and cited as [1], [2]; neighbours come together, in order.

    A correction that ranks first is the answer, exactly as it was written. Otherwise it refuses when the mean of two
    cosines, of the question with the best sentence and with the best passage, is below `minimum_similarity`. The
    second is left out where no passage was found by its vector. Safe under threads.
    """

    name = "extractive"

    def __init__(self, encoder: Encoder, *, minimum_similarity: float, sentences: int) -> None:
        if sentences < 1:
            raise ValueError(f"an answer needs at least 1 sentence, got {sentences}")
        self._encoder = encoder
        self._minimum = minimum_similarity
        self._sentences = sentences
        self._vectors = _SentenceVectors(encoder)

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        return standalone(question, history)

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str | Draft]:
        """The pieces are sentences, or the whole correction; together they are the draft's text."""
        if passages and passages[0].chunk.is_correction:
            text = passages[0].chunk.text
            yield text
            yield Draft(text=text, answered=True, citations=(citation(1, passages[0], 0, len(text)),))
            return
        sentences = candidates(passages)
        by_part = self._cosines(question, sentences)
        cosines = np.array([values.max() for values in by_part])
        if not sentences or _similarity(cosines, passages) < self._minimum:
            yield REFUSAL
            yield Draft(text=REFUSAL, answered=False, citations=())
            return
        worth = dict(zip(sentences, worths(question, sentences, by_part), strict=True))
        chosen = choose(sentences, [values.max() for values in worth.values()], self._sentences)
        text = ""
        citations: list[Citation] = []
        for run in runs(chosen):
            pieces, cited = quoted(run, [worth[sentence] for sentence in run], len(citations) + 1)
            if text:
                pieces[0] = "\n\n" + pieces[0]
            yield from pieces
            text += "".join(pieces)
            citations += cited
        yield Draft(text=text, answered=True, citations=tuple(citations))

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Embed the sentences of all of them in one call, which is quicker than one for each question."""
        asked = [passages for passages in found if passages and not passages[0].chunk.is_correction]
        texts = [text for passages in asked for sentence in candidates(passages) for text in sentence.weighed]
        if texts:
            self._vectors.of(texts)

    def _cosines(self, question: str, sentences: Sequence[Sentence]) -> list[NDArray[np.float64]]:
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


def _similarity(cosines: Vectors, passages: Sequence[Passage]) -> float:
    best = float(cosines.max())
    dense = [passage.scores.dense for passage in passages if passage.scores.dense is not None]
    return (best + max(dense)) / 2 if dense else best
