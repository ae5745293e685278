"""How a correction gets its status: a person's ruling on it, and what became of it until it is live or superseded."""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import (
    ANONYMOUS,
    SYSTEM,
    AuditEntry,
    CorrectionId,
    CorrectionState,
    Json,
    Review,
    ReviewedCorrection,
    Verdict,
    VersionId,
    VersionRecord,
    probes,
    supersession,
)
from rag_flywheel.domain.probes import Probe
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound, no_correction
from rag_flywheel.feedback import conflicts
from rag_flywheel.feedback.conflicts import Disagreement, Standing
from rag_flywheel.feedback.intake import checked_text
from rag_flywheel.feedback.second_look import Concern
from rag_flywheel.ports import Conversations, Corrections, Operations, Versions
from rag_flywheel.privacy.numbering import Masking, Numbering, Plain
from rag_flywheel.privacy.pseudonyms import pseudonym

CONFLICTS_AT_MOST = 20
"""How many of the corrections that contradict one are shown with it: a flood of answers must not flood the queue."""

PROBED = 10

NO_REVIEW = "none"
"""What `seen` tells of a correction that has no review."""

Look = Callable[[ReviewedCorrection, str], Sequence[Concern]]
"""The reasons to look twice at a correction before it is accepted in these words."""


class ReviewLedger(Operations, Conversations, Corrections, Protocol):
    """Corrections and their reviews, with the audit log."""


class ProgressLedger(Conversations, Corrections, Versions, Protocol):
    """Corrections with what they are of, and the versions that hold them."""


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
    probe: Probe | None  # the latest one in the reports on the newest PROBED versions


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
    in; Conflict where somebody else decided since `seen` or since this call began, or where the second reviewer is the
    first one; InvalidInput for a reviewer who is nobody, for a wording that comes with another verdict than accept, and
    for accepting without a note what a guardrail set aside.
    """
    before = ledger.correction(correction_id)
    if not is_for(before, ruling.reader, ledger):
        raise no_correction(correction_id)
    if ruling.seen not in (None, seen(before)):
        raise _decided_meanwhile(before)
    if ruling.verdict is Verdict.ACCEPT and not ruling.own and _is_own(ruling.reviewer, before, ledger):
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
        _record(review, {}, ledger)
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
    now, name = correction.review, correction.correction.correction_id
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
    )
    with contextlib.suppress(NotFound), ledger.transaction():
        if ledger.claim(name).review == now:
            _record(review, {"guardrail": guardrail, "reason": reason}, ledger)
            return True
    return False


def seen(correction: ReviewedCorrection) -> str:
    """What a reviewer who looks at it now gives back as `Ruling.seen`."""
    return NO_REVIEW if correction.review is None else correction.review.review_id


def waits(correction: ReviewedCorrection) -> bool:
    """Whether a person has to decide on it: pending, held for a second reviewer, or sent back by a guardrail."""
    return correction.sent_back or correction.verdict_state in (CorrectionState.PENDING, CorrectionState.HELD)


def _is_own(reviewer: str, correction: ReviewedCorrection, ledger: ReviewLedger) -> bool:
    """Whether they wrote it or handed it in; who does not say who they are may have, whatever it is."""
    names = {reviewer, reviewer.strip()}  # corrections have the name as it came
    theirs = {pseudonym(name, ledger.salt()) for name in names}
    of = correction.correction
    return reviewer == ANONYMOUS or of.user in theirs or of.sender in theirs


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
    if _same_person(reviewer, SYSTEM):
        raise InvalidInput(f"{SYSTEM} is the name in which guardrails send corrections back: give a person's name")
    if ruling.verdict is Verdict.HOLD:
        raise InvalidInput(
            "a correction is held where accepting it takes two reviewers; expected accept, reject or quarantine"
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
    if last.verdict is Verdict.HOLD and look is not None and _same_person(last.reviewer, review.reviewer):
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
            detail={**_consequences(known, review), **detail},
        )
    )


def _after(last: Review | None, at: datetime) -> datetime:
    """The latest review is the one of the latest time, also where clocks differ."""
    return at if last is None else max(at, last.reviewed)


def _same_person(name: str, other: str) -> bool:
    return "".join(name.casefold().split()) == "".join(other.casefold().split())


def _decided_meanwhile(now: ReviewedCorrection) -> Conflict:
    by = "nobody's verdict stands" if now.review is None else f"{now.review.reviewer} decided: {now.review.verdict}"
    return Conflict(f"it was decided on since you looked, {by}; look at it again with `rag-flywheel review show`")


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
    *,
    ledger: ProgressLedger,
    live: VersionId | None,
    wanted: Callable[[ReviewedCorrection], bool],
    conflicting: bool,
    limit: int,
    reader: Reader = ANYBODY,
) -> list[Progress]:
    """The wanted corrections: those sent back first, then those in conflict, then the oldest. At most `limit` of them,
    of those that are for the reader; of others nothing is told.

    With `conflicting` only those in conflict.
    """
    known = _known(ledger, live, reader)
    names = [name for name, reviewed in known.reviewed.items() if wanted(reviewed)]
    in_conflict = {name for name in names if any(True for _ in conflicts.disagreements(name, known.standing))}
    chosen = [name for name in names if name in in_conflict or not conflicting]
    chosen.sort(key=lambda name: (not known.reviewed[name].sent_back, name not in in_conflict))
    shown = (name for name in chosen if is_for(known.reviewed[name], reader, ledger))
    return [_progress(name, known) for name in itertools.islice(shown, limit)]


def progress(
    correction_id: CorrectionId, *, ledger: ProgressLedger, live: VersionId | None, reader: Reader = ANYBODY
) -> Progress:
    """What became of a correction, up to the version in which it went live. Raises NotFound, also for one that is not
    for the reader.
    """
    known = _known(ledger, live, reader)
    if correction_id not in known.reviewed or not is_for(known.reviewed[correction_id], reader, ledger):
        raise no_correction(correction_id)
    return _progress(correction_id, known)


def is_for(reviewed: ReviewedCorrection, reader: Reader, ledger: Conversations) -> bool:
    """Whether the reader may read it, and the answer that it corrects: they are shown together."""
    of = reviewed.correction
    return reader.groups is None or (
        reader.reads_correction(of) and reader.reads_interaction(ledger.interaction(of.interaction_id))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the ledger says of all corrections, read once for any number of them."""

    reviewed: Mapping[CorrectionId, ReviewedCorrection]  # oldest first
    standing: Standing
    live: frozenset[CorrectionId]  # those that the live version holds
    first: Mapping[CorrectionId, VersionRecord]  # the first version in which each went live
    probes: Mapping[CorrectionId, Probe]


def _known(ledger: ProgressLedger, live: VersionId | None, reader: Reader) -> _Known:
    corrections = [entry for entry in ledger.corrections() if reader.reads_correction(entry.correction)]
    records = ledger.versions()
    first: dict[CorrectionId, VersionRecord] = {}
    for record in records:
        if record.went_live is not None:
            for name in record.manifest.corrections:
                first.setdefault(name, record)
    held = (record.manifest.corrections for record in records if record.manifest.version_id == live)
    decisions = [ledger.decision(record.manifest.version_id) for record in records[-PROBED:]]
    return _Known(
        reviewed={reviewed.correction.correction_id: reviewed for reviewed in corrections},
        standing=conflicts.survey(corrections),
        live=frozenset(itertools.chain.from_iterable(held)),
        first=first,
        probes=probes.latest(decision.report for decision in decisions if decision is not None),
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
        probe=known.probes.get(name),
    )
