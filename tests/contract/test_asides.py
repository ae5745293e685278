"""What `Asides` promises."""

from rag_flywheel.domain import AsideState
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, an_aside


def test_what_is_set_aside_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    ledger.add_aside(an_aside())
    assert ledger.asides() == [an_aside()]


def test_the_latest_entry_of_each_text_counts_up_to_and_including_the_cut_off(ledger: Ledger) -> None:
    released = an_aside(state=AsideState.RELEASED, at=NOON + SECOND)
    other = an_aside("d2", text="0b")
    for aside in (an_aside(), other, released):
        ledger.add_aside(aside)
    assert ledger.asides() == [other, released]
    assert ledger.asides(until=NOON) == [an_aside(), other]
    assert ledger.asides(until=NOON - SECOND) == []


def test_of_two_entries_at_one_instant_the_later_one_counts(ledger: Ledger) -> None:
    for state in (AsideState.ASIDE, AsideState.DROPPED, AsideState.RELEASED):
        ledger.add_aside(an_aside(state=state))
    assert [aside.state for aside in ledger.asides()] == [AsideState.RELEASED]


def test_a_text_that_moves_to_another_document_keeps_its_id_and_a_changed_one_does_not() -> None:
    assert an_aside("d1").aside_id == an_aside("d2").aside_id != an_aside("d1", text="0c").aside_id
