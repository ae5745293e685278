"""Signals about answers, corrections with their states, and reviews."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rag_flywheel.domain.checks import aware
from rag_flywheel.domain.documents import Evidence
from rag_flywheel.domain.ids import CORRECTION_PREFIX, CorrectionId, DocumentId, FeedbackId, InteractionId, Json
from rag_flywheel.domain.stand_ins import StandIn


class FeedbackKind(StrEnum):
    THUMB = "thumb"  # "up" | "down"
    STARS = "stars"  # 1..5
    COMMENT = "comment"  # text
    ISSUE = "issue"  # text
    PASSAGE_RELEVANCE = "passage_relevance"  # {"document_id", "start"?, "end"?, "relevant"}
    MISSING_KNOWLEDGE = "missing_knowledge"  # text, or true
    MEANT = "meant"  # the id of a suggested correction: its question is what the person meant
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
    stand_ins: tuple[StandIn, ...] = ()  # that its text holds

    def __post_init__(self) -> None:
        aware("given", self.given)
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
    masked: tuple[str, ...] = ()  # keyed digests of what was masked out of the answer, as `domain.masked` makes them
    stand_ins: tuple[StandIn, ...] = ()  # that the answer holds
    guessed: bool = False  # whether the evidence was looked for, since nobody named any
    groups: tuple[str, ...] | None = None  # whose members may read it, see `readers`; none: all people; None: not known
    sender: str | None = None  # pseudonym of who handed it in; ANONYMOUS: who did not say; None: not known

    def __post_init__(self) -> None:
        aware("submitted", self.submitted)
        if not self.answer.strip():
            raise ValueError("a correction needs an answer, got an empty one")

    @property
    def document_id(self) -> DocumentId:
        return DocumentId(f"{CORRECTION_PREFIX}{self.correction_id}")


class Verdict(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    QUARANTINE = "quarantine"
    HOLD = "hold"  # accepted by one reviewer where it takes two; recorded, never asked for
    UNDO = "undo"  # takes back the review that `undoes` names; recorded, never what stands


class CorrectionState(StrEnum):
    PENDING = "pending"
    HELD = "held"  # accepted by one reviewer, waits for a second one
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    LIVE = "live"
    SUPERSEDED = "superseded"
    ERASED = "erased"


SYSTEM = "rag-flywheel"
"""The reviewer who sends a correction back that a guardrail set aside."""


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
    guardrail: str | None = None  # what set this wording aside, where the verdict sends it back; several by ", "
    overrules: str | None = None  # what may not set it aside again, since a person accepted it; several by ", "
    stand_ins: tuple[StandIn, ...] = ()  # that its texts hold
    undoes: str | None = None  # the review that its reviewer takes back: as if neither had been

    def __post_init__(self) -> None:
        aware("reviewed", self.reviewed)
        if (self.undoes is None) == (self.verdict is Verdict.UNDO):
            raise ValueError(
                f"review {self.review_id}: an undo names the review that it takes back, and nothing else does"
            )


def standing(reviews: Iterable[Review]) -> list[Review]:
    """Those that nobody took back, in their order."""
    made = list(reviews)
    undone = {review.undoes for review in made}
    return [review for review in made if review.undoes is None and review.review_id not in undone]


_STATES = {
    Verdict.ACCEPT: CorrectionState.ACCEPTED,
    Verdict.REJECT: CorrectionState.REJECTED,
    Verdict.QUARANTINE: CorrectionState.QUARANTINED,
    Verdict.HOLD: CorrectionState.HELD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedCorrection:
    """A correction with the latest review that nobody took back, None while it is pending."""

    correction: Correction
    review: Review | None

    @property
    def answer(self) -> str:
        """The wording that counts: the reviewer's where given, else the author's."""
        return (self.review and self.review.answer) or self.correction.answer

    @property
    def sent_back(self) -> bool:
        """Whether a guardrail set it aside, and no person has decided on it since."""
        return self.review is not None and self.review.guardrail is not None

    @property
    def verdict_state(self) -> CorrectionState:
        """What the review alone says; whether it is live is for the versions to say."""
        if self.review is None:
            return CorrectionState.PENDING
        return _STATES[self.review.verdict]
