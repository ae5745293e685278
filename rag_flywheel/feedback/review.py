"""Corrections: taken in, reviewed, and followed until they are live."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rag_flywheel.domain import (
    AuditEntry,
    Correction,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Evidence,
    FeedbackId,
    InteractionId,
    Json,
    Passage,
    Review,
    ReviewedCorrection,
    Verdict,
    VersionId,
    VersionRecord,
    supersession,
)
from rag_flywheel.domain.equivalence import supports
from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.feedback import conflicts
from rag_flywheel.feedback.attribution import attribute
from rag_flywheel.feedback.conflicts import Disagreement, Standing
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.ports import Ledger, Redactor
from rag_flywheel.privacy.pseudonyms import pseudonym

CONFLICTS_AT_MOST = 20
"""How many of the corrections that contradict one are shown with it: a flood of answers must not flood the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What became of a correction."""

    reviewed: ReviewedCorrection
    state: CorrectionState
    version: VersionId | None  # the first version in which it went live
    live_since: datetime | None
    superseded_by: CorrectionId | None  # the accepted correction that took its place
    replaced: tuple[CorrectionId, ...]  # the accepted corrections whose place it took, the latest first
    conflicts: tuple[Disagreement, ...]  # the standing corrections that contradict it, at most CONFLICTS_AT_MOST


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

    The audit names the corrections that it supersedes, and those that have their place back.

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
        known = ledger.corrections()
        ledger.add_review(review)
        ledger.add_audit(
            AuditEntry(
                at=at,
                who=review.reviewer,
                action=f"review: {verdict}",
                subject=correction_id,
                detail=_consequences(known, review),
            )
        )
    return ledger.correction(correction_id)


def _consequences(reviewed: Sequence[ReviewedCorrection], review: Review) -> dict[str, Json]:
    this = review.correction_id
    decided = [replace(entry, review=review) if entry.correction.correction_id == this else entry for entry in reviewed]
    before, after = supersession.replaced(reviewed), supersession.replaced(decided)
    return {
        "supersedes": [*sorted(after.keys() - before.keys())],
        "restores": [*sorted(before.keys() - after.keys() - {this})],
    }


def queue(
    *, ledger: Ledger, live: VersionId | None, state: CorrectionState | None, conflicting: bool, limit: int
) -> list[Progress]:
    """The corrections in a state by their latest verdict (any for None), those in conflict first, then the oldest.

    With `conflicting` only those in conflict. At most `limit` of them.
    """
    known = _known(ledger, live)
    wanted = [name for name, reviewed in known.reviewed.items() if state in (None, reviewed.verdict_state)]
    in_conflict = {name for name in wanted if any(True for _ in conflicts.disagreements(name, known.standing))}
    chosen = [name for name in wanted if name in in_conflict]
    if not conflicting:
        chosen += [name for name in wanted if name not in in_conflict]
    return [_progress(name, known) for name in chosen[:limit]]


def progress(correction_id: CorrectionId, *, ledger: Ledger, live: VersionId | None) -> Progress:
    """What became of a correction, up to the version in which it went live. Raises NotFound."""
    known = _known(ledger, live)
    if correction_id not in known.reviewed:
        raise NotFound(f"no correction {correction_id}: its id is in the reply to the correction")
    return _progress(correction_id, known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the ledger says of all corrections, read once for any number of them."""

    reviewed: Mapping[CorrectionId, ReviewedCorrection]  # oldest first
    standing: Standing
    live: frozenset[CorrectionId]  # those that the live version holds
    first: Mapping[CorrectionId, VersionRecord]  # the first version in which each went live


def _known(ledger: Ledger, live: VersionId | None) -> _Known:
    reviewed, records = ledger.corrections(), ledger.versions()
    first: dict[CorrectionId, VersionRecord] = {}
    for record in records:
        if record.went_live is not None:
            for name in record.manifest.corrections:
                first.setdefault(name, record)
    held = (record.manifest.corrections for record in records if record.manifest.version_id == live)
    return _Known(
        reviewed={entry.correction.correction_id: entry for entry in reviewed},
        standing=conflicts.survey(reviewed),
        live=frozenset(itertools.chain.from_iterable(held)),
        first=first,
    )


def _progress(name: CorrectionId, known: _Known) -> Progress:
    reviewed, first = known.reviewed[name], known.first.get(name)
    by = known.standing.replaced.get(name)
    state = reviewed.verdict_state
    if state is CorrectionState.ACCEPTED and name in known.live:
        state = CorrectionState.LIVE  # until the next version, also where its place is taken
    elif by is not None:
        state = CorrectionState.SUPERSEDED
    return Progress(
        reviewed=reviewed,
        state=state,
        version=None if first is None else first.manifest.version_id,
        live_since=None if first is None else first.went_live,
        superseded_by=by,
        replaced=supersession.predecessors(name, known.standing.replaced),
        conflicts=tuple(itertools.islice(conflicts.disagreements(name, known.standing), CONFLICTS_AT_MOST)),
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
