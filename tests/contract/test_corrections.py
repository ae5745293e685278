"""What `Corrections` promises."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from rag_flywheel.domain import Correction, CorrectionId, Review, Verdict
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.domain.reviewing import AssignmentState
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import (
    NOON,
    SECOND,
    a_correction,
    a_decision,
    a_manifest,
    a_review,
    a_second_review,
    an_assignment,
    an_erasure,
    an_interaction,
    an_undo,
)


def test_a_correction_comes_back_with_its_evidence_and_without_a_review(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    kept = ledger.correction(CorrectionId("k1"))
    assert kept.correction == a_correction()
    assert kept.review is None


def test_one_person_s_corrections_come_oldest_first_each_with_its_latest_review(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    for name, user, after in (("k2", "ann", 1), ("k1", "ann", 0), ("k3", "bob", 0), ("k4", None, 0)):
        ledger.add_correction(a_correction(name, user=user, submitted=NOON + after * SECOND))
    for name, of, verdict, after in (
        ("r1", "k2", Verdict.ACCEPT, 3),
        ("r2", "k2", Verdict.REJECT, 4),
        ("r3", "k3", Verdict.ACCEPT, 3),
    ):
        ledger.add_review(a_review(name, of=of, reviewed=NOON + after * SECOND, verdict=verdict))
    found = ledger.corrections_of("ann")
    assert [entry.correction.correction_id for entry in found] == ["k1", "k2"]
    assert [entry.review and entry.review.review_id for entry in found] == [None, "r2"]
    assert ledger.corrections_of("eve") == []


def test_a_correction_that_was_never_added_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="k9"):
        ledger.correction(CorrectionId("k9"))


def test_a_correction_or_a_review_of_something_unknown_is_refused_as_not_found_and_leaves_nothing(
    ledger: Ledger,
) -> None:
    with pytest.raises(NotFound, match="i1"):
        ledger.add_correction(a_correction())
    with pytest.raises(NotFound, match="k1"):
        ledger.add_review(a_review())
    assert ledger.corrections() == []


def test_the_latest_review_counts_and_a_cut_off_sees_the_one_of_its_time(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction("k1", submitted=NOON))
    ledger.add_correction(a_correction("k2", submitted=NOON + SECOND))
    ledger.add_review(a_review("r1", reviewed=NOON + 2 * SECOND, verdict=Verdict.ACCEPT))
    ledger.add_review(a_review("r2", reviewed=NOON + 4 * SECOND, verdict=Verdict.REJECT))
    ledger.add_review(a_review("r3", reviewed=NOON + 4 * SECOND, verdict=Verdict.QUARANTINE))

    def seen(until: datetime | None) -> list[tuple[str, str | None]]:
        found = ledger.corrections(until=until)
        return [
            (reviewed.correction.correction_id, reviewed.review.review_id if reviewed.review else None)
            for reviewed in found
        ]

    assert seen(NOON - SECOND) == []
    assert seen(NOON) == [("k1", None)]
    assert seen(NOON + 2 * SECOND) == [("k1", "r1"), ("k2", None)]
    assert seen(NOON + 3 * SECOND) == [("k1", "r1"), ("k2", None)]
    assert seen(NOON + 4 * SECOND) == [("k1", "r3"), ("k2", None)]
    assert seen(None) == [("k1", "r3"), ("k2", None)]
    assert ledger.correction(CorrectionId("k1")).review == a_review(
        "r3", reviewed=NOON + 4 * SECOND, verdict=Verdict.QUARANTINE
    )


def test_a_claimed_correction_comes_with_its_latest_review_and_an_unknown_one_is_not_found(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    with ledger.transaction():
        assert ledger.claim(CorrectionId("k1")).review is None
        ledger.add_review(a_review())
        assert ledger.claim(CorrectionId("k1")).review == a_review()
    with pytest.raises(NotFound, match="k9"), ledger.transaction():
        ledger.claim(CorrectionId("k9"))


def test_who_claims_a_correction_waits_for_others_and_sees_what_they_wrote(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())

    def review(name: str) -> bool:
        """Add a review where there is none yet."""
        with ledger.transaction():
            if ledger.claim(CorrectionId("k1")).review is not None:
                return False
            ledger.add_review(a_review(name))
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(review, (f"r{number}" for number in range(8)))) == 1


def test_what_a_review_overrules_is_kept(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    sent_back = replace(a_review("r1", verdict=Verdict.QUARANTINE), guardrail="injection")
    overruling = replace(a_review("r2", reviewed=NOON + SECOND, verdict=Verdict.HOLD), overrules="injection, poison")
    for review in (sent_back, overruling):
        ledger.add_review(review)
        assert ledger.correction(CorrectionId("k1")).review == review


def test_a_review_that_was_taken_back_counts_up_to_then_and_the_one_before_it_from_then_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    held = a_review("r1", reviewed=NOON, verdict=Verdict.HOLD)
    accepted = a_review("r2", reviewed=NOON + SECOND)
    for review in (held, accepted, an_undo("r3", of="r2", reviewed=NOON + 2 * SECOND)):
        ledger.add_review(review)
    assert ledger.correction(CorrectionId("k1")).review == held
    assert [entry.review for entry in ledger.corrections(until=NOON + SECOND)] == [accepted]
    assert ledger.reviews() == [held]
    ledger.add_review(an_undo("r4", of="r1", reviewed=NOON + 2 * SECOND))
    assert [entry.review for entry in ledger.corrections()] == [None]
    assert [entry.review for entry in ledger.corrections(until=NOON + SECOND)] == [accepted]
    assert ledger.reviews() == []


def test_the_reviews_of_all_corrections_or_of_one_come_oldest_first_from_an_instant_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction("k1"))
    ledger.add_correction(a_correction("k2"))
    late, early = a_review("r1", of="k1", reviewed=NOON + SECOND), a_review("r2", of="k2")
    for review in (late, early):
        ledger.add_review(review)
    assert ledger.reviews() == [early, late]
    assert ledger.reviews(since=NOON + SECOND) == [late]
    assert ledger.reviews(of=CorrectionId("k1")) == [late]


def test_of_a_correction_and_a_reviewer_the_assignment_that_was_recorded_last_counts(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    taken, other = an_assignment(), an_assignment(reviewer="hedy", state=AssignmentState.SKIPPED)
    for assignment in (taken, other):
        ledger.add_assignment(assignment)
    assert ledger.assignments() == [taken, other]
    left = an_assignment(state=AssignmentState.LEFT)
    ledger.add_assignment(left)
    assert ledger.assignments() == [other, left]


def test_second_reviews_come_back_oldest_first(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    late, early = a_second_review("s1", reviewed=NOON + SECOND), a_second_review("s2")
    for second in (late, early):
        ledger.add_second_review(second)
    assert ledger.second_reviews() == [early, late]


def test_an_assignment_or_a_second_review_of_something_unknown_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="k1"):
        ledger.add_assignment(an_assignment())
    with pytest.raises(NotFound, match="k1"):
        ledger.add_second_review(a_second_review())


def test_what_is_made_of_corrections_is_known_to_be_old_once_something_changes(ledger: Ledger) -> None:
    marks = [ledger.corrections_mark()]
    ledger.add_interaction(an_interaction())
    assert ledger.corrections_mark() == marks[0]
    steps: list[Callable[[], object]] = [
        lambda: ledger.add_correction(a_correction()),
        lambda: ledger.add_review(a_review()),
        lambda: ledger.add_review(an_undo()),
        lambda: ledger.add_version(a_manifest()),
        lambda: ledger.add_decision(a_decision()),
        lambda: ledger.erase(Scope(user="ann")),
        lambda: ledger.add_erasure(an_erasure()),
    ]
    for step in steps:
        step()
        assert ledger.corrections_mark() not in marks
        marks.append(ledger.corrections_mark())


def test_all_corrections_are_read_as_they_are_by_now_whatever_happened_since(ledger: Ledger) -> None:
    for name in ("i1", "i2"):
        ledger.add_interaction(an_interaction(name, user="ann" if name == "i1" else "bob"))
    of_ann, of_bob = a_correction("c1", of="i1", user="ann"), a_correction("c2", of="i2", user="bob")

    def found() -> dict[str, tuple[Correction, Review | None]]:
        return {entry.correction.correction_id: (entry.correction, entry.review) for entry in ledger.corrections()}

    ledger.add_correction(of_ann)
    assert found() == {"c1": (of_ann, None)}
    ledger.add_correction(of_bob)
    ledger.add_review(a_review(of="c2"))
    assert found() == {"c1": (of_ann, None), "c2": (of_bob, a_review(of="c2"))}
    with contextlib.suppress(KeyError), ledger.transaction():
        ledger.add_correction(a_correction("c3", of="i2", user="bob"))
        assert "c3" in found()
        raise KeyError
    assert found().keys() == {"c1", "c2"}
    ledger.erase(Scope(user="ann"))
    assert found() == {"c2": (of_bob, a_review(of="c2"))}
    ledger.add_correction(replace(of_bob, correction_id=CorrectionId("c1")))
    ledger.add_review(replace(an_undo(), correction_id=CorrectionId("c2")))
    assert found() == {"c2": (of_bob, None), "c1": (replace(of_bob, correction_id=CorrectionId("c1")), None)}
