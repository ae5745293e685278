"""A rephraser that says what a test wrote down."""

from collections.abc import Mapping, Sequence

from rag_flywheel.errors import LanguageModelUnavailable


class ScriptedRephraser:
    """Says `wordings` of each text it knows and none of others; `down`: it does not answer. Keeps what it was asked."""

    def __init__(self, wordings: Mapping[str, Sequence[str]], *, name: str = "scripted", down: bool = False) -> None:
        self.name = name
        self.down = down
        self.asked: list[tuple[str, int]] = []
        self._wordings = wordings

    def rephrase(self, text: str, count: int) -> list[str]:
        self.asked.append((text, count))
        if self.down:
            raise LanguageModelUnavailable("the language model at test cannot be reached; start it")
        return list(self._wordings.get(text, ()))[:count]
