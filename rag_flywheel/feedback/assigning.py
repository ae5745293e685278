"""Who decides on what: no correction is in two reviewers' hands at once.

Who takes one has it for a while, and who is given one for longer. Nobody else decides on it meanwhile. It ends by
itself, so that nothing waits for somebody who went home.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rag_flywheel.domain import AuditEntry, CorrectionId, CorrectionState, ReviewedCorrection
from rag_flywheel.domain.readers import Reader
from rag_flywheel.domain.reviewing import Assignment, AssignmentState
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, no_correction
from rag_flywheel.feedback.reviewers import ReviewLedger, is_for, is_own, same_person
from rag_flywheel.ports import Corrections

SKIPPED_FOR = timedelta(hours=12)
"""For how long what somebody skipped is not put before them again."""


def in_hand(ledger: Corrections, now: datetime) -> dict[CorrectionId, Assignment]:
    """Who has which correction."""
    return {each.correction_id: each for each in ledger.assignments() if each.holds(now)}


def take(
    correction_id: CorrectionId,
    *,
    reviewer: str,
    reader: Reader,
    ledger: ReviewLedger,
    at: datetime,
    lasting: timedelta,
) -> Assignment:
    """Have it in hand for so long, or as long as it was assigned for, where that is longer.

    Raises NotFound, also for one that is not for the reviewer, and Conflict where somebody else has it.
    """
    _checked(correction_id, reader, ledger)
    with ledger.transaction():
        ledger.claim(correction_id)
        held = in_hand(ledger, at).get(correction_id)
        if held is not None:
            _refuse_another(held, reviewer)
            if held.until is not None and held.until >= at + lasting:
                return held
        taken = _entry(correction_id, reviewer, at=at, state=AssignmentState.TAKEN, until=at + lasting)
        ledger.add_assignment(taken)
    return taken


def take_next(
    waiting: Iterable[ReviewedCorrection],
    *,
    own: bool,
    reviewer: str,
    reader: Reader,
    ledger: ReviewLedger,
    at: datetime,
    lasting: timedelta,
) -> Assignment | None:
    """The first that they can decide on, of what they have in hand and then of the rest; None where there is none.

    Passed over are those that others have in hand, what they skipped lately, what they accepted as the first of two
    reviewers, and their own, unless they may decide on their `own`.
    """
    known = ledger.assignments()
    held = {each.correction_id: each.reviewer for each in known if each.holds(at)}
    skipped = {
        each.correction_id
        for each in known
        if each.state is AssignmentState.SKIPPED and same_person(each.reviewer, reviewer) and at - each.at < SKIPPED_FOR
    }

    def is_theirs(entry: ReviewedCorrection) -> bool:
        holder = held.get(entry.correction.correction_id)
        return holder is not None and same_person(holder, reviewer)

    def is_open(entry: ReviewedCorrection) -> bool:
        if entry.correction.correction_id in held.keys() | skipped or (not own and is_own(reviewer, entry, ledger)):
            return False
        first = entry.review if entry.verdict_state is CorrectionState.HELD else None
        return first is None or not same_person(first.reviewer, reviewer)

    entries = list(waiting)
    for entry in (*filter(is_theirs, entries), *filter(is_open, entries)):
        try:
            return take(
                entry.correction.correction_id, reviewer=reviewer, reader=reader, ledger=ledger, at=at, lasting=lasting
            )
        except Conflict:  # somebody was faster
            continue
    return None


def assign(
    correction_id: CorrectionId,
    *,
    to: str,
    by: str,
    reader: Reader,
    ledger: ReviewLedger,
    at: datetime,
    lasting: timedelta,
) -> Assignment:
    """Give it to a reviewer for so long. Who assigned it, or has it, may give it to another one.

    Raises NotFound, also for one that is not for who assigns it; InvalidInput for a reviewer who is nobody; NotAllowed
    where it is that reviewer's own; Conflict where somebody else has it.
    """
    if not to.strip():
        raise InvalidInput("it is assigned to a reviewer by name, got an empty one")
    entry = _checked(correction_id, reader, ledger)
    if is_own(to, entry, ledger):
        raise NotAllowed(
            f"{to.strip()} wrote it or handed it in, and nobody decides on their own: name another reviewer"
        )
    with ledger.transaction():
        ledger.claim(correction_id)
        held = in_hand(ledger, at).get(correction_id)
        if held is not None and not same_person(held.by, by):
            _refuse_another(held, by)
        if held is not None and not same_person(held.reviewer, to):
            ledger.add_assignment(_entry(correction_id, held.reviewer, at=at, state=AssignmentState.LEFT, by=by))
        given = _entry(correction_id, to.strip(), at=at, state=AssignmentState.ASSIGNED, until=at + lasting, by=by)
        ledger.add_assignment(given)
        ledger.add_audit(
            AuditEntry(at=at, who=by, action="assign", subject=correction_id, detail={"to": given.reviewer})
        )
    return given


def put_back(
    correction_id: CorrectionId, *, skipped: bool, reviewer: str, reader: Reader, ledger: ReviewLedger, at: datetime
) -> None:
    """For others to decide on; `skipped`: not to be put before the reviewer again soon. Raises NotFound, and Conflict
    where somebody else has it.
    """
    _checked(correction_id, reader, ledger)
    with ledger.transaction():
        ledger.claim(correction_id)
        settle(correction_id, reviewer, ledger=ledger, at=at)
        if skipped:
            ledger.add_assignment(_entry(correction_id, reviewer, at=at, state=AssignmentState.SKIPPED))


def settle(correction_id: CorrectionId, reviewer: str, *, ledger: Corrections, at: datetime) -> None:
    """They are done with it, if they had it. Raises Conflict where somebody else has it. In a transaction."""
    held = in_hand(ledger, at).get(correction_id)
    if held is not None:
        _refuse_another(held, reviewer)
        ledger.add_assignment(_entry(correction_id, held.reviewer, at=at, state=AssignmentState.LEFT, by=reviewer))


def _checked(correction_id: CorrectionId, reader: Reader, ledger: ReviewLedger) -> ReviewedCorrection:
    entry = ledger.correction(correction_id)
    if not is_for(entry, reader, ledger):
        raise no_correction(correction_id)
    return entry


def _refuse_another(held: Assignment, reviewer: str) -> None:
    if not same_person(held.reviewer, reviewer):
        until = held.until
        assert until is not None
        raise Conflict(
            f"{held.reviewer} has it in hand until {until:%Y-%m-%d %H:%M} UTC: take another one, or wait until it is "
            "decided on or put back"
        )


def _entry(
    correction_id: CorrectionId,
    reviewer: str,
    *,
    at: datetime,
    state: AssignmentState,
    until: datetime | None = None,
    by: str | None = None,
) -> Assignment:
    return Assignment(
        correction_id=correction_id, reviewer=reviewer, by=by or reviewer, at=at, state=state, until=until
    )
