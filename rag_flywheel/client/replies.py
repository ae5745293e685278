"""What a server replies, as frozen values. Fields that a newer server adds are passed over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Purpose = Literal["answer", "learn", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a document, in characters."""

    document_id: str
    start: int  # inclusive
    end: int  # exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What an answer rests on, numbered as in its [1]."""

    number: int
    document_id: str
    title: str
    text: str
    start: int
    end: int
    score: float
    also: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A corrected question that may be meant: say so with feedback of the kind `meant`."""

    correction_id: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its citations; `answered` is false for a refusal. `fallback` is true where the language model was
    away and sentences of the documents stand in for its answer.
    """

    interaction_id: str  # to rate and to correct it
    answer: str
    citations: tuple[Citation, ...]
    version: str
    answered: bool
    confidence: Literal["high", "low"] | None
    suggestions: tuple[Suggestion, ...]
    fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Feedback that was recorded."""

    id: str
    kind: str
    stage: str | None
    correction_id: str | None  # that an edited answer became
    rank: int | None
    propensity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A correction that was handed in."""

    id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What became of a correction."""

    id: str
    status: str
    stage: str
    interaction_id: str | None
    submitted: datetime
    reviewed: datetime | None
    note: str | None
    version: str | None  # in which it went live
    live_since: datetime | None
    superseded_by: str | None
    waits_for: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCorrection:
    """A correction as its author finds it among their data."""

    id: str
    interaction_id: str
    submitted: datetime
    question: str
    answer: str
    status: str
    live_in: str | None
    wording: str  # the reviewer's where there is one
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A passage that a search found; title and text are null where they are not kept."""

    rank: int
    document_id: str
    start: int
    end: int
    title: str | None
    text: str | None
    score: float
    correction_id: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a version found."""

    version: str
    live: bool
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A person's word on a purpose."""

    said: bool | None  # None: nothing
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person agreed to."""

    user: str
    setting: Literal["assumed", "required", "off"]
    purposes: dict[Purpose, Word]


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Whom the server takes the sender for."""

    name: str | None
    roles: tuple[str, ...]
    groups: tuple[str, ...] | None
    tenant: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """All that is kept of a person, as far as it is read here."""

    corrections: tuple[OwnCorrection, ...]
