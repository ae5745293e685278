"""Who has which correction in hand."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import CorrectionId, Verdict
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.domain.reviewing import Assignment
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from rag_flywheel.feedback import assigning
from rag_flywheel.feedback.reviewers import ReviewLedger
from rag_flywheel.privacy.pseudonyms import pseudonym
from tests.fakes.keys import keys_in
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, review

WHILE, LONGER = timedelta(minutes=15), timedelta(hours=24)
HIS, OTHERS = CorrectionId("c1"), CorrectionId("c2")
ELSEWHERE = Reader(groups=frozenset({"elsewhere"}))


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1"))
    made.add_correction(replace(correction("c1"), user=pseudonym("paul", made.salt())))
    made.add_correction(correction("c2", submitted=NOON + timedelta(minutes=1)))
    return made


def take(ledger: ReviewLedger, who: str, *, of: CorrectionId = OTHERS, at: datetime = NOON) -> Assignment:
    return assigning.take(of, reviewer=who, reader=ANYBODY, ledger=ledger, at=at, lasting=WHILE)


def give(ledger: ReviewLedger, to: str, *, by: str, of: CorrectionId = OTHERS) -> Assignment:
    return assigning.assign(of, to=to, by=by, reader=ANYBODY, ledger=ledger, at=NOON, lasting=LONGER)


def put_back(ledger: ReviewLedger, who: str, *, skipped: bool = False) -> None:
    assigning.put_back(OTHERS, skipped=skipped, reviewer=who, reader=ANYBODY, ledger=ledger, at=NOON)


def next_of(ledger: MemoryLedger, who: str, *, at: datetime = NOON, own: bool = False) -> str | None:
    waiting = ledger.corrections()
    taken = assigning.take_next(waiting, own=own, reviewer=who, reader=ANYBODY, ledger=ledger, at=at, lasting=WHILE)
    return None if taken is None else str(taken.correction_id)


def in_hand(ledger: ReviewLedger, at: datetime = NOON) -> dict[str, str]:
    return {str(name): held.reviewer for name, held in assigning.in_hand(ledger, at).items()}


def test_what_somebody_took_is_nobody_elses_until_its_time_is_over(ledger: MemoryLedger) -> None:
    assert take(ledger, "grace").until == NOON + WHILE
    with pytest.raises(Conflict, match="grace has it in hand until 2026-05-01 12:15 UTC"):
        take(ledger, "hedy", at=NOON + WHILE - timedelta(seconds=1))
    assert take(ledger, "hedy", at=NOON + WHILE).reviewer == "hedy"
    assert in_hand(ledger, NOON + WHILE) == {"c2": "hedy"}


def test_who_takes_it_again_has_it_for_as_long_anew(ledger: MemoryLedger) -> None:
    take(ledger, "grace")
    again = take(ledger, " Grace ", at=NOON + timedelta(minutes=10))
    assert again.until == NOON + timedelta(minutes=25)


def test_of_reviewers_who_take_one_at_the_same_time_one_has_it(tmp_path: Path, ledger: MemoryLedger) -> None:
    stored = open_ledger(
        f"sqlite:///{tmp_path / 'ledger.sqlite'}", timeout=10, lock_folder=tmp_path, keys=keys_in(tmp_path)
    )
    stored.add_interaction(interaction("i1"))
    stored.add_correction(correction("c2"))

    def has(who: str) -> bool:
        try:
            return take(stored, who).reviewer == who
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(has, (f"reviewer {number}" for number in range(8)))) == 1
    stored.close()


def test_what_is_put_back_is_there_for_others(ledger: MemoryLedger) -> None:
    take(ledger, "grace")
    with pytest.raises(Conflict, match="grace has it"):
        put_back(ledger, "hedy")
    put_back(ledger, "grace")
    assert in_hand(ledger) == {}
    assert take(ledger, "hedy").reviewer == "hedy"


def test_the_next_one_is_the_first_that_nobody_has_and_that_is_not_the_reviewers_own(ledger: MemoryLedger) -> None:
    assert next_of(ledger, "paul") == "c2"
    assert next_of(ledger, "grace") == "c1"
    assert next_of(ledger, "hedy") is None
    assert next_of(ledger, "paul") == "c2"  # what they have in hand comes first


def test_who_works_alone_is_given_their_own(ledger: MemoryLedger) -> None:
    assert next_of(ledger, "paul", own=True) == "c1"


def test_what_was_skipped_is_given_to_others_and_to_the_same_reviewer_half_a_day_later(ledger: MemoryLedger) -> None:
    take(ledger, "grace")
    put_back(ledger, "grace", skipped=True)
    assert next_of(ledger, "grace") == "c1"
    put = assigning.SKIPPED_FOR
    assert next_of(ledger, "hedy") == "c2"
    assert next_of(ledger, "paul", at=NOON + put) == "c2"
    assigning.put_back(OTHERS, skipped=False, reviewer="paul", reader=ANYBODY, ledger=ledger, at=NOON + put)
    assigning.put_back(HIS, skipped=True, reviewer="grace", reader=ANYBODY, ledger=ledger, at=NOON + put)
    assert next_of(ledger, "grace", at=NOON + put) == "c2"


def test_the_first_of_two_reviewers_is_not_given_it_as_the_second(ledger: MemoryLedger) -> None:
    ledger.add_review(review("c2", Verdict.HOLD))
    assert next_of(ledger, "grace") == "c1"
    assert next_of(ledger, "hedy") == "c2"


def test_what_is_assigned_is_for_that_reviewer_alone_and_longer(ledger: MemoryLedger) -> None:
    given = give(ledger, "hedy", by="rita")
    assert (given.until, next_of(ledger, "hedy")) == (NOON + LONGER, "c2")
    assert take(ledger, "hedy").until == NOON + LONGER  # taking it makes it no shorter
    with pytest.raises(Conflict, match="hedy has it in hand"):
        take(ledger, "grace")
    entry = ledger.audit(limit=1)[0]
    assert (entry.who, entry.action, entry.subject, entry.detail) == ("rita", "assign", "c2", {"to": "hedy"})


def test_who_assigned_it_or_has_it_may_give_it_to_another_and_nobody_else(ledger: MemoryLedger) -> None:
    give(ledger, "hedy", by="rita")
    with pytest.raises(Conflict, match="hedy has it"):
        give(ledger, "grace", by="grace")
    give(ledger, "grace", by="rita")
    assert in_hand(ledger) == {"c2": "grace"}
    give(ledger, "hedy", by="grace")
    assert in_hand(ledger) == {"c2": "hedy"}


def test_nobody_is_given_their_own_and_nobody_without_a_name_is_given_any(ledger: MemoryLedger) -> None:
    with pytest.raises(NotAllowed, match="paul wrote it or handed it in"):
        give(ledger, "paul", by="rita", of=HIS)
    with pytest.raises(InvalidInput, match="an empty one"):
        give(ledger, "  ", by="rita")


def test_what_is_not_for_a_reviewer_cannot_be_taken_given_or_put_back(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound, match="no correction c2"):
        assigning.take(OTHERS, reviewer="grace", reader=ELSEWHERE, ledger=ledger, at=NOON, lasting=WHILE)
    with pytest.raises(NotFound, match="no correction c2"):
        assigning.assign(OTHERS, to="hedy", by="g", reader=ELSEWHERE, ledger=ledger, at=NOON, lasting=WHILE)
    with pytest.raises(NotFound, match="no correction c2"):
        assigning.put_back(OTHERS, skipped=False, reviewer="g", reader=ELSEWHERE, ledger=ledger, at=NOON)
