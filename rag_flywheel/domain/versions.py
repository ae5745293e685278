"""Index versions, the gate's decisions on them, and the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.anchors import Followed
from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.groups import Readership
from rag_flywheel.domain.ids import CorrectionId, DocumentId, InteractionId, Json, VersionId
from rag_flywheel.domain.ranking import LearnedRanking


class VersionState(StrEnum):
    BUILT = "built"
    REJECTED = "rejected"
    CANARY = "canary"
    LIVE = "live"
    ROLLED_BACK = "rolled_back"
    RETIRED = "retired"  # was live or built, still kept
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    documents: int
    passages: int  # chunks of source documents
    corrections: int
    superseded: int  # chunks of which a part is hidden
    skipped: int  # files or lines that could not be read, or were filtered

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 0:
                raise ValueError(f"counts are at least 0, got {name}={getattr(self, name)}")


MANIFEST_FORM = 3
"""The form of the manifests that this release writes: one more with every change that an older release misreads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an index version is made of. Immutable; the version's state and its gate decision are recorded beside it."""

    version_id: VersionId
    parent: VersionId | None
    created: datetime
    inputs: (
        str  # digest of all that decides the version's content: sources, accepted corrections, confirmations, settings
    )
    sources: Mapping[str, str]  # file -> SHA-256 of its bytes
    feedback_cutoff: datetime  # feedback and reviews up to this instant are in
    corrections: tuple[CorrectionId, ...]
    confirmed: tuple[InteractionId, ...]  # interactions whose answers were confirmed and used for tuning
    embedder: str
    learned: LearnedRanking
    settings: Mapping[str, Json]  # the config sections that shaped it
    counts: Counts
    notes: tuple[str, ...]  # what a reader of the report should know: skipped files, what tuning tried and kept
    form: int = MANIFEST_FORM  # of what is recorded here
    languages: tuple[str, ...] = ()  # of its passages; none: the terms of all were made by the rules of English
    followed: tuple[Followed, ...] = ()  # spans that people named which do not stand where they were named
    renamed: Mapping[DocumentId, DocumentId] = field(default_factory=dict)  # judged documents -> what they became
    readership: Readership | None = None  # of its documents; None: of a release that knew no groups

    def __post_init__(self) -> None:
        aware("created", self.created)
        aware("feedback_cutoff", self.feedback_cutoff)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """A version as the ledger knows it: its manifest and its states, oldest first."""

    manifest: Manifest
    states: tuple[tuple[datetime, VersionState], ...]

    @property
    def state(self) -> VersionState:
        return self.states[-1][1]

    @property
    def went_live(self) -> datetime | None:
        """When it first became live, or None."""
        return next((at for at, state in self.states if state is VersionState.LIVE), None)


class Outcome(StrEnum):
    PASSED = "passed"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The gate's word on a candidate, with its reasons and the numbers behind them."""

    version_id: VersionId
    control: VersionId | None
    decided: datetime
    outcome: Outcome
    reasons: tuple[str, ...]
    report: Mapping[str, Json]

    def __post_init__(self) -> None:
        aware("decided", self.decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to which thing, and why."""

    at: datetime
    who: str
    action: str
    subject: str
    detail: Mapping[str, Json]

    def __post_init__(self) -> None:
        aware("at", self.at)
