"""A generator that remembers its answers, as long as the version lives that they came from."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from rag_flywheel.adapters.models import prompt, reply
from rag_flywheel.domain import Confidence, Draft, Passage, Searched, Turn
from rag_flywheel.ports import Cache, Generator, Redactor, answers_of

RULES = 1
"""Goes up whenever the same request would be answered otherwise."""


class CachedGenerator:
    """The same answers as the generator below, which is not asked again about the same passages of the same version.

    At most `most` are kept for a version: each question has one place, which another may have too, and the last one
    stays. `settings` is all that decides how the generator below answers. What it failed at is not remembered, and
    nothing where the search does not say of which version it is.
    """

    def __init__(self, below: Generator, *, cache: Cache, most: int, settings: str) -> None:
        if most < 1:
            raise ValueError(f"at least 1 answer is kept, got {most}")
        self.name = below.name
        self._below = below
        self._cache = cache
        self._most = most
        self._settings = settings

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        return self._below.rewrite(question, history)

    def masked_by(self, redactor: Redactor) -> "CachedGenerator":
        """Itself: `MaskedGenerator` masks what it is told."""
        return self

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        self._below.prepare(found)

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        """As the generator below; a remembered answer is one piece."""
        if searched is None or searched.version is None or not passages:
            yield from self._below.answer(question, passages, searched=searched)
            return
        digest = self._digest(question, passages, searched)
        place = f"{answers_of(searched.version)}{int(digest[:12], 16) % self._most}"
        known = _read(self._cache.get([place]).get(place), digest, passages)
        if known is not None:
            yield known.text
            yield known
            return
        for piece in self._below.answer(question, passages, searched=searched):
            if isinstance(piece, Draft):
                self._cache.put({place: _written(piece, digest, passages)})
            yield piece

    def _digest(self, question: str, passages: Sequence[Passage], searched: Searched) -> str:
        told = [f"{passage.chunk.chunk_id}\n{prompt.shown(passage)}" for passage in passages]
        scores = [passage.score for passage in passages]  # by which they share the context
        groups = None if searched.groups is None else sorted(searched.groups)  # people of others learn nothing by time
        asked = [RULES, self.name, self._settings, prompt.ANSWERING, searched.version, groups, question, told, scores]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _written(draft: Draft, digest: str, passages: Sequence[Passage]) -> bytes:
    """Citations by the place of their passage: its text is not kept twice."""
    spans = [(passage.chunk.document_id, passage.chunk.start, passage.chunk.end) for passage in passages]
    cited = [(each.number, spans.index((each.document_id, each.start, each.end))) for each in draft.citations]
    kept = {
        "of": digest,
        "text": draft.text,
        "answered": draft.answered,
        "confidence": draft.confidence,
        "cited": cited,
    }
    return json.dumps(kept).encode()


def _read(kept: bytes | None, digest: str, passages: Sequence[Passage]) -> Draft | None:
    """None where nothing is kept, or the answer to another question."""
    if kept is None or (read := json.loads(kept)).get("of") != digest:
        return None
    return Draft(
        text=read["text"],
        answered=read["answered"],
        confidence=None if read["confidence"] is None else Confidence(read["confidence"]),
        citations=tuple(reply.citation(number, passages[at]) for number, at in read["cited"]),
    )
