"""A question, its answer, and the interaction that the ledger keeps of the two."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from rag_flywheel.domain.checks import aware, named
from rag_flywheel.domain.consent import EVERY_PURPOSE, Means, Purpose
from rag_flywheel.domain.documents import Evidence
from rag_flywheel.domain.groups import Groups
from rag_flywheel.domain.ids import CanaryId, ChunkId, CorrectionId, DocumentId, InteractionId, VersionId
from rag_flywheel.domain.ranking import Scores
from rag_flywheel.domain.stand_ins import StandIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One earlier message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person typed, with what came before it."""

    text: str
    asked: datetime
    user: str | None = None  # as the caller names the person; never stored as such
    session: str | None = None
    history: tuple[Turn, ...] = ()
    consent: bool = True  # whether the texts may be kept
    purposes: frozenset[Purpose] = EVERY_PURPOSE  # what they may be used for, where they are kept
    agreed: Means = Means.API  # how that was said
    group: str | None = None  # the group of people that the asker belongs to, as the application says; never a person
    groups: Groups = frozenset()  # that decide what the asker may read

    def __post_init__(self) -> None:
        aware("asked", self.asked)
        named(self.group)
        if not self.text.strip():
            raise ValueError("a question needs text, got an empty one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The span that an answer rests on, as it is shown."""

    number: int  # from 1, as in the answer's [1]
    document_id: DocumentId
    title: str
    text: str
    start: int
    end: int
    score: float
    also: tuple[Evidence, ...] = ()  # where nearly the same is said


class Confidence(StrEnum):
    """How surely the documents answer a question that was not refused."""

    HIGH = "high"
    LOW = "low"  # the passages are shown, and the answer says that they may not hold it


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a generator made of the passages. `answered` is false for an honest refusal."""

    text: str
    answered: bool
    citations: tuple[Citation, ...]
    confidence: Confidence | None = None  # None: a refusal, or a generator that does not tell
    generator: str | None = None  # that made it, where it is not the one that was asked: its name with INSTEAD
    log_odds: float | None = None  # that the passages hold an answer, for whatever corpus; None: not weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A passage as the ledger records it: where it stood and why, without its text."""

    chunk_id: ChunkId
    document_id: DocumentId
    start: int
    end: int
    rank: int
    score: float
    scores: Scores
    also: tuple[Evidence, ...] = ()  # of others that say the same, which it stood for
    groups: tuple[str, ...] | None = None  # whose members could read it; none: all people; None: not known

    @property
    def span(self) -> Evidence:
        return Evidence(document_id=self.document_id, start=self.start, end=self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A corrected question that may be what the asker means: "Did you mean ...?"."""

    correction_id: CorrectionId
    question: str


INSTEAD = " instead of "
"""Between the names of the generator that answered and of the one that was away, as interactions record them."""

IMPORTED = "imported"
"""The arm of an interaction that another service answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One question with its answer and how it was made. Texts are masked; they are empty without consent."""

    interaction_id: InteractionId
    asked: datetime
    user: str | None  # pseudonym: a keyed hash
    session: str | None  # pseudonym: a keyed hash
    question: str
    query: str  # the standalone query that was searched for
    answer: str
    answered: bool
    version_id: VersionId
    arm: str
    generator: str
    ranking: tuple[Shown, ...]  # deeper than what the generator saw
    shown: int  # passages of the ranking that the generator saw
    citations: tuple[Citation, ...]
    consent: bool
    seconds: float
    group: str | None = None  # the group of people that the asker belongs to: a plan, a region, a team
    masked: tuple[str, ...] = ()  # keyed digests of what was masked out of the question, as `domain.masked` makes them
    stand_ins: tuple[StandIn, ...] = ()  # that its texts hold
    canary_id: CanaryId | None = None  # of the canary whose people the asker belongs to
    confidence: Confidence | None = None  # as of the draft
    suggestions: tuple[Suggestion, ...] = ()  # best first
    groups: Groups = None  # that it was asked with
    purposes: frozenset[Purpose] | None = None  # what the texts may be used for; None: all, where they are kept
    agreed: Means | None = None  # how that was said; None: of a release that did not record it

    def __post_init__(self) -> None:
        aware("asked", self.asked)
        named(self.group)

    @property
    def fallback(self) -> bool:
        """Whether the language model was away, and another generator answered."""
        return INSTEAD in self.generator
