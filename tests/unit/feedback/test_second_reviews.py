"""What is decided once more, by whom, and how far reviewers are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.domain import SYSTEM, CorrectionId, Verdict
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.domain.reviewing import SecondReview
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from rag_flywheel.feedback import assigning, second_reviews
from rag_flywheel.feedback.review_counts import counts
from rag_flywheel.privacy.pseudonyms import pseudonym
from tests.fakes.ledger import MemoryLedger
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import NOON, correction, interaction, review

HOUR = timedelta(hours=1)


@pytest.fixture
def ledger() -> MemoryLedger:
    """Five corrections, of which grace has accepted the first, rejected the second and held the third."""
    made = MemoryLedger()
    made.add_interaction(interaction("i1"))
    for number in range(1, 6):
        made.add_correction(correction(f"c{number}", question=f"Question {number}?"))
    made.add_review(review("c1", reviewed=NOON + HOUR))
    made.add_review(review("c2", Verdict.REJECT, reviewed=NOON + 3 * HOUR))
    made.add_review(review("c3", Verdict.HOLD, reviewed=NOON + HOUR))
    return made


def waiting(ledger: MemoryLedger, who: str = "hedy", *, share: float = 1.0, reader: Reader = ANYBODY) -> Sequence[str]:
    found = second_reviews.waiting(ledger.corrections(), reviewer=who, reader=reader, ledger=ledger, share=share)
    return [str(entry.correction.correction_id) for entry in found]


def give(
    ledger: MemoryLedger,
    of: str,
    verdict: Verdict = Verdict.ACCEPT,
    *,
    who: str = "hedy",
    share: float = 1.0,
    reader: Reader = ANYBODY,
) -> SecondReview:
    return second_reviews.give(
        CorrectionId(of),
        second_reviews.Opinion(verdict=verdict, reviewer=who, note=None, reader=reader),
        ledger=ledger,
        redactor=FakeRedactor(),
        share=share,
        at=NOON + 4 * HOUR,
        new_id=lambda: f"s{len(ledger.second_reviews())}",
    )


def test_what_somebody_else_decided_waits_for_a_second_reviewer_and_for_no_third(ledger: MemoryLedger) -> None:
    assert waiting(ledger) == ["c1", "c2"]
    assert waiting(ledger, " Grace") == []
    given = give(ledger, "c1")
    assert (given.first, given.first_reviewer, given.first_verdict, given.agrees) == (
        "review of c1",
        "grace",
        Verdict.ACCEPT,
        True,
    )
    assert waiting(ledger) == ["c2"]
    with pytest.raises(Conflict, match="somebody was second already"):
        give(ledger, "c1", who="ida")


def test_a_second_verdict_changes_nothing(ledger: MemoryLedger) -> None:
    before = ledger.corrections()
    assert not give(ledger, "c1", Verdict.REJECT).agrees
    assert ledger.corrections() == before


def test_the_share_is_drawn_the_same_each_time_and_about_as_large(ledger: MemoryLedger) -> None:
    salt = ledger.salt()
    names = [CorrectionId(f"k{number}") for number in range(2_000)]
    drawn = {name for name in names if second_reviews.is_drawn(name, salt=salt, share=0.1)}
    assert 140 < len(drawn) < 260
    assert drawn < {name for name in names if second_reviews.is_drawn(name, salt=salt, share=0.3)}
    assert waiting(ledger, share=0.0) == []
    with pytest.raises(Conflict, match="waits for no second review"):
        give(ledger, "c1", share=0.0)


def test_two_who_accepted_what_takes_two_have_both_had_their_say(ledger: MemoryLedger) -> None:
    ledger.add_review(review("c3", reviewed=NOON + 2 * HOUR, reviewer="hedy", name="r9"))
    assert waiting(ledger) == ["c1", "c2"]
    assert waiting(ledger, "ida") == ["c1", "c2", "c3"]
    assert give(ledger, "c3", Verdict.QUARANTINE, who="ida").first_verdict is Verdict.ACCEPT


def test_what_a_guardrail_or_nobody_decided_is_not_compared(ledger: MemoryLedger) -> None:
    ledger.add_review(review("c4", Verdict.QUARANTINE, reviewer=SYSTEM, guardrail="poison"))
    for name in ("c3", "c4", "c5"):
        with pytest.raises(Conflict, match="waits for no second review"):
            give(ledger, name)


def test_nobody_is_second_to_themself_to_their_own_or_to_what_is_not_for_them(ledger: MemoryLedger) -> None:
    ledger.add_correction(replace(correction("c6"), user=pseudonym("paul", ledger.salt())))
    ledger.add_review(review("c6"))
    assert waiting(ledger, "paul") == ["c1", "c2"]
    for name, who in (("c1", "grace"), ("c6", "paul")):
        with pytest.raises(NotAllowed, match="is no second reviewer of it"):
            give(ledger, name, who=who)
    elsewhere = Reader(groups=frozenset({"elsewhere"}))
    assert waiting(ledger, reader=elsewhere) == []
    with pytest.raises(NotFound, match="no correction c1"):
        give(ledger, "c1", reader=elsewhere)
    with pytest.raises(InvalidInput, match="got hold"):
        give(ledger, "c1", Verdict.HOLD)


def test_it_is_told_what_waits_and_what_each_reviewer_decided_in_a_while(ledger: MemoryLedger) -> None:
    ledger.add_review(review("c4", Verdict.QUARANTINE, reviewer=SYSTEM, guardrail="poison"))
    ledger.add_review(replace(review("c5", name="early"), reviewed=NOON - HOUR, reviewer="ida"))
    give(ledger, "c1")
    give(ledger, "c2")
    lasting = timedelta(minutes=15)
    assigning.take(
        CorrectionId("c3"), reviewer="hedy", reader=ANYBODY, ledger=ledger, at=NOON + 4 * HOUR, lasting=lasting
    )
    found = counts(ledger.corrections(), ledger=ledger, reader=ANYBODY, since=NOON, now=NOON + 4 * HOUR)
    assert [(queue.name, queue.waiting, queue.in_hand, queue.oldest) for queue in found.queues] == [
        ("sent_back", 1, 0, NOON),
        ("held", 1, 1, NOON),
        ("pending", 0, 0, None),
    ]
    assert (found.handed_in, found.decided) == (5, 3)
    grace, hedy = found.reviewers
    assert (grace.reviewer, grace.accepted, grace.rejected, grace.quarantined, grace.hours) == ("grace", 2, 1, 0, 1.0)
    assert (grace.second, grace.agreed, grace.compared) == (0, 1, 2)
    assert (hedy.reviewer, hedy.accepted, hedy.in_hand, hedy.second, hedy.hours) == ("hedy", 0, 1, 2, None)
    elsewhere = Reader(groups=frozenset({"elsewhere"}))
    nothing = counts(ledger.corrections(), ledger=ledger, reader=elsewhere, since=NOON, now=NOON + 4 * HOUR)
    assert (nothing.reviewers, nothing.handed_in, sum(queue.waiting for queue in nothing.queues)) == ((), 0, 0)
