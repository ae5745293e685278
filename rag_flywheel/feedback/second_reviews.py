"""A share of what was decided is decided once more, by another reviewer who is not told what the first one said.

The second verdict changes nothing. It tells how far two reviewers agree, and on what they do not.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rag_flywheel.domain import SYSTEM, CorrectionId, Review, ReviewedCorrection, Verdict
from rag_flywheel.domain.readers import Reader
from rag_flywheel.domain.reviewing import COMPARED, SecondReview
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, no_correction
from rag_flywheel.feedback.review import waits
from rag_flywheel.feedback.reviewers import ReviewLedger, is_for, is_own, same_person
from rag_flywheel.ports import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a second reviewer says, as it comes in."""

    verdict: Verdict
    reviewer: str
    note: str | None
    reader: Reader


def is_drawn(correction_id: CorrectionId, *, salt: bytes, share: float) -> bool:
    """Whether it is among the share: always the same ones, which nobody can tell who has not the deployment's key."""
    digest = hmac.digest(salt, f"second review:{correction_id}".encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") < share * 2**64


def waiting(
    entries: Iterable[ReviewedCorrection], *, reviewer: str, reader: Reader, ledger: ReviewLedger, share: float
) -> Iterator[ReviewedCorrection]:
    """Those of the entries that they can decide on a second time, in their order: it was drawn and decided on by
    others, they had no part in it, and nobody was second yet. No more is read of the ledger than what is taken needs.
    """
    done = {second.correction_id for second in ledger.second_reviews()}
    salt = ledger.salt()
    for entry in entries:
        name = entry.correction.correction_id
        if name in done or waits(entry) or not is_drawn(name, salt=salt, share=share):
            continue
        reviews = _by_people(name, ledger)
        if (
            _first(reviews) is not None
            and not any(same_person(review.reviewer, reviewer) for review in reviews)
            and not is_own(reviewer, entry, ledger)
            and is_for(entry, reader, ledger)
        ):
            yield entry


def give(
    correction_id: CorrectionId,
    opinion: Opinion,
    *,
    ledger: ReviewLedger,
    redactor: Redactor,
    share: float,
    at: datetime,
    new_id: Callable[[], str],
) -> SecondReview:
    """Record it beside what the first reviewer said.

    Raises NotFound, also for one that is not for the reviewer; InvalidInput for another verdict than accept, reject and
    quarantine; NotAllowed for who had a part in it; Conflict where it was not drawn, waits for a decision itself, or
    was decided on a second time already.
    """
    entry = ledger.correction(correction_id)
    if not is_for(entry, opinion.reader, ledger):
        raise no_correction(correction_id)
    reviewer = opinion.reviewer.strip()
    if opinion.verdict not in COMPARED or not reviewer:
        raise InvalidInput(f"a second review needs a reviewer and accept, reject or quarantine, got {opinion.verdict}")
    with ledger.transaction():
        entry = ledger.claim(correction_id)
        reviews = _by_people(correction_id, ledger)
        first = _first(reviews)
        if is_own(reviewer, entry, ledger) or any(same_person(each.reviewer, reviewer) for each in reviews):
            raise NotAllowed("who wrote it, handed it in or decided on it is no second reviewer of it")
        if first is None or waits(entry) or not is_drawn(correction_id, salt=ledger.salt(), share=share):
            raise Conflict("it waits for no second review: `rag-flywheel review second` shows one that does")
        if any(second.correction_id == correction_id for second in ledger.second_reviews()):
            raise Conflict("somebody was second already: `rag-flywheel review second` shows another one")
        second = SecondReview(
            second_id=new_id(),
            correction_id=correction_id,
            reviewed=at,
            reviewer=reviewer,
            verdict=opinion.verdict,
            note=None if opinion.note is None else redactor.redact(opinion.note).text,
            first=first.review_id,
            first_reviewer=first.reviewer,
            first_verdict=Verdict.ACCEPT if first.verdict is Verdict.HOLD else first.verdict,
        )
        ledger.add_second_review(second)
    return second


def _by_people(correction_id: CorrectionId, ledger: ReviewLedger) -> list[Review]:
    return [each for each in ledger.reviews(of=correction_id) if not same_person(each.reviewer, SYSTEM)]


def _first(reviews: Iterable[Review]) -> Review | None:
    """Who was the first person to decide, and how; a first accept of two is one."""
    return next(iter(reviews), None)
