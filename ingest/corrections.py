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

SOURCE = "correction"
"""What a correction's document names as its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The corrections that a version holds, as documents, and the source spans that they hide."""

    documents: tuple[Document, ...]
    hidden: tuple[Evidence, ...]
    superseded: tuple[CorrectionId, ...]  # accepted once, replaced by a newer one


def accepted(reviewed: Sequence[ReviewedCorrection]) -> Accepted:
    """What the accepted corrections among `reviewed` (oldest first) come to.

    A newer correction replaces an older one when it names it in `supersedes`, or answers the very same question.
    """
    chosen = [one for one in reviewed if one.verdict_state is CorrectionState.ACCEPTED]
    replaced: set[CorrectionId] = set()
    by_question: dict[str, CorrectionId] = {}
    for one in chosen:
        this = one.correction.correction_id
        question = same_question(one.correction.question)
        older = {by_question[question]} if question in by_question else set()
        named = {
            CorrectionId(span.document_id.removeprefix(CORRECTION_PREFIX))
            for span in one.correction.supersedes
            if span.document_id.startswith(CORRECTION_PREFIX)
        }
        replaced |= (older | named) - {this}
        by_question[question] = this
    standing = [one for one in chosen if one.correction.correction_id not in replaced]
    hidden = [
        span
        for one in chosen  # also of those that were replaced: a newer answer does not bring the old text back
        for span in one.correction.supersedes
        if not span.document_id.startswith(CORRECTION_PREFIX)
    ]
    return Accepted(
        documents=tuple(_document(one) for one in standing),
        hidden=tuple(hidden),
        superseded=tuple(sorted(replaced & {one.correction.correction_id for one in chosen})),
    )


def same_question(text: str) -> str:
    """A key that is equal for questions that differ in case, spacing and final punctuation only."""
    return " ".join(text.casefold().split()).rstrip(" ?.!")


def _document(one: ReviewedCorrection) -> Document:
    correction, review = one.correction, one.review
    assert review is not None  # only reviewed corrections are accepted
    return Document(
        document_id=correction.document_id,
        title=correction.question,
        text=one.answer,
        source=SOURCE,
        question=correction.question,
        provenance=Provenance(
            correction_id=correction.correction_id,
            interaction_id=correction.interaction_id,
            feedback_ids=() if correction.feedback_id is None else (correction.feedback_id,),
            reviewer=review.reviewer,
            reviewed=review.reviewed,
            supersedes=correction.supersedes,
        ),
    )
