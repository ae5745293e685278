"""The project's words as types: values without behaviour, checked at birth, standard library only.

Every instant is a timezone-aware `datetime` in UTC. Every span counts characters of the document's stored text
(normalised and masked), start inclusive and end exclusive.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NewType

DocumentId = NewType("DocumentId", str)
ChunkId = NewType("ChunkId", str)
VersionId = NewType("VersionId", str)
InteractionId = NewType("InteractionId", str)
FeedbackId = NewType("FeedbackId", str)
CorrectionId = NewType("CorrectionId", str)
CanaryId = NewType("CanaryId", str)
if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:
    Json = (
        object  # before Python 3.12's `type` statement, what reads annotations at run time cannot follow the recursion
    )

CORRECTION_PREFIX = "correction:"
"""A correction's document id is this and the correction's id, so that evidence can point at it."""

GROUP = r"^[A-Za-z0-9._-]{1,40}$"
"""How a group of askers may be named: too short and too plain for a person's address or a sentence about one."""


def _aware(name: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{name} needs a timezone, got the naive {moment.isoformat()}")


def _named(group: str | None) -> None:
    # Without the name that was found: it may be a person's after all.
    if group is not None and re.fullmatch(GROUP, group) is None:
        raise ValueError(
            "a group of askers is named by 1 to 40 letters from a to z, digits, dots, dashes and underscores; "
            f"this name of {len(group)} characters is not"
        )


# --- documents and chunks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span of one document that supports an answer; it survives re-chunking."""

    document_id: DocumentId
    start: int  # characters, inclusive
    end: int  # characters, exclusive

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"evidence needs 0 <= start < end, got {self.start}..{self.end}")

    def overlaps(self, other: "Evidence") -> bool:
        """Whether the two spans share at least one character of one document."""
        return self.document_id == other.document_id and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a correction's document comes from: who said it, who let it pass, and what it replaces."""

    correction_id: CorrectionId
    interaction_id: InteractionId
    feedback_ids: tuple[FeedbackId, ...]
    reviewer: str
    reviewed: datetime
    supersedes: tuple[Evidence, ...]
    holders: tuple[Evidence, ...] = ()  # spans of source documents that hold the answer too, as far as they are known


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A source unit after screening: what chunks are cut from and evidence points at."""

    document_id: DocumentId
    title: str
    text: str
    source: str  # the file it was read from, or "correction"
    question: str | None = None  # a correction's question
    provenance: Provenance | None = None  # corrections only

    def __post_init__(self) -> None:
        if (self.question is None) != (self.provenance is None):
            raise ValueError(f"document {self.document_id}: a correction has both a question and a provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document as it is indexed. `text` is shorter than its span where superseded parts are hidden."""

    chunk_id: ChunkId
    document_id: DocumentId
    title: str
    headings: tuple[str, ...]  # the path of headings above the piece, outermost first
    text: str
    start: int
    end: int
    source: str
    question: str | None = None  # the known question that finds this chunk: a correction's own, or a confirmed one
    provenance: Provenance | None = None  # corrections only
    confirmed: InteractionId | None = None  # where a person confirmed that this answers the question

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"chunk {self.chunk_id} needs 0 <= start < end, got {self.start}..{self.end}")
        if self.confirmed is not None and self.question is None:
            raise ValueError(f"chunk {self.chunk_id}: a confirmation needs the question that was asked")

    @property
    def span(self) -> Evidence:
        return Evidence(document_id=self.document_id, start=self.start, end=self.end)

    @property
    def is_correction(self) -> bool:
        return self.provenance is not None

    @property
    def by_question(self) -> bool:
        """Whether it is found by a known question, and not by its text."""
        return self.question is not None


class Arm(StrEnum):
    """Which side of a comparison of versions a person is on."""

    CONTROL = "control"  # the live version
    TREATMENT = "treatment"  # the candidate of the canary that is running
    HOLDOUT = "holdout"  # the old version that the gain of the whole flywheel is measured against
    INTERLEAVED = "interleaved"  # the passages of both by turns, so that clicks compare them


# --- retrieval ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What each channel said of one passage; None where the channel did not return it."""

    dense: float | None = None  # cosine of query and passage
    sparse: float | None = None  # BM25
    question: float | None = None  # cosine of query and known question
    words: float | None = None  # Dice coefficient of the terms of query and known question
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
    team: Arm | None = None  # of an interleaved ranking: whose passage it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """When a known question is taken for the query: nearer than any passage, and with a fit (`retrieval.fits`) above
    the threshold.
    """

    threshold: float
    words: float  # weight of the words that query and known question share; the cosine of the two has weight 1
    passage: float  # weight of the best passage's cosine, which counts against the known question


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedRanking:
    """What a version learned from its corpus and feedback. Empty: reciprocal rank fusion, no known question used."""

    admission: Admission | None = None
    fusion: Mapping[str, float] = field(
        default_factory=dict
    )  # weight of each feature of retrieval.FEATURES; empty: RRF
    reranker: str | None = None  # digest of the tuned cross-encoder


# --- a question and its answer --------------------------------------------------------------------------------------


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
    consent: bool = True  # whether the texts may be kept and learned from
    group: str | None = None  # the group of people that the asker belongs to, as the application says; never a person

    def __post_init__(self) -> None:
        _aware("asked", self.asked)
        _named(self.group)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a generator made of the passages. `answered` is false for an honest refusal."""

    text: str
    answered: bool
    citations: tuple[Citation, ...]


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
    team: Arm | None = None  # of an interleaved ranking: whose passage it is

    @property
    def span(self) -> Evidence:
        return Evidence(document_id=self.document_id, start=self.start, end=self.end)


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
    canary_id: CanaryId | None = None  # of the canary whose people the asker belongs to

    def __post_init__(self) -> None:
        _aware("asked", self.asked)
        _named(self.group)


# --- feedback, corrections, reviews ---------------------------------------------------------------------------------


class FeedbackKind(StrEnum):
    THUMB = "thumb"  # "up" | "down"
    STARS = "stars"  # 1..5
    COMMENT = "comment"  # text
    ISSUE = "issue"  # text
    PASSAGE_RELEVANCE = "passage_relevance"  # {"document_id", "start"?, "end"?, "relevant"}
    MISSING_KNOWLEDGE = "missing_knowledge"  # text, or true
    USED = "used"  # true | false
    EDITED = "edited"  # the final text; also becomes a correction
    ABANDONED = "abandoned"  # true | false
    REGENERATED = "regenerated"  # true | false
    CITATION_CLICK = "citation_click"  # the citation's number


IMPLICIT = frozenset(
    {
        FeedbackKind.USED,
        FeedbackKind.EDITED,
        FeedbackKind.ABANDONED,
        FeedbackKind.REGENERATED,
        FeedbackKind.CITATION_CLICK,
    }
)
"""The kinds that tell what a person did with an answer, and not what they think of it."""


class Stage(StrEnum):
    """Where an answer failed."""

    MISSING = "missing"  # no document holds the answer
    NOT_RETRIEVED = "not_retrieved"  # a document holds it, the search did not bring it
    MIS_RANKED = "mis_ranked"  # the search brought it, too far down to be shown to the generator
    MIS_GENERATED = "mis_generated"  # it was shown to the generator, and the answer is still wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A signal about one interaction, explicit or implicit."""

    feedback_id: FeedbackId
    interaction_id: InteractionId
    given: datetime
    user: str | None  # pseudonym
    kind: FeedbackKind
    value: Json
    stage: Stage | None = None  # attributed to a thumbs-down
    rank: int | None = None  # of the passage that an implicit signal is about, from 1; None where it is about none
    propensity: float | None = None  # the probability that a person looks at that rank; None where there is none

    def __post_init__(self) -> None:
        _aware("given", self.given)
        if (self.rank is None) != (self.propensity is None):
            raise ValueError(f"feedback {self.feedback_id}: a rank and its propensity go together")
        if self.rank is not None and self.kind not in IMPLICIT:
            raise ValueError(f"feedback {self.feedback_id}: only an implicit signal has a rank, got one of {self.kind}")
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"feedback {self.feedback_id}: ranks count from 1, got {self.rank}")
        if self.propensity is not None and not 0 < self.propensity <= 1:
            raise ValueError(f"feedback {self.feedback_id} needs 0 < propensity <= 1, got {self.propensity}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A better answer to the question of one interaction."""

    correction_id: CorrectionId
    interaction_id: InteractionId
    submitted: datetime
    user: str | None  # pseudonym
    question: str  # the standalone query of the interaction
    answer: str
    evidence: tuple[Evidence, ...]
    supersedes: tuple[Evidence, ...]
    stage: Stage
    feedback_id: FeedbackId | None = None  # the `edited` feedback it came from

    def __post_init__(self) -> None:
        _aware("submitted", self.submitted)
        if not self.answer.strip():
            raise ValueError("a correction needs an answer, got an empty one")

    @property
    def document_id(self) -> DocumentId:
        return DocumentId(f"{CORRECTION_PREFIX}{self.correction_id}")


class Verdict(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    QUARANTINE = "quarantine"


class CorrectionState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    LIVE = "live"
    SUPERSEDED = "superseded"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A reviewer's verdict on a correction; `answer` replaces the author's wording where given."""

    review_id: str
    correction_id: CorrectionId
    reviewed: datetime
    reviewer: str
    verdict: Verdict
    answer: str | None
    note: str | None

    def __post_init__(self) -> None:
        _aware("reviewed", self.reviewed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedCorrection:
    """A correction with its latest review, None while it is pending."""

    correction: Correction
    review: Review | None

    @property
    def answer(self) -> str:
        """The wording that counts: the reviewer's where given, else the author's."""
        return (self.review and self.review.answer) or self.correction.answer

    @property
    def verdict_state(self) -> CorrectionState:
        """What the review alone says; whether it is live is for the versions to say."""
        if self.review is None:
            return CorrectionState.PENDING
        return {
            Verdict.ACCEPT: CorrectionState.ACCEPTED,
            Verdict.REJECT: CorrectionState.REJECTED,
            Verdict.QUARANTINE: CorrectionState.QUARANTINED,
        }[self.review.verdict]


# --- golden cases ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """A question that a person judged, as the ledger keeps it. Texts are masked."""

    case_id: str
    added: datetime
    who: str
    origin: Literal["added", "imported"]
    question: str
    group: str  # wordings of one question share it
    answer: str | None  # the reference answer, where there is one
    documents: tuple[DocumentId, ...]  # whole documents that answer it
    evidence: tuple[Evidence, ...]  # spans that answer it
    answerable: bool  # false: the right answer is a refusal

    def __post_init__(self) -> None:
        _aware("added", self.added)
        if not self.question.strip():
            raise ValueError(f"golden case {self.case_id} needs a question, got an empty one")
        if self.answerable != bool(self.documents or self.evidence):
            raise ValueError(
                f"golden case {self.case_id}: an answerable question, and only that, names what answers it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """A person's word that a case, whatever its origin, is used neither for tuning nor for the gate any more."""

    case_id: str
    retired: datetime
    who: str
    why: str

    def __post_init__(self) -> None:
        _aware("retired", self.retired)


# --- versions and decisions -----------------------------------------------------------------------------------------


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

    def __post_init__(self) -> None:
        _aware("created", self.created)
        _aware("feedback_cutoff", self.feedback_cutoff)


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
        _aware("decided", self.decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to which thing, and why."""

    at: datetime
    who: str
    action: str
    subject: str
    detail: Mapping[str, Json]

    def __post_init__(self) -> None:
        _aware("at", self.at)


# --- deployment -----------------------------------------------------------------------------------------------------


class CanaryState(StrEnum):
    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A candidate beside the live version, as it stands. The ledger keeps every change of it; the newest counts."""

    canary_id: CanaryId
    control: VersionId
    treatment: VersionId
    shadow: bool  # true: the candidate's answers are recorded and nobody sees them
    shares: tuple[float, ...]  # of the people who are on the treatment, step by step; each above the one before
    superior: bool  # whether the gate showed the candidate to be better, and not only not worse
    expected: float  # the rate of bad outcomes before the canary began, 0..1
    interleaved: float = 0.0  # of the people, who see both versions' passages by turns and are in no other arm
    started: datetime
    step: int  # from 0, within `shares`
    stepped: datetime  # when this step began
    state: CanaryState
    reasons: tuple[str, ...] = ()  # of the last change

    def __post_init__(self) -> None:
        _aware("started", self.started)
        _aware("stepped", self.stepped)
        if not 0 <= self.step < len(self.shares):
            raise ValueError(f"canary {self.canary_id} has steps 0..{len(self.shares) - 1}, got {self.step}")

    @property
    def share(self) -> float:
        """Of the people, those who are on the treatment now."""
        return self.shares[self.step]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What one person met in one answer, without any text: what arms are compared by.

    Only people who can be kept on one arm, and who did not opt out, have exposures. One that failed has no interaction,
    but for a shadow's, which names the interaction that it repeats.
    """

    at: datetime
    unit: str  # pseudonym of the person, or of the session where no person was named
    arm: Arm
    canary_id: CanaryId | None  # of the canary that was running; None: of the hold-out, or of nothing
    step: int  # of that canary; 0 without one
    interaction_id: InteractionId | None
    answered: bool
    failed: bool
    seconds: float

    def __post_init__(self) -> None:
        _aware("at", self.at)
        if self.interaction_id is None and not self.failed:
            raise ValueError("an exposure has an interaction unless it failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What came of the questions of one arm, summed over people: all that a comparison needs.

    A failed answer counts as a bad outcome, and so does one with a bad signal (`signals.is_bad`).
    """

    arm: Arm
    people: int
    asked: int  # questions
    bad: int  # of these, with a bad outcome
    asked_squared: int  # sum over people of their questions squared
    bad_squared: int  # sum over people of their bad outcomes squared
    asked_bad: int  # sum over people of questions times bad outcomes
    failed: int  # people with an answer that failed
    refused: int  # people with a refused answer
    slow: int  # people with a slow answer

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.asked or self.people > self.asked:
            raise ValueError(f"outcomes need people <= asked and 0 <= bad <= asked, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """A small share of the people who stay on an old version, so that the flywheel's own gain can be measured."""

    since: datetime
    version_id: VersionId | None  # None: the hold-out ended
    share: float  # of the people, 0..1
    who: str
    why: str

    def __post_init__(self) -> None:
        _aware("since", self.since)
        if not 0 <= self.share < 1:
            raise ValueError(f"a hold-out needs 0 <= share < 1, got {self.share}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A person's word that no version may be promoted, or that they may be again."""

    at: datetime
    frozen: bool
    who: str
    why: str

    def __post_init__(self) -> None:
        _aware("at", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that other systems are told by webhook. It holds ids, numbers and reasons, never a person's text."""

    notice_id: str
    at: datetime
    kind: str  # such as "stop_canary"
    data: Mapping[str, Json]

    def __post_init__(self) -> None:
        _aware("at", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to tell a receiver of a notice."""

    notice_id: str
    receiver: str  # digest of the receiver's URL, which may hold a secret
    at: datetime
    delivered: bool
    status: int | None  # HTTP; None where there was no reply

    def __post_init__(self) -> None:
        _aware("at", self.at)
