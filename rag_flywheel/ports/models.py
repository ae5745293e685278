"""Models: texts to vectors, scores, answers and other wordings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag_flywheel.domain import Draft, Passage, Searched, Turn
from rag_flywheel.ports.index import Vectors
from rag_flywheel.ports.privacy import Redactor


class TokenCounter(Protocol):
    """How long a text is for the model that embeds it."""

    @property
    def name(self) -> str:
        """The model's name, as the manifest records it."""

    @property
    def longest(self) -> int:
        """Tokens of a document that are embedded, at most; what is longer is cut off without a word."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, without those that the model puts around every document.

        No vector is made, so this is quick, and the model need not be loaded.
        """


class Encoder(TokenCounter, Protocol):
    """Texts to vectors."""

    @property
    def dimension(self) -> int: ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), unit rows, for texts that are searched."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), unit rows, for texts that search."""

    @property
    def token_dimension(self) -> int:
        """Of the vectors of single tokens; 0 where the model gives none."""

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `encode_documents` gives, and for each text (tokens, token_dimension), unit rows, of the tokens that
        tell something, for late interaction (Khattab and Zaharia, SIGIR 2020).
        """

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `encode_queries` gives, and the tokens' vectors likewise, which may be shorter where they count less."""


class Reranker(Protocol):
    """A tuned cross-encoder."""

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) logits; higher means more relevant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A training pair for the reranker. Pairs of one `cluster` are wordings of one question and never cross a split."""

    query: str
    text: str
    relevant: bool
    cluster: str


class RerankerStore(Protocol):
    """Tuned cross-encoders, kept by the digest of their weights."""

    def tune(self, pairs: Sequence[Pair], *, seed: int, on_step: Callable[[int, int], None]) -> str:
        """Train from the configured base and keep the result; returns its digest. `on_step` gets (done, total)."""

    def has(self, digest: str) -> bool:
        """Whether it is kept here."""

    def load(self, digest: str) -> Reranker:
        """Raises NotFound when it is not kept here."""

    def keep_only(self, digests: set[str]) -> None:
        """Delete every other one."""


class Generator(Protocol):
    """Passages to an answer."""

    @property
    def name(self) -> str: ...

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """A standalone query for a question that leans on what was said before; else the question itself."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        """Pieces of the answer as they come, then one Draft with the whole. Raises LanguageModelUnavailable.

        `searched` is the search that the passages are the first of, for a generator that weighs whether they answer.
        """

    def masked_by(self, redactor: Redactor) -> "Generator":
        """The same for one conversation: what it tells another service of what people said is masked by this."""

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Do at once what answers from these passages, a sequence for each question, will need. Without it, answers
        are the same and may take longer."""


class Rephraser(Protocol):
    """A question in other words, as another person would ask it."""

    @property
    def name(self) -> str:
        """Changes whenever the result could: it is part of cache keys."""

    def rephrase(self, text: str, count: int) -> list[str]:
        """At most `count` wordings of a question, or of a heading or a sentence that answers one; empty for none.

        Raises LanguageModelUnavailable, and InvalidInput when the text is too long for the model.
        """
