"""Corrections: taken in, reviewed, and followed until they are live."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.attribution import attribute, supports
from rag_flywheel.domain import (
    AuditEntry,
    Correction,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Evidence,
    FeedbackId,
    InteractionId,
    Passage,
    Review,
    ReviewedCorrection,
    Verdict,
    VersionId,
)
from rag_flywheel.errors import Conflict, InvalidInput
from rag_flywheel.feedback import checked_text
from rag_flywheel.ports import Ledger, Redactor
from rag_flywheel.privacy import pseudonym


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What became of a correction."""

    reviewed: ReviewedCorrection
    state: CorrectionState
    version: VersionId | None  # the first version in which it went live
    live_since: datetime | None


def prepare(
    interaction_id: InteractionId,
    answer: str,
    *,
    evidence: Sequence[Evidence],
    supersedes: Sequence[Evidence],
    user: str | None,
    feedback_id: FeedbackId | None,
    ledger: Ledger,
    redactor: Redactor,
    find: Callable[[str], Sequence[Passage]],
    lengths: Callable[[], Mapping[DocumentId, int]],
    at: datetime,
    new_id: Callable[[], str],
) -> Correction:
    """A better answer, checked and masked, with the stage that failed, for the caller to record.

    `find` searches the live version: where no evidence is named, the passages that hold most of the answer's words are
    it. `lengths` gives the length of each document there, for checking spans. Raises NotFound for an unknown
    interaction, Conflict when its texts were not kept, InvalidInput for an unusable answer or span.
    """
    interaction = ledger.interaction(interaction_id)
    if not interaction.question:
        raise Conflict(
            f"interaction {interaction_id} was held without consent to keep its texts, so it cannot be corrected: "
            "ask again with consent, then correct that"
        )
    text = redactor.redact(checked_text(answer, "the corrected answer")).text
    spans = tuple(evidence)
    if spans or supersedes:
        _check_spans([*spans, *supersedes], lengths())
    if not spans:
        spans = tuple(
            passage.chunk.span
            for passage in find(text)
            if not passage.chunk.is_correction and supports(passage.chunk.text, text)
        )
    return Correction(
        correction_id=CorrectionId(new_id()),
        interaction_id=interaction_id,
        submitted=at,
        user=pseudonym(user, ledger.salt()),
        question=interaction.query,
        answer=text,
        evidence=spans,
        supersedes=tuple(supersedes),
        stage=attribute(interaction.ranking, spans, shown=interaction.shown),
        feedback_id=feedback_id,
    )


def decide(
    correction_id: CorrectionId,
    verdict: Verdict,
    *,
    reviewer: str,
    answer: str | None,
    note: str | None,
    ledger: Ledger,
    redactor: Redactor,
    at: datetime,
    new_id: Callable[[], str],
) -> ReviewedCorrection:
    """Record a verdict, with the reviewer's wording where it is better. The latest verdict counts.

    Raises NotFound, and InvalidInput for an empty reviewer or a wording that comes with another verdict than accept.
    """
    ledger.correction(correction_id)
    if not reviewer.strip():
        raise InvalidInput("a review needs a reviewer's name, got an empty one")
    if answer is not None and verdict is not Verdict.ACCEPT:
        raise InvalidInput(f"a reviewer's wording goes with the verdict accept, got {verdict}")
    wording = None if answer is None else redactor.redact(checked_text(answer, "the reviewer's wording")).text
    review = Review(
        review_id=new_id(),
        correction_id=correction_id,
        reviewed=at,
        reviewer=reviewer.strip(),
        verdict=verdict,
        answer=wording,
        note=None if note is None else redactor.redact(note).text,
    )
    with ledger.transaction():
        ledger.add_review(review)
        ledger.add_audit(
            AuditEntry(at=at, who=review.reviewer, action=f"review: {verdict}", subject=correction_id, detail={})
        )
    return ledger.correction(correction_id)


def queue(*, ledger: Ledger, state: CorrectionState | None) -> list[ReviewedCorrection]:
    """The corrections in a state by their latest review, oldest first; all of them for None."""
    return [one for one in ledger.corrections() if state is None or one.verdict_state is state]


def progress(correction_id: CorrectionId, *, ledger: Ledger, live: VersionId | None) -> Progress:
    """What became of a correction, up to the version in which it went live. Raises NotFound."""
    reviewed = ledger.correction(correction_id)
    holding = [one for one in ledger.versions() if correction_id in one.manifest.corrections]
    first = next((one for one in holding if one.went_live is not None), None)
    state = reviewed.verdict_state
    if state is CorrectionState.ACCEPTED:
        if any(one.manifest.version_id == live for one in holding):
            state = CorrectionState.LIVE
        elif _left_out(reviewed, ledger, live):
            state = CorrectionState.SUPERSEDED
    return Progress(
        reviewed=reviewed,
        state=state,
        version=None if first is None else first.manifest.version_id,
        live_since=None if first is None else first.went_live,
    )


def _left_out(reviewed: ReviewedCorrection, ledger: Ledger, live: VersionId | None) -> bool:
    """Whether the live version was built after the correction was accepted, and does not hold it."""
    if live is None or reviewed.review is None:
        return False
    return ledger.version(live).manifest.feedback_cutoff >= reviewed.review.reviewed


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
