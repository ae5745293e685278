"""How a correction gets its status: a person's ruling on it, and what became of it until it is live or superseded."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    AuditEntry,
    CorrectionId,
    CorrectionState,
    Json,
    Review,
    ReviewedCorrection,
    Verdict,
    VersionId,
    VersionRecord,
    supersession,
)
from rag_flywheel.errors import InvalidInput, NotFound
from rag_flywheel.feedback import conflicts
from rag_flywheel.feedback.conflicts import Disagreement, Standing
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.ports import Corrections, Operations, Redactor, Versions

CONFLICTS_AT_MOST = 20
"""How many of the corrections that contradict one are shown with it: a flood of answers must not flood the queue."""


class ReviewLedger(Operations, Corrections, Protocol):
    """Corrections and their reviews, with the audit log."""


class ProgressLedger(Corrections, Versions, Protocol):
    """Corrections, and the versions that hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A reviewer's word on a correction, as it comes in."""

    verdict: Verdict
    reviewer: str
    answer: str | None = None  # the reviewer's wording, where it is better
    note: str | None = None


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


def decide(
    correction_id: CorrectionId,
    ruling: Ruling,
    *,
    ledger: ReviewLedger,
    redactor: Redactor,
    at: datetime,
    new_id: Callable[[], str],
) -> ReviewedCorrection:
    """Record a ruling, with the reviewer's wording where it is better. The latest one counts.

    The audit names the corrections that it supersedes, and those that have their place back.

    Raises NotFound, and InvalidInput for an empty reviewer or a wording that comes with another verdict than accept.
    """
    ledger.correction(correction_id)
    if not ruling.reviewer.strip():
        raise InvalidInput("a review needs a reviewer's name, got an empty one")
    if ruling.answer is not None and ruling.verdict is not Verdict.ACCEPT:
        raise InvalidInput(f"a reviewer's wording goes with the verdict accept, got {ruling.verdict}")
    answer, note = ruling.answer, ruling.note
    review = Review(
        review_id=new_id(),
        correction_id=correction_id,
        reviewed=at,
        reviewer=ruling.reviewer.strip(),
        verdict=ruling.verdict,
        answer=None if answer is None else redactor.redact(checked_text(answer, "the reviewer's wording")).text,
        note=None if note is None else redactor.redact(note).text,
    )
    with ledger.transaction():
        known = ledger.corrections()
        ledger.add_review(review)
        ledger.add_audit(
            AuditEntry(
                at=at,
                who=review.reviewer,
                action=f"review: {review.verdict}",
                subject=correction_id,
                detail=_consequences(known, review),
            )
        )
    return ledger.correction(correction_id)


def send_back(
    correction_id: CorrectionId,
    *,
    guardrail: str,
    reason: str,
    ledger: ReviewLedger,
    at: datetime,
    new_id: Callable[[], str],
) -> bool:
    """Send a correction that was set aside back to its reviewers."""
    if ledger.correction(correction_id).verdict_state is not CorrectionState.ACCEPTED:
        return False
    ledger.add_review(
        Review(
            review_id=new_id(),
            correction_id=correction_id,
            reviewed=at,
            reviewer="rag-flywheel",
            verdict=Verdict.QUARANTINE,
            answer=None,
            note=f"{guardrail}: {reason}",
        )
    )
    return True


def _consequences(corrections: Sequence[ReviewedCorrection], review: Review) -> dict[str, Json]:
    this = review.correction_id
    decided = [
        replace(reviewed, review=review) if reviewed.correction.correction_id == this else reviewed
        for reviewed in corrections
    ]
    before, after = supersession.replaced(corrections), supersession.replaced(decided)
    return {
        "supersedes": [*sorted(after.keys() - before.keys())],
        "restores": [*sorted(before.keys() - after.keys() - {this})],
    }


def queue(
    *, ledger: ProgressLedger, live: VersionId | None, state: CorrectionState | None, conflicting: bool, limit: int
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


def progress(correction_id: CorrectionId, *, ledger: ProgressLedger, live: VersionId | None) -> Progress:
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


def _known(ledger: ProgressLedger, live: VersionId | None) -> _Known:
    corrections, records = ledger.corrections(), ledger.versions()
    first: dict[CorrectionId, VersionRecord] = {}
    for record in records:
        if record.went_live is not None:
            for name in record.manifest.corrections:
                first.setdefault(name, record)
    held = (record.manifest.corrections for record in records if record.manifest.version_id == live)
    return _Known(
        reviewed={reviewed.correction.correction_id: reviewed for reviewed in corrections},
        standing=conflicts.survey(corrections),
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
