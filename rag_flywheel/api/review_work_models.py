"""What the routes of reviewers take and give besides single corrections: tables, bulk, second reviews, dry runs."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from eval.scores.second_reviews import ReviewAgreement
from rag_flywheel.api.models import Body, EvidenceReply, Name, Text, spans_reply
from rag_flywheel.api.review_models import ConcernReply, FoundReply, ReviewItem
from rag_flywheel.domain import CorrectionState, Interaction, Passage, ReviewedCorrection, Stage, Verdict
from rag_flywheel.domain.reviewing import SecondReview
from rag_flywheel.feedback.review_counts import ReviewCounts
from rag_flywheel.feedback.second_look import Concern
from rag_flywheel.feedback.touching import Touched

COLUMNS = (
    *("id", "status", "stage", "submitted", "question", "answered", "answer", "concerns", "conflicts", "alike"),
    *("people", "worth", "sent_back", "in_hand_of", "reviewer", "note", "superseded_by"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How cells begin that a spreadsheet would run (OWASP, CSV Injection)."""


def as_csv(items: Sequence[ReviewItem]) -> str:
    """A row for each; an apostrophe stands before what would be a formula."""
    written = io.StringIO()
    rows = csv.writer(written, quoting=csv.QUOTE_ALL)
    rows.writerow(COLUMNS)
    for item in items:
        cells = item.model_dump(mode="json", include=set(COLUMNS)) | {
            "concerns": " ".join(concern.kind for concern in item.concerns),
            "conflicts": " ".join(conflict.id for conflict in item.conflicts),
            "alike": " ".join(other.id for other in item.alike),
        }
        rows.writerow(harmless("" if cells[name] is None else str(cells[name])) for name in COLUMNS)
    return written.getvalue()


def harmless(cell: str) -> str:
    """The text of a cell, with an apostrophe before what would be a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


# --- several at once, and who has what ------------------------------------------------------------------------------


class BulkBody(Body):
    ids: Annotated[list[Name], Field(min_length=1, max_length=100)]
    verdict: Literal["accept", "reject", "quarantine"]
    note: Text | None = None
    seen: dict[Name, Name] = Field(default_factory=dict)  # by id, as in a single verdict


class BulkReply(Body):
    """What became of one of several; `error` and `detail` say why nothing did."""

    id: str
    status: CorrectionState | None
    error: str | None
    detail: str | None


class NextReply(Body):
    """What is now in hand; null where nothing is left."""

    item: ReviewItem | None


class AssignBody(Body):
    reviewer: Name


class QueueReply(Body):
    name: Literal["sent_back", "held", "pending"]
    waiting: int
    in_hand: int
    oldest: datetime | None


class ReviewerReply(Body):
    reviewer: str
    accepted: int
    rejected: int
    quarantined: int
    in_hand: int
    second: int
    agreed: int
    compared: int
    hours: float | None


class ReviewCountsReply(Body):
    days: int
    queues: list[QueueReply]
    reviewers: list[ReviewerReply]
    handed_in: int
    decided: int


def counts_reply(counts: ReviewCounts, *, days: int) -> ReviewCountsReply:
    return ReviewCountsReply(
        days=days,
        queues=[QueueReply.model_validate(each, from_attributes=True) for each in counts.queues],
        reviewers=[ReviewerReply.model_validate(each, from_attributes=True) for each in counts.reviewers],
        handed_in=counts.handed_in,
        decided=counts.decided,
    )


# --- second reviews -------------------------------------------------------------------------------------------------


class SecondItem(Body):
    """A correction as it was before anybody decided on it."""

    id: str
    stage: Stage
    submitted: datetime
    question: str
    answered: str
    answer: str
    evidence: list[EvidenceReply]
    supersedes: list[EvidenceReply]
    concerns: list[ConcernReply]
    ranking: list[FoundReply]


def second_item(
    entry: ReviewedCorrection, asked: Interaction, concerns: Sequence[Concern], *, ranking: list[FoundReply]
) -> SecondItem:
    correction = entry.correction
    return SecondItem(
        id=correction.correction_id,
        stage=correction.stage,
        submitted=correction.submitted,
        question=correction.question,
        answered=asked.answer,
        answer=correction.answer,
        evidence=spans_reply(correction.evidence),
        supersedes=spans_reply(correction.supersedes),
        concerns=[ConcernReply(kind=concern.kind, said=concern.said) for concern in concerns],
        ranking=ranking,
    )


class SecondBody(Body):
    verdict: Literal["accept", "reject", "quarantine"]
    note: Text | None = None


class SecondReply(Body):
    """What both said, now that it is said."""

    id: str
    verdict: Verdict
    first_verdict: Verdict
    agrees: bool


class DisagreedReply(Body):
    id: str
    first_reviewer: str
    first_verdict: Verdict
    reviewer: str
    verdict: Verdict
    note: str | None


class AgreementReply(Body):
    """With 95% intervals; null where nothing was compared, and kappa also where all verdicts were the same one."""

    pairs: int
    agreed: int
    share: float | None
    share_interval: tuple[float, float] | None
    kappa: float | None
    kappa_interval: tuple[float, float] | None
    disagreed: list[DisagreedReply]  # the newest first


def agreement_reply(found: ReviewAgreement | None, seconds: Sequence[SecondReview]) -> AgreementReply:
    return AgreementReply(
        pairs=0 if found is None else found.pairs,
        agreed=0 if found is None else found.agreed,
        share=None if found is None else found.share,
        share_interval=None if found is None else found.share_interval,
        kappa=None if found is None else found.kappa,
        kappa_interval=None if found is None else found.kappa_interval,
        disagreed=[
            DisagreedReply(
                id=each.correction_id,
                first_reviewer=each.first_reviewer,
                first_verdict=each.first_verdict,
                reviewer=each.reviewer,
                verdict=each.verdict,
                note=each.note,
            )
            for each in reversed(seconds)
            if not each.agrees
        ],
    )


# --- what it would touch --------------------------------------------------------------------------------------------


class FirstReply(Body):
    """The passage that stands first."""

    document_id: str
    start: int
    end: int
    title: str
    text: str


class NearReply(Body):
    """A question near the corrected one; `wording`: it has nearly the same words, and it is meant for that too."""

    question: str
    cosine: float
    wording: bool
    changed: bool
    before: FirstReply | None
    after: FirstReply | None


class TouchedReply(Body):
    """`place` is the correction's rank for its own question, null where it would not be found; `threshold` is null
    where the live version has not learned how well a known question must fit.
    """

    version: str
    place: int | None
    fit: float | None
    threshold: float | None
    before: FirstReply | None
    changed: int
    questions: list[NearReply]


def touched_reply(touched: Touched) -> TouchedReply:
    return TouchedReply(
        version=touched.version,
        place=touched.place,
        fit=touched.fit,
        threshold=touched.threshold,
        before=_first(touched.before),
        changed=touched.changed,
        questions=[
            NearReply(
                question=near.question,
                cosine=near.cosine,
                wording=near.wording,
                changed=near.changed,
                before=_first(near.before),
                after=_first(near.after),
            )
            for near in touched.questions
        ],
    )


def _first(passage: Passage | None) -> FirstReply | None:
    if passage is None:
        return None
    chunk = passage.chunk
    return FirstReply(
        document_id=chunk.document_id, start=chunk.start, end=chunk.end, title=chunk.title, text=chunk.text
    )
