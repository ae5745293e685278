"""What the routes of reviewers take and give."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from rag_flywheel.api.models import (
    Body,
    EvidenceReply,
    FollowedReply,
    Name,
    ProbeReply,
    Text,
    probe_reply,
    spans_reply,
)
from rag_flywheel.domain import (
    Chunk,
    Correction,
    CorrectionState,
    Evidence,
    Followed,
    Interaction,
    Review,
    ReviewedCorrection,
    Shown,
    Stage,
)
from rag_flywheel.domain.reviewing import Assignment
from rag_flywheel.feedback.conflicts import Disagreement
from rag_flywheel.feedback.review import seen
from rag_flywheel.feedback.review_queue import Progress, Worth
from rag_flywheel.feedback.second_look import Concern, ConcernKind


class ConflictReply(Body):
    """Another standing correction of the same question, or nearly the same one, whose answer disagrees.

    With `same_question`, accepting either supersedes the other; without, both stay until a reviewer rejects one.
    """

    id: str
    status: CorrectionState
    same_question: bool
    question: str
    answer: str


def conflict_reply(conflict: Disagreement) -> ConflictReply:
    other = conflict.other
    return ConflictReply(
        id=other.correction.correction_id,
        status=other.verdict_state,
        same_question=conflict.same_question,
        question=other.correction.question,
        answer=other.answer,
    )


class AlikeReply(Body):
    """Another standing correction that says the same to the same question, or nearly the same one."""

    id: str
    status: CorrectionState
    question: str
    answer: str


def alike_reply(other: ReviewedCorrection) -> AlikeReply:
    correction = other.correction
    return AlikeReply(
        id=correction.correction_id, status=other.verdict_state, question=correction.question, answer=other.answer
    )


class ConcernReply(Body):
    """A reason to look twice before accepting a correction."""

    kind: ConcernKind
    said: str


class ReviewItem(Body):
    """A correction as a reviewer sees it, beside what was answered, what contradicts it, and what to look at twice."""

    id: str
    interaction_id: str
    status: CorrectionState
    stage: Stage
    submitted: datetime
    question: str
    answered: str
    answer: str
    proposed: str  # by its author; `answer` is the reviewer's wording where there is one
    evidence: list[EvidenceReply]
    supersedes: list[EvidenceReply]
    followed: list[FollowedReply]  # those of them that are elsewhere, or gone, in the live version
    reviewer: str | None
    note: str | None
    superseded_by: str | None
    replaced: list[str]
    conflicts: list[ConflictReply]
    alike: list[AlikeReply]
    concerns: list[ConcernReply]
    probe: ProbeReply | None
    waits_for: str | None  # why an accepted one is in no version yet, where that is for want of supporters
    sent_back: bool  # a guardrail set it aside, and nobody has decided on it since
    review: str  # its latest review, to give back as `seen`
    worth: float  # where it stands in the queue: weeks of waiting, and what counts as so many
    people: int  # who asked the very question lately
    in_hand_of: str | None
    in_hand_until: datetime | None


class FoundReply(Body):
    """A passage that was found for the question when it was asked."""

    rank: int
    document_id: str
    start: int
    end: int
    score: float
    shown: bool  # to whatever made the answer
    evidence: bool  # whether the correction names it, or a part of it, as holding the right answer
    superseded: bool  # whether the correction makes it, or a part of it, untrue
    title: str | None  # of passages that are in the live version still
    text: str | None


def found_reply(place: Shown, correction: Correction, *, shown: bool, chunk: Chunk | None) -> FoundReply:
    def holds(spans: Sequence[Evidence]) -> bool:
        return any(
            span.document_id == place.document_id and span.start < place.end and place.start < span.end
            for span in spans
        )

    return FoundReply(
        rank=place.rank,
        document_id=place.document_id,
        start=place.start,
        end=place.end,
        score=place.score,
        shown=shown,
        evidence=holds(correction.evidence),
        superseded=holds(correction.supersedes),
        title=None if chunk is None else chunk.title,
        text=None if chunk is None else chunk.text,
    )


class ReviewDetail(ReviewItem):
    """The same with the ranking behind the answer."""

    ranking: list[FoundReply]


class ReviewBody(Body):
    verdict: Literal["accept", "reject", "quarantine"]
    answer: Text | None = None
    note: Text | None = None
    seen: Name | None = None


def review_item(
    progress: Progress,
    interaction: Interaction,
    followed: Sequence[Followed],
    concerns: Sequence[Concern],
    *,
    waits_for: str | None,
    worth: Worth,
    held: Assignment | None,
) -> ReviewItem:
    correction = progress.reviewed.correction
    review: Review | None = progress.reviewed.review
    return ReviewItem(
        id=correction.correction_id,
        interaction_id=correction.interaction_id,
        status=progress.state,
        stage=correction.stage,
        submitted=correction.submitted,
        question=correction.question,
        answered=interaction.answer,
        answer=progress.reviewed.answer,
        proposed=correction.answer,
        evidence=spans_reply(correction.evidence),
        supersedes=spans_reply(correction.supersedes),
        followed=[
            FollowedReply.model_validate(moved.as_json()) for moved in followed if moved.of == correction.document_id
        ],
        reviewer=None if review is None else review.reviewer,
        note=None if review is None else review.note,
        superseded_by=progress.superseded_by,
        replaced=[str(correction_id) for correction_id in progress.replaced],
        conflicts=[conflict_reply(conflict) for conflict in progress.conflicts],
        alike=[alike_reply(other) for other in progress.alike],
        concerns=[ConcernReply(kind=concern.kind, said=concern.said) for concern in concerns],
        probe=probe_reply(progress.probe),
        waits_for=waits_for,
        sent_back=progress.reviewed.sent_back,
        review=seen(progress.reviewed),
        worth=round(worth.score, 3),
        people=worth.people,
        in_hand_of=None if held is None else held.reviewer,
        in_hand_until=None if held is None else held.until,
    )
