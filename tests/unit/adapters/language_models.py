"""Generators for a server under test, and what they are asked about."""

from collections.abc import Sequence
from typing import Literal

from rag_flywheel.adapters.models.llm import ModelGenerator
from rag_flywheel.adapters.models.openai_like import OpenAILikeSpeaker, Server
from rag_flywheel.answering.support import checking
from rag_flywheel.domain import (
    Draft,
    Passage,
    Turn,
)
from tests.fakes.samples import found

QUESTION = "How do I roll back?"
HISTORY = (Turn(role="user", text="What is a canary?"), Turn(role="assistant", text="A share of the traffic."))
KEY = "sk-secret-key"


class Models:
    """Makes generators for a server and closes them; keeps the pauses that they made instead of making them."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._made: list[ModelGenerator] = []

    def __call__(
        self,
        url: str,
        *,
        model: str = "test-model",
        api_key: str = KEY,
        timeout: float = 5.0,
        seconds: float = 60.0,
        retries: int = 2,
        context_window: int = 4096,
        max_tokens: int = 256,
        unsupported: Literal["keep", "mark", "cut"] = "keep",
    ) -> ModelGenerator:
        server = Server(
            url=url,
            model=model,
            api_key=api_key,
            timeout=timeout,
            seconds=seconds,
            retries=retries,
            context_window=context_window,
            max_tokens=max_tokens,
            temperature=0.0,
        )
        generator = ModelGenerator(
            OpenAILikeSpeaker(server, pause=self.pauses.append),
            context_window=context_window,
            max_tokens=max_tokens,
            check=None if unsupported == "keep" else checking(cut=unsupported == "cut", near=None),
            fallback=lambda question, history: f"{history[0].text} {question}",
        )
        self._made.append(generator)
        return generator

    def close(self) -> None:
        for generator in self._made:
            generator.close()


def passage(text: str, rank: int = 1, *, correction: bool = False) -> Passage:
    return found(text, rank, start=100, headings=("Part",), correction=correction)


PASSAGES = (passage("The alias moves back in one step."), passage("A canary gets a share.", 2), passage("Logs rot.", 3))


def ask(
    generator: ModelGenerator, passages: Sequence[Passage] = PASSAGES, question: str = QUESTION
) -> tuple[list[str], Draft]:
    *pieces, draft = generator.answer(question, passages)
    assert isinstance(draft, Draft)
    texts = [piece for piece in pieces if isinstance(piece, str)]
    assert len(texts) == len(pieces)
    return texts, draft
