"""What `Corrections` promises."""

from datetime import datetime

import pytest

from rag_flywheel.domain import (
    CorrectionId,
    Verdict,
)
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_correction, a_review, an_interaction


def test_a_correction_comes_back_with_its_evidence_and_without_a_review(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_correction(a_correction())
    kept = ledger.correction(CorrectionId("k1"))
    assert kept.correction == a_correction()
    assert kept.review is None


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
