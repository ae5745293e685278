"""Corrections taken in: a better answer, checked and masked, with its evidence and the stage that failed.

It is pending until a person decides on it, in `review`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    Correction,
    CorrectionId,
    Evidence,
    FeedbackId,
    InteractionId,
    Passage,
    VersionId,
)
from rag_flywheel.domain.equivalence import supports
from rag_flywheel.errors import Conflict
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
    quoted: Callable[[Sequence[Evidence], VersionId | None], tuple[Evidence, ...]],
    at: datetime,
    new_id: Callable[[], str],
) -> Correction:
    """The correction, checked and masked, with the stage that failed, for the caller to record.

    `find` searches the live version: where no evidence is named, the passages that hold most of the answer's words are
    it. What the correction supersedes is none. `quoted` gives spans their quotes, from the version named or else the
    live one. Raises NotFound for an unknown interaction, Conflict when its texts were not kept, InvalidInput for an
    unusable answer, and what `quoted` raises.
    """
    interaction = ledger.interaction(submission.interaction_id)
    if not interaction.question:
        raise Conflict(
            f"interaction {submission.interaction_id} was held without consent to keep its texts, so it cannot be "
            "corrected: ask again with consent, then correct that"
        )
    text = redactor.redact(checked_text(submission.answer, "the corrected answer")).text
    replaced = quoted(submission.supersedes, interaction.version_id)
    spans = quoted(submission.evidence, interaction.version_id) or quoted(
        [
            passage.chunk.span
            for passage in find(text)
            if not passage.chunk.is_correction
            and supports(passage.chunk.text, text)
            and not any(passage.chunk.span.overlaps(span) for span in replaced)
        ],
        None,
    )
    return Correction(
        correction_id=CorrectionId(new_id()),
        interaction_id=submission.interaction_id,
        submitted=at,
        user=pseudonym(submission.user, ledger.salt()),
        question=interaction.query,
        answer=text,
        evidence=spans,
        supersedes=replaced,
        stage=attribute(interaction.ranking, spans, shown=interaction.shown),
        feedback_id=submission.feedback_id,
    )
