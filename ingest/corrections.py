"""Accepted corrections to documents, and what they hide."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    CorrectionId,
    CorrectionState,
    Document,
    Evidence,
    Provenance,
    ReviewedCorrection,
)
from rag_flywheel.domain.supersession import predecessors, replaced

SOURCE = "correction"
"""What a correction's document names as its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The corrections that a version holds, as documents, and the source spans that they hide."""

    documents: tuple[Document, ...]
    hidden: tuple[Evidence, ...]
    superseded: tuple[CorrectionId, ...]  # accepted once, replaced by a newer one


def accepted(corrections: Sequence[ReviewedCorrection]) -> Accepted:
    """What the accepted ones among the `corrections` (oldest first) come to.

    The newest accepted one answers a question, as `supersession.replaced` tells. Its provenance names what it took the
    place of, with what these had superseded, so that judgements and the lineage follow.
    """
    chosen = {
        reviewed.correction.correction_id: reviewed
        for reviewed in corrections
        if reviewed.verdict_state is CorrectionState.ACCEPTED
    }
    successors = replaced(corrections)
    hidden = [
        span
        for reviewed in chosen.values()  # replaced ones too: a newer answer does not bring the old text back
        for span in reviewed.correction.supersedes
        if not span.document_id.startswith(CORRECTION_PREFIX)
    ]
    return Accepted(
        documents=tuple(
            _document(reviewed, [chosen[older] for older in predecessors(name, successors)])
            for name, reviewed in chosen.items()
            if name not in successors
        ),
        hidden=tuple(hidden),
        superseded=tuple(sorted(successors)),
    )


def _document(reviewed: ReviewedCorrection, older: Sequence[ReviewedCorrection]) -> Document:
    correction, review = reviewed.correction, reviewed.review
    assert review is not None  # only reviewed corrections are accepted
    whole = [Evidence(document_id=before.correction.document_id, start=0, end=len(before.answer)) for before in older]
    theirs = [span for before in older for span in before.correction.supersedes]
    return Document(
        document_id=correction.document_id,
        title=correction.question,
        text=reviewed.answer,
        source=SOURCE,
        question=correction.question,
        provenance=Provenance(
            correction_id=correction.correction_id,
            interaction_id=correction.interaction_id,
            feedback_ids=() if correction.feedback_id is None else (correction.feedback_id,),
            reviewer=review.reviewer,
            reviewed=review.reviewed,
            supersedes=tuple(dict.fromkeys(span.place for span in (*correction.supersedes, *whole, *theirs))),
        ),
    )
