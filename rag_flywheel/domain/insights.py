"""How people's questions were answered and what they said of it, in counts: by day, version, stage and document. Pure.

Who may read an answer, and whether it is sensitive, follows from its traits alone: so it is decided once for each trait
and not for each answer, and the ledger counts the answers that have none of those that somebody may not count.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rag_flywheel.domain.conversation import Confidence, Interaction
from rag_flywheel.domain.feedback import Feedback, FeedbackKind
from rag_flywheel.domain.ids import CORRECTION_PREFIX, DocumentId, VersionId
from rag_flywheel.domain.topics import AnswerState

GOOD_STARS = 4
"""From here on stars say that an answer is good."""


class TraitKind(StrEnum):
    """What an answer has that says who may read it, and whether it is sensitive."""

    DOCUMENT = "document"  # it was shown, or the answer cites it; a correction too
    NOTHING = "nothing"  # nothing was shown; the groups are the asker's
    BARE = "bare"  # no document was shown but corrections, or nothing
    ASKERS = "askers"  # the asker was in these groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One of an answer's, which many answers may have."""

    kind: TraitKind
    name: str = ""  # of a document
    groups: tuple[str, ...] | None = None  # sorted; of a document whom it was for then; None: not known, or all

    @property
    def key(self) -> str:
        """Of its groups, as text."""
        return json.dumps(self.groups)


def traits(asked: Interaction) -> dict[Trait, bool]:
    """An answer's traits, and whether it cites the document."""
    then = {shown.document_id: shown.groups for shown in asked.ranking}
    cited = {citation.document_id for citation in asked.citations}
    seen = cited | {shown.document_id for shown in asked.ranking[: asked.shown]}
    found = {
        Trait(kind=TraitKind.DOCUMENT, name=name, groups=_sorted(then.get(name))): name in cited
        for name in sorted(seen)
    }
    if not seen:
        found[Trait(kind=TraitKind.NOTHING, groups=_sorted(asked.groups))] = False
    if all(name.startswith(CORRECTION_PREFIX) for name in seen):
        found[Trait(kind=TraitKind.BARE)] = False
    if asked.groups:
        found[Trait(kind=TraitKind.ASKERS, groups=_sorted(asked.groups))] = False
    return found


def _sorted(groups: Collection[str] | None) -> tuple[str, ...] | None:
    return None if groups is None else tuple(sorted(groups))


def answer_state(*, answered: bool, confidence: Confidence | None) -> AnswerState:
    """How surely a question was answered; a generator that tells no confidence is taken to be sure."""
    if not answered:
        return AnswerState.REFUSED
    return AnswerState.DOUBTFUL if confidence is Confidence.LOW else AnswerState.SURE


def judgement(signal: Feedback) -> bool | None:
    """Whether it says that the answer was good, or bad; None: it says neither."""
    if signal.kind is FeedbackKind.THUMB:
        return signal.value == "up"
    if signal.kind is FeedbackKind.STARS and isinstance(signal.value, int):
        return signal.value >= GOOD_STARS
    return False if signal.kind is FeedbackKind.EDITED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which answers are counted."""

    first: date | None = None  # days in UTC, both included
    last: date | None = None
    group: str | None = None  # of askers; None: whatever theirs is
    without: frozenset[Trait] = frozenset()  # an answer that has one is not counted
    without_groups: frozenset[str] = frozenset()  # nor one that somebody of such a group of askers got


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Of one day, version and state."""

    day: date
    version_id: VersionId
    state: AnswerState
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Answers of one day and version by what people said of them: one that anybody called bad is bad."""

    day: date
    version_id: VersionId
    good: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """How often answers cite a document, and what people said of these answers."""

    document_id: DocumentId
    answers: int
    good: int = 0
    bad: int = 0
