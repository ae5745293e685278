"""How a correction gets its status: a person's ruling on it, which they may take back until a night has used it."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    SYSTEM,
    AuditEntry,
    CorrectionId,
    CorrectionState,
    Json,
    Review,
    ReviewedCorrection,
    Verdict,
    supersession,
)
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound, no_correction
from rag_flywheel.feedback import assigning
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.feedback.reviewers import ReviewLedger, is_for, is_own, same_person
from rag_flywheel.feedback.second_look import Concern
from rag_flywheel.ports import Versions
from rag_flywheel.privacy.numbering import Masking, Numbering, Plain

NO_REVIEW = "none"
"""What `seen` tells of a correction that has no review."""

Look = Callable[[ReviewedCorrection, str], Sequence[Concern]]
"""The reasons to look twice at a correction before it is accepted in these words."""


class UndoLedger(ReviewLedger, Versions, Protocol):
    """The same, with the versions that nights have built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A reviewer's word on a correction, as it comes in."""

    verdict: Verdict
    reviewer: str
    answer: str | None = None  # the reviewer's wording, where it is better
    note: str | None = None
    seen: str | None = None  # what `seen` told of the correction that the reviewer looked at; None: not told
    own: bool = False  # whether they may accept what they wrote or handed in themselves
    reader: Reader = ANYBODY  # what the reviewer may read


def decide(
    correction_id: CorrectionId,
    ruling: Ruling,
    *,
    ledger: ReviewLedger,
    masking: Masking,
    look: Look | None,
    at: datetime,
    new_id: Callable[[], str],
) -> ReviewedCorrection:
    """Record a ruling, with the reviewer's wording where it is better. The latest one counts.

    A wording that `look` has reasons to look twice at is held until a second reviewer accepts it; None holds nothing.
    The audit names the corrections that the ruling supersedes, and those that have their place back.

    Raises NotFound, also for one that is not for the reviewer; NotAllowed where its author accepts it, or who handed it
    in; Conflict where somebody else decided since `seen` or since this call began, or has it in hand, or where the
    second reviewer is the first one; InvalidInput for a reviewer who is nobody, for a wording that comes with another
    verdict than accept, and for accepting without a note what a guardrail set aside.
    """
    before = ledger.correction(correction_id)
    if not is_for(before, ruling.reader, ledger):
        raise no_correction(correction_id)
    if ruling.seen not in (None, seen(before)):
        raise _decided_meanwhile(before)
    if ruling.verdict is Verdict.ACCEPT and not ruling.own and is_own(ruling.reviewer, before, ledger):
        raise NotAllowed(
            "nobody accepts their own correction, or one that they handed in or may have: another reviewer has to, who "
            "says who they are; where there is only one, set access.own_reviews: true"
        )
    told = ruling.answer is not None or ruling.note is not None
    talk = masking.of(ledger.interaction(before.correction.interaction_id), ledger) if told else masking.plain
    review = _reviewed(before, ruling, talk=talk, look=look, at=at, new_id=new_id)
    with ledger.transaction():
        if ledger.claim(correction_id).review != before.review:
            raise _decided_meanwhile(ledger.correction(correction_id))
        assigning.settle(correction_id, review.reviewer, ledger=ledger, at=at)
        _record(review, {}, ledger)
    return ledger.correction(correction_id)


def undo(
    correction_id: CorrectionId,
    *,
    reviewer: str,
    reader: Reader,
    ledger: UndoLedger,
    at: datetime,
    new_id: Callable[[], str],
) -> ReviewedCorrection:
    """Take the latest ruling back, as if it had never been: the one before it stands, or it is pending again.

    Raises NotFound, also for one that is not for the reviewer; NotAllowed where somebody else decided; Conflict where
    nobody has, where a night has built a version with it, or where somebody else has it in hand.
    """
    before = ledger.correction(correction_id)
    if not is_for(before, reader, ledger):
        raise no_correction(correction_id)
    last = before.review
    if last is None:
        raise Conflict("nobody has decided on it, so there is nothing to take back")
    if not same_person(last.reviewer, reviewer):
        raise NotAllowed(f"{last.reviewer} decided on it, and nobody else takes that back: decide on it anew instead")
    records = [record.manifest for record in ledger.versions() if record.manifest.feedback_cutoff >= last.reviewed]
    if records:
        raise Conflict(
            f"version {records[0].version_id} was built by what was decided up to then: decide on it anew, and the "
            "next version goes by that"
        )
    review = Review(
        review_id=new_id(),
        correction_id=correction_id,
        reviewed=_after(last, at),
        reviewer=reviewer.strip(),
        verdict=Verdict.UNDO,
        answer=None,
        note=None,
        undoes=last.review_id,
    )
    with ledger.transaction():
        if ledger.claim(correction_id).review != last:
            raise _decided_meanwhile(ledger.correction(correction_id))
        assigning.settle(correction_id, reviewer, ledger=ledger, at=at)
        _record(review, {"was": last.verdict}, ledger)
    return ledger.correction(correction_id)


def send_back(
    correction: ReviewedCorrection,
    *,
    guardrail: str,
    reason: str,
    ledger: ReviewLedger,
    at: datetime,
    new_id: Callable[[], str],
) -> bool:
    """Put an accepted correction before the reviewers again, since a guardrail set it aside; `reason` quotes no texts.

    Whether it was: not where somebody decided on it since it was read, or where it is gone.
    """
    name = correction.correction.correction_id
    with contextlib.suppress(NotFound), ledger.transaction():
        claimed = ledger.claim(name)
        if seen(claimed) == seen(correction):  # its texts may have been read without the numbers of their masks
            now = claimed.review
            review = Review(
                review_id=new_id(),
                correction_id=name,
                reviewed=_after(now, at),
                reviewer=SYSTEM,
                verdict=Verdict.QUARANTINE,
                answer=None if now is None else now.answer,
                note=f"{guardrail}: {reason}",
                guardrail=guardrail,
                overrules=None if now is None else now.overrules,
                stand_ins=() if now is None else now.stand_ins,
            )
            _record(review, {"guardrail": guardrail, "reason": reason}, ledger)
            return True
    return False


def seen(correction: ReviewedCorrection) -> str:
    """What a reviewer who looks at it now gives back as `Ruling.seen`."""
    return NO_REVIEW if correction.review is None else correction.review.review_id


def waits(correction: ReviewedCorrection) -> bool:
    """Whether a person has to decide on it: pending, held for a second reviewer, or sent back by a guardrail."""
    return correction.sent_back or correction.verdict_state in (CorrectionState.PENDING, CorrectionState.HELD)


def _reviewed(
    before: ReviewedCorrection,
    ruling: Ruling,
    *,
    talk: Numbering | Plain,
    look: Look | None,
    at: datetime,
    new_id: Callable[[], str],
) -> Review:
    reviewer = ruling.reviewer.strip()
    if not reviewer:
        raise InvalidInput("a review needs a reviewer's name, got an empty one")
    if same_person(reviewer, SYSTEM):
        raise InvalidInput(f"{SYSTEM} is the name in which guardrails send corrections back: give a person's name")
    if ruling.verdict in (Verdict.HOLD, Verdict.UNDO):
        raise InvalidInput(
            "a correction is held where accepting it takes two reviewers, and a verdict is taken back on its own; "
            "expected accept, reject or quarantine"
        )
    if ruling.answer is not None and ruling.verdict is not Verdict.ACCEPT:
        raise InvalidInput(f"a reviewer's wording goes with the verdict accept, got {ruling.verdict}")
    answer = None if ruling.answer is None else talk.redact(checked_text(ruling.answer, "the reviewer's wording")).text
    note = None if ruling.note is None else talk.redact(ruling.note).text
    review = Review(
        review_id=new_id(),
        correction_id=before.correction.correction_id,
        reviewed=_after(before.review, at),
        reviewer=reviewer,
        verdict=ruling.verdict,
        answer=answer,
        note=note,
        stand_ins=talk.stand_ins(answer or "", note or ""),
    )
    return _accepting(before, review, look) if review.verdict is Verdict.ACCEPT else review


def _accepting(before: ReviewedCorrection, review: Review, look: Look | None) -> Review:
    """The accepting review as it is recorded: held where it takes a second one, and what it overrules named."""
    last = before.review
    if last is None or (review.answer is not None and review.answer.split() != before.answer.split()):
        wording = before.answer if review.answer is None else review.answer
        return replace(review, verdict=Verdict.HOLD) if look is not None and look(before, wording) else review
    if last.guardrail is not None and not (review.note or "").strip():
        raise InvalidInput(f"{last.guardrail} set this wording aside: accept it with a note that says why it is right")
    overruled = ", ".join(filter(None, (last.overrules, last.guardrail))) or None
    note = review.note or (last.note if last.verdict is Verdict.HOLD else None)
    review = replace(review, answer=last.answer, note=note, overrules=overruled)
    if last.verdict is Verdict.HOLD and look is not None and same_person(last.reviewer, review.reviewer):
        raise Conflict(
            f"it needs a second reviewer: {last.reviewer} accepted it already; where there is only one, set "
            "review.second_reviewer: false"
        )
    if last.verdict in (Verdict.HOLD, Verdict.ACCEPT) or look is None or not look(before, before.answer):
        return review
    return replace(review, verdict=Verdict.HOLD)


def _record(review: Review, detail: Mapping[str, Json], ledger: ReviewLedger) -> None:
    known = ledger.corrections()
    ledger.add_review(review)
    ledger.add_audit(
        AuditEntry(
            at=review.reviewed,
            who=review.reviewer,
            action=f"review: {review.verdict}",
            subject=review.correction_id,
            detail={**_consequences(known, ledger.correction(review.correction_id)), **detail},
        )
    )


def _after(last: Review | None, at: datetime) -> datetime:
    """The latest review is the one of the latest time, also where clocks differ."""
    return at if last is None else max(at, last.reviewed)


def _decided_meanwhile(now: ReviewedCorrection) -> Conflict:
    by = "nobody's verdict stands" if now.review is None else f"{now.review.reviewer} decided: {now.review.verdict}"
    return Conflict(f"it was decided on since you looked, {by}; look at it again with `rag-flywheel review show`")


def _consequences(corrections: Sequence[ReviewedCorrection], changed: ReviewedCorrection) -> dict[str, Json]:
    this = changed.correction.correction_id
    decided = [changed if reviewed.correction.correction_id == this else reviewed for reviewed in corrections]
    before, after = supersession.replaced(corrections), supersession.replaced(decided)
    return {
        "supersedes": [*sorted(after.keys() - before.keys())],
        "restores": [*sorted(before.keys() - after.keys() - {this})],
    }
