"""What a search returns, and what a version learned about ranking it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rag_flywheel.domain.documents import Chunk
from rag_flywheel.domain.groups import Groups
from rag_flywheel.domain.ids import VersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What each channel said of one passage; None where the channel did not return it."""

    dense: float | None = None  # cosine of query and passage
    sparse: float | None = None  # BM25
    sentence: float | None = None  # best cosine of query and a sentence of the passage
    # Mean over the query's tokens of the best product with one of the passage, or of known question and answer.
    tokens: float | None = None
    question: float | None = None  # cosine of query and known question
    words: float | None = None  # Dice coefficient of the terms of query and known question
    answer: float | None = None  # cosine of query and the known question together with its answer
    known: float | None = None  # best cosine of query and a known question that this passage holds the answer of
    rerank: float | None = None  # the cross-encoder's logit


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A chunk that a search returned, before fusion."""

    chunk: Chunk
    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk as retrieved, with its place in the ranking."""

    chunk: Chunk
    rank: int  # from 1
    score: float  # higher is better; comparable within one ranking only
    scores: Scores
    also: tuple[Chunk, ...] = ()  # others that say the same in nearly the same words

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The passage's own, then the others."""
        return (self.chunk, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """When a known question is taken for the query: nearer than any passage, and with a fit (`admission.fits`) above
    the threshold. The cosine of query and known question has weight 1. Versions of older releases have no weights for
    answers, sentences and tokens.
    """

    threshold: float
    words: float  # weight of the words that query and known question share
    passage: float = 0.0  # weight of the best passage's cosine, which counts against the known question
    sentence: float = 0.0  # weight of the nearest sentence's cosine, which counts against it too
    answer: float = 0.0  # weight of the cosine of the query and the known question together with its answer
    tokens: float = 0.0  # weight of how much nearer it is than any passage token by token, which may be below 0
    offered: float | None = None  # fit above which a corrected question is asked back for, where none is taken


UNTUNED: Mapping[str, float] = MappingProxyType(
    {"dense_margin": 7.0, "sparse_share": 2.0, "sentence_margin": 10.5, "token_margin": 25.0}
)
"""The weights before a version has learned its own: those under which the answering passages of four public question
sets are likeliest to be first (docs/measurements.md).
"""
UNTUNED_WITHOUT_TOKENS: Mapping[str, float] = MappingProxyType(
    {"dense_margin": 7.0, "sparse_share": 6.0, "sentence_margin": 10.5}
)
"""The same where the model gives no vectors of tokens: nothing else compares word by word then, so BM25 says more."""


def untuned(*, tokens: bool) -> Mapping[str, float]:
    """What a version begins with, by whether its model gives vectors of tokens."""
    return UNTUNED if tokens else UNTUNED_WITHOUT_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedRanking:
    """What a version learned from its corpus and feedback, or what it has instead: no known question is used."""

    admission: Admission | None = None
    # Weight of each feature of search.fusion.FEATURES. Empty, as older releases had it: reciprocal rank fusion.
    fusion: Mapping[str, float] = field(default_factory=lambda: dict(UNTUNED))
    reranker: str | None = None  # digest of the tuned cross-encoder
    refusal: float = 0.0  # by how much log-odds of questions that the corpus answers lie above those of others


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a generator may weigh its passages by: all that the search found, and what the version learned of it."""

    ranking: tuple[Passage, ...]  # the passages that are read, and those behind them
    refusal: float = 0.0  # as in LearnedRanking
    conversation: bool = False  # whether something was said before the question
    version: VersionId | None = None  # that was searched, where its answers may be kept
    groups: Groups = None  # that it was searched with
