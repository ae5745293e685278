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
from rag_flywheel.domain import CorrectionState, Followed, Interaction, Review, Stage
from rag_flywheel.feedback.conflicts import Disagreement
from rag_flywheel.feedback.review import Progress, seen
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


class ConcernReply(Body):
    """A reason to look twice before accepting a correction."""

    kind: ConcernKind
    said: str


class ReviewItem(Body):
    """A correction as a reviewer sees it, beside what was answered, what contradicts it, and what to look at twice."""

    id: str
    status: CorrectionState
    stage: Stage
    submitted: datetime
    question: str
    answered: str
    answer: str
    evidence: list[EvidenceReply]
    supersedes: list[EvidenceReply]
    followed: list[FollowedReply]  # those of them that are elsewhere, or gone, in the live version
    reviewer: str | None
    note: str | None
    superseded_by: str | None
    replaced: list[str]
    conflicts: list[ConflictReply]
    concerns: list[ConcernReply]
    probe: ProbeReply | None
    waits_for: str | None  # why an accepted one is in no version yet, where that is for want of supporters
    sent_back: bool  # a guardrail set it aside, and nobody has decided on it since
    review: str  # its latest review, to give back as `seen`


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
) -> ReviewItem:
    correction = progress.reviewed.correction
    review: Review | None = progress.reviewed.review
    return ReviewItem(
        id=correction.correction_id,
        status=progress.state,
        stage=correction.stage,
        submitted=correction.submitted,
        question=correction.question,
        answered=interaction.answer,
        answer=progress.reviewed.answer,
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
        concerns=[ConcernReply(kind=concern.kind, said=concern.said) for concern in concerns],
        probe=probe_reply(progress.probe),
        waits_for=waits_for,
        sent_back=progress.reviewed.sent_back,
        review=seen(progress.reviewed),
    )
