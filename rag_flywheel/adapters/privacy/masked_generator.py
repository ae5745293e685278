"""A generator elsewhere, which is told only what may leave: questions and earlier turns with personal data masked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag_flywheel.domain import Draft, Passage, Searched, Turn
from rag_flywheel.ports import Generator, Redactor


class MaskedGenerator:
    """The same as the generator below, asked with masked texts. Passages are told as they are indexed."""

    def __init__(self, below: Generator, redactor: Redactor) -> None:
        self.name = below.name
        self._below = below
        self._redactor = redactor

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """As typed, where the generator below leaves the question as it is."""
        turns = [replace(turn, text=self._redactor.redact(turn.text).text) for turn in history]
        told = self._redactor.redact(question).text
        query = self._below.rewrite(told, turns)
        return question if query == told else query

    def masked_by(self, redactor: Redactor) -> "MaskedGenerator":
        return MaskedGenerator(self._below, redactor)

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        yield from self._below.answer(self._redactor.redact(question).text, passages, searched=searched)

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        self._below.prepare(found)
