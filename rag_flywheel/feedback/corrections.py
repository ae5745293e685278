"""Corrections taken in: a better answer, checked and masked, with its evidence and the stage that failed.

It is pending until a person decides on it, in `review`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import Correction, CorrectionId, DocumentId, Evidence, FeedbackId, InteractionId, Passage
from rag_flywheel.domain.equivalence import supports
from rag_flywheel.errors import Conflict, InvalidInput
from rag_flywheel.feedback.attribution import attribute
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.ports import Conversations, Operations, Redactor
from rag_flywheel.privacy.pseudonyms import pseudonym


class SubmissionLedger(Operations, Conversations, Protocol):
    """The interactions that corrections are of, and the salt of pseudonyms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A better answer as it comes in: neither checked nor masked."""

    interaction_id: InteractionId
    answer: str
    evidence: tuple[Evidence, ...] = ()  # the spans that hold it; none: they are looked for
    supersedes: tuple[Evidence, ...] = ()  # the spans that it makes untrue
    user: str | None = None  # as the caller names the person
    feedback_id: FeedbackId | None = None  # the `edited` feedback that it came with


def prepare(
    submission: Submission,
    *,
    ledger: SubmissionLedger,
    redactor: Redactor,
    find: Callable[[str], Sequence[Passage]],
    lengths: Callable[[], Mapping[DocumentId, int]],
    at: datetime,
    new_id: Callable[[], str],
) -> Correction:
    """The correction, checked and masked, with the stage that failed, for the caller to record.

    `find` searches the live version: where no evidence is named, the passages that hold most of the answer's words are
    it. `lengths` gives the length of each document there, for checking spans. Raises NotFound for an unknown
    interaction, Conflict when its texts were not kept, InvalidInput for an unusable answer or span.
    """
    interaction = ledger.interaction(submission.interaction_id)
    if not interaction.question:
        raise Conflict(
            f"interaction {submission.interaction_id} was held without consent to keep its texts, so it cannot be "
            "corrected: ask again with consent, then correct that"
        )
    text = redactor.redact(checked_text(submission.answer, "the corrected answer")).text
    spans = submission.evidence
    if spans or submission.supersedes:
        _check_spans([*spans, *submission.supersedes], lengths())
    if not spans:
        spans = tuple(
            passage.chunk.span
            for passage in find(text)
            if not passage.chunk.is_correction and supports(passage.chunk.text, text)
        )
    return Correction(
        correction_id=CorrectionId(new_id()),
        interaction_id=submission.interaction_id,
        submitted=at,
        user=pseudonym(submission.user, ledger.salt()),
        question=interaction.query,
        answer=text,
        evidence=spans,
        supersedes=submission.supersedes,
        stage=attribute(interaction.ranking, spans, shown=interaction.shown),
        feedback_id=submission.feedback_id,
    )


def _check_spans(spans: Sequence[Evidence], lengths: Mapping[DocumentId, int]) -> None:
    for span in spans:
        length = lengths.get(span.document_id)
        if length is None:
            raise InvalidInput(
                f"document {span.document_id!r} is not in the live version; name one that a citation names"
            )
        if span.end > length:
            raise InvalidInput(
                f"the span {span.start}..{span.end} goes past the end of document {span.document_id!r}, which has "
                f"{length} characters"
            )
