"""Answers while a language model is away: a speaker that is left alone for a while, and another generator instead."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag_flywheel.adapters.breaker import Breaker
from rag_flywheel.adapters.models.llm import Speaker
from rag_flywheel.adapters.models.prompt import Told
from rag_flywheel.domain import INSTEAD, Draft, Passage, Searched, Turn
from rag_flywheel.errors import LanguageModelUnavailable
from rag_flywheel.ports import Generator, Redactor, metrics

logger = logging.getLogger("rag_flywheel.answering")


class SparedSpeaker:
    """The speaker below, which is not asked while its breaker is open. What breaks off in the middle did answer."""

    def __init__(self, below: Speaker, breaker: Breaker) -> None:
        self.name = below.name
        self._below = below
        self._breaker = breaker

    def pieces(self, told: Told) -> Iterator[str]:
        self._breaker.check()
        heard = False
        try:
            for piece in self._below.pieces(told):
                if not heard:
                    heard = True
                    self._breaker.answered()
                yield piece
        except LanguageModelUnavailable as error:
            if not heard:
                self._breaker.heard(error)
            raise

    def close(self) -> None:
        self._below.close()


class FallbackGenerator:
    """What `first` answers, or `second` where the language model is away before it said a word.

    The draft names who made it, as `second instead of first`.
    """

    def __init__(self, first: Generator, second: Generator) -> None:
        self.name = first.name
        self._first = first
        self._second = second

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        try:
            return self._first.rewrite(question, history)
        except LanguageModelUnavailable:
            return self._second.rewrite(question, history)

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        said = False
        try:
            for piece in self._first.answer(question, passages, searched=searched):
                said = True
                yield piece
            return
        except LanguageModelUnavailable as error:
            if said:
                raise
            logger.info("%s answers instead: %s", self._second.name, error)
        metrics.FALLBACK_ANSWERS.inc()
        for piece in self._second.answer(question, passages, searched=searched):
            if isinstance(piece, Draft):
                yield replace(piece, generator=f"{self._second.name}{INSTEAD}{self.name}")
            else:
                yield piece

    def masked_by(self, redactor: Redactor) -> "FallbackGenerator":
        return FallbackGenerator(self._first.masked_by(redactor), self._second.masked_by(redactor))

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        self._first.prepare(found)
