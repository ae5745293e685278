"""Corrections taken in: a better answer, checked and masked, with its evidence and the stage that failed.

It is pending until a person decides on it, in `review`.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    ANONYMOUS,
    NOBODY,
    Chunk,
    Correction,
    CorrectionId,
    Evidence,
    FeedbackId,
    Interaction,
    InteractionId,
    Passage,
    VersionId,
)
from rag_flywheel.domain.equivalence import held_share, supports
from rag_flywheel.domain.groups import shared
from rag_flywheel.domain.inheriting import inherited
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import Conflict, IndexUnavailable
from rag_flywheel.feedback.attribution import attribute
from rag_flywheel.feedback.intake import checked_text, readable
from rag_flywheel.feedback.quoting import unknown_document
from rag_flywheel.ports import Conversations, Operations
from rag_flywheel.privacy.masking_out import taken_out
from rag_flywheel.privacy.numbering import Masking
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
    reader: Reader = ANYBODY  # what whoever hands it in may read
    sender: str | None = None  # who hands it in, which may be another than the user; None: not known


def prepare(
    submission: Submission,
    *,
    ledger: SubmissionLedger,
    masking: Masking,
    find: Callable[[str], Sequence[Passage]],
    quoted: Callable[[Sequence[Evidence], VersionId | None], tuple[Evidence, ...]],
    at: datetime,
    new_id: Callable[[], str],
) -> Correction:
    """The correction, checked and masked, with the stage that failed, for the caller to record.

    `find` searches the live version: where no evidence is named, the passages that hold most of the answer's words are
    it. What the correction supersedes is none. `quoted` gives spans their quotes, from the version named or else the
    live one. While the index is away evidence is not looked for, as a build looks for it, and spans in passages that
    the question's search brought are taken without their quotes. Raises NotFound for an interaction that is unknown or
    not for whoever hands it in, Conflict when its texts were not kept, InvalidInput for an unusable answer, and what
    `quoted` raises, also of documents that they may not read.
    """
    reader, sender = submission.reader, submission.sender
    interaction = readable(submission.interaction_id, reader, ledger)
    if not interaction.question:
        raise Conflict(
            f"interaction {submission.interaction_id} was held without consent to keep its texts, so it cannot be "
            "corrected: ask again with consent, then correct that"
        )
    typed = checked_text(submission.answer, "the corrected answer")
    talk = masking.of(interaction, ledger)
    kept = talk.redact(typed)
    text = kept.text
    then = {shown.document_id: shown.groups for shown in interaction.ranking}
    for span in (*submission.supersedes, *submission.evidence):
        if not reader.reads(span.document_id, then.get(span.document_id)):
            raise unknown_document(span.document_id)
    replaced = _placed(submission.supersedes, interaction, quoted)
    spans = _placed(submission.evidence, interaction, quoted)
    if not submission.evidence:
        with contextlib.suppress(IndexUnavailable):
            found = _supporting(find(text), text, replaced, reader)
            spans = quoted([chunk.span for chunk in found], None)
            then |= {chunk.document_id: chunk.groups for chunk in found}
    correction = Correction(
        correction_id=CorrectionId(new_id()),
        interaction_id=submission.interaction_id,
        submitted=at,
        user=pseudonym(submission.user, ledger.salt()),
        sender=sender if sender == ANONYMOUS else pseudonym(sender, ledger.salt()),
        question=interaction.query,
        answer=text,
        masked=taken_out(kept, ledger.salt()),
        stand_ins=talk.stand_ins(text),
        evidence=spans,
        supersedes=replaced,
        stage=attribute(interaction.ranking, spans, shown=interaction.shown),
        feedback_id=submission.feedback_id,
        guessed=not submission.evidence,
    )
    known = {**then, **reader.documents}
    return replace(correction, groups=inherited(correction, interaction, lambda span: [known.get(span.document_id)]))


def _placed(
    spans: Sequence[Evidence],
    asked: Interaction,
    quoted: Callable[[Sequence[Evidence], VersionId | None], tuple[Evidence, ...]],
) -> tuple[Evidence, ...]:
    """With their quotes; while the index is away without, where they lie in what the question's search brought."""
    try:
        return quoted(spans, asked.version_id)
    except IndexUnavailable:
        if not all(any(_lies_in(span, shown.span) for shown in asked.ranking) for span in spans):
            raise
        return tuple(span.place for span in spans)


def _lies_in(span: Evidence, other: Evidence) -> bool:
    return span.document_id == other.document_id and other.start <= span.start and span.end <= other.end


def _supporting(found: Sequence[Passage], answer: str, replaced: Sequence[Evidence], reader: Reader) -> list[Chunk]:
    """The passages that hold most of the answer's words. Where no group may read all of them it is the best one, and
    those that are for the same groups: each of them holds the answer.
    """
    chunks = [
        passage.chunk
        for passage in found
        if not passage.chunk.is_correction
        and supports(passage.chunk.text, answer)
        and not any(passage.chunk.span.overlaps(span) for span in replaced)
        and reader.reads(passage.chunk.document_id, passage.chunk.groups)
    ]
    if shared(chunk.groups for chunk in chunks) != (NOBODY,):
        return chunks
    best = max(chunks, key=lambda chunk: held_share(chunk.text, answer))
    return [chunk for chunk in chunks if chunk.groups == best.groups]
