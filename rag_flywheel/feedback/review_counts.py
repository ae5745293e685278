"""How far reviewers are: what waits in each queue, and what each of them decided."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from rag_flywheel.domain import SYSTEM, CorrectionId, CorrectionState, Review, ReviewedCorrection, Verdict
from rag_flywheel.domain.readers import Reader
from rag_flywheel.domain.reviewing import SecondReview
from rag_flywheel.feedback.assigning import in_hand
from rag_flywheel.feedback.review import waits
from rag_flywheel.feedback.reviewers import ReviewLedger, is_for

QUEUES = ("sent_back", "held", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCount:
    name: str  # one of QUEUES
    waiting: int
    in_hand: int  # of those that wait
    oldest: datetime | None  # when that was handed in which waits longest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerCount:
    """What somebody did in the time that is looked at; what they took back is not counted."""

    reviewer: str
    accepted: int  # first accepts of two among them
    rejected: int
    quarantined: int
    in_hand: int  # now
    second: int  # second reviews
    agreed: int  # of those that they gave or got, how many agreed
    compared: int
    hours: float | None  # median from handing in to their verdict; None where they decided on nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCounts:
    queues: tuple[QueueCount, ...]
    reviewers: tuple[ReviewerCount, ...]  # who decided most comes first
    handed_in: int  # in the time that is looked at
    decided: int  # verdicts in it


def counts(
    corrections: Iterable[ReviewedCorrection], *, ledger: ReviewLedger, reader: Reader, since: datetime, now: datetime
) -> ReviewCounts:
    """Of all corrections those that the reader may read."""
    entries = {entry.correction.correction_id: entry for entry in corrections if is_for(entry, reader, ledger)}
    held = {name: each for name, each in in_hand(ledger, now).items() if name in entries}
    made = [each for each in ledger.reviews(since=since) if each.correction_id in entries and each.reviewer != SYSTEM]
    seconds = [each for each in ledger.second_reviews() if each.correction_id in entries and each.reviewed >= since]
    names = {
        *(review.reviewer for review in made),
        *(each.reviewer for each in held.values()),
        *(each.reviewer for each in seconds),
    }
    theirs = Counter(each.reviewer for each in held.values())
    told = [
        _of_reviewer(name, [each for each in made if each.reviewer == name], entries, seconds, theirs[name])
        for name in names
    ]
    told.sort(key=lambda each: (-(each.accepted + each.rejected + each.quarantined), each.reviewer))
    queued: dict[str, list[ReviewedCorrection]] = {name: [] for name in QUEUES}
    for entry in entries.values():
        if waits(entry):
            queued[queue_of(entry)].append(entry)
    return ReviewCounts(
        queues=tuple(_of_queue(name, those, held) for name, those in queued.items()),
        reviewers=tuple(told),
        handed_in=sum(entry.correction.submitted >= since for entry in entries.values()),
        decided=len(made),
    )


def queue_of(entry: ReviewedCorrection) -> str:
    """Where something waits that waits."""
    if entry.sent_back:
        return "sent_back"
    return "held" if entry.verdict_state is CorrectionState.HELD else "pending"


def _of_queue(name: str, entries: Sequence[ReviewedCorrection], held: Container[CorrectionId]) -> QueueCount:
    return QueueCount(
        name=name,
        waiting=len(entries),
        in_hand=sum(entry.correction.correction_id in held for entry in entries),
        oldest=min((entry.correction.submitted for entry in entries), default=None),
    )


def _of_reviewer(
    name: str,
    made: Sequence[Review],
    entries: Mapping[CorrectionId, ReviewedCorrection],
    seconds: Sequence[SecondReview],
    in_hand: int,
) -> ReviewerCount:
    verdicts = Counter(review.verdict for review in made)
    compared = [each for each in seconds if name in (each.reviewer, each.first_reviewer)]
    took = [(each.reviewed - entries[each.correction_id].correction.submitted) / timedelta(hours=1) for each in made]
    return ReviewerCount(
        reviewer=name,
        accepted=verdicts[Verdict.ACCEPT] + verdicts[Verdict.HOLD],
        rejected=verdicts[Verdict.REJECT],
        quarantined=verdicts[Verdict.QUARANTINE],
        in_hand=in_hand,
        second=sum(each.reviewer == name for each in seconds),
        agreed=sum(each.agrees for each in compared),
        compared=len(compared),
        hours=round(median(took), 1) if took else None,
    )
