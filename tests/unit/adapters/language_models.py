"""Generators for a server under test, and what they are asked about."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rag_flywheel.adapters.models.llm import LanguageModel, OpenAILikeGenerator
from rag_flywheel.domain import (
    Chunk,
    ChunkId,
    CorrectionId,
    DocumentId,
    Draft,
    InteractionId,
    Passage,
    Provenance,
    Scores,
    Turn,
)

QUESTION = "How do I roll back?"
HISTORY = (Turn(role="user", text="What is a canary?"), Turn(role="assistant", text="A share of the traffic."))
KEY = "sk-secret-key"


class Models:
    """Makes generators for a server and closes them; keeps the pauses that they made instead of making them."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._made: list[OpenAILikeGenerator] = []

    def __call__(
        self,
        url: str,
        *,
        model: str = "test-model",
        api_key: str = KEY,
        timeout: float = 5.0,
        retries: int = 2,
        context_window: int = 4096,
        max_tokens: int = 256,
    ) -> OpenAILikeGenerator:
        asked = LanguageModel(
            url=url,
            name=model,
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            context_window=context_window,
            max_tokens=max_tokens,
            temperature=0.0,
        )
        generator = OpenAILikeGenerator(
            asked, fallback=lambda question, history: f"{history[0].text} {question}", pause=self.pauses.append
        )
        self._made.append(generator)
        return generator

    def close(self) -> None:
        for generator in self._made:
            generator.close()


def passage(text: str, rank: int = 1, *, correction: bool = False) -> Passage:
    provenance = Provenance(
        correction_id=CorrectionId("c1"),
        interaction_id=InteractionId("i1"),
        feedback_ids=(),
        reviewer="rita",
        reviewed=datetime(2026, 1, 1, tzinfo=UTC),
        supersedes=(),
    )
    chunk = Chunk(
        chunk_id=ChunkId(f"chunk-{rank}"),
        document_id=DocumentId(f"document-{rank}"),
        title=f"Title {rank}",
        headings=("Part",),
        text=text,
        start=100,
        end=100 + len(text),
        source="docs/guide.md",
        question="How to go back?" if correction else None,
        provenance=provenance if correction else None,
    )
    return Passage(chunk=chunk, rank=rank, score=1 / rank, scores=Scores())


PASSAGES = (passage("The alias moves back in one step."), passage("A canary gets a share.", 2), passage("Logs rot.", 3))


def ask(
    generator: OpenAILikeGenerator, passages: Sequence[Passage] = PASSAGES, question: str = QUESTION
) -> tuple[list[str], Draft]:
    *pieces, draft = generator.answer(question, passages)
    assert isinstance(draft, Draft)
    texts = [piece for piece in pieces if isinstance(piece, str)]
    assert len(texts) == len(pieces)
    return texts, draft
