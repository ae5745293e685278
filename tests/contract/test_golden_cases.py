"""What `GoldenCases` promises."""

import pytest

from rag_flywheel.errors import Conflict
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_golden_case, a_retirement


def test_golden_cases_and_retirements_come_back_as_they_were_added(ledger: Ledger) -> None:
    refusal = a_golden_case("golden:q2", answerable=False)
    ledger.add_golden_case(a_golden_case())
    ledger.add_golden_case(refusal)
    ledger.add_retirement(a_retirement("correction:k9"))  # whether the case exists is not the ledger's business
    assert ledger.golden_cases() == [a_golden_case(), refusal]
    assert ledger.retirements() == [a_retirement("correction:k9")]


def test_a_golden_case_is_added_once_and_retired_once(ledger: Ledger) -> None:
    ledger.add_golden_case(a_golden_case())
    ledger.add_retirement(a_retirement())
    with pytest.raises(Conflict, match="golden:q1"):
        ledger.add_golden_case(a_golden_case(added=NOON + SECOND))
    with pytest.raises(Conflict, match="golden:q1"):
        ledger.add_retirement(a_retirement(retired=NOON + SECOND))
    assert (ledger.golden_cases(), ledger.retirements()) == ([a_golden_case()], [a_retirement()])


def test_golden_cases_and_retirements_come_oldest_first_up_to_and_including_the_cut_off(ledger: Ledger) -> None:
    for name, at in (("late", NOON + SECOND), ("early", NOON), ("other", NOON)):
        ledger.add_golden_case(a_golden_case(name, added=at))
        ledger.add_retirement(a_retirement(name, retired=at))
    assert [case.case_id for case in ledger.golden_cases()] == ["early", "other", "late"]
    assert [case.case_id for case in ledger.golden_cases(until=NOON)] == ["early", "other"]
    assert [retirement.case_id for retirement in ledger.retirements()] == ["early", "other", "late"]
    assert [retirement.case_id for retirement in ledger.retirements(until=NOON)] == ["early", "other"]
    assert (ledger.golden_cases(until=NOON - SECOND), ledger.retirements(until=NOON - SECOND)) == ([], [])
