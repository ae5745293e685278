"""Counts with noise: what one person can change of them, and what they cost."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.adapters.privacy.noise import OpenDpNoise
from rag_flywheel.config import Releases
from rag_flywheel.domain import InteractionId
from rag_flywheel.domain.releases import Measure, Release
from rag_flywheel.errors import BudgetSpent, Conflict, InvalidInput
from rag_flywheel.ports import Noise, Noised
from rag_flywheel.privacy.releases import Asked, Contribution, budget, counts, price, release
from tests.fakes.ledger import MemoryLedger

NOW = datetime(2026, 12, 2, tzinfo=UTC)
SETTINGS = Releases(epsilon=1.0, delta=1e-6, month_epsilon=2.0, month_delta=1e-6, per_person=2)
RECORDS = st.lists(st.tuples(st.sampled_from("pqrs"), st.sampled_from("abc")), max_size=40)


class NoNoise(Noise):
    """Exact counts, at the price that was asked for."""

    def on_known(self, counts: Mapping[str, int], *, per_person: int, epsilon: float) -> Noised:
        return Noised(counts=dict(counts), scale=1.0, epsilon=epsilon, delta=0.0)

    def on_unknown(self, counts: Mapping[str, int], *, per_person: int, epsilon: float, delta: float) -> Noised:
        return Noised(counts=dict(counts), scale=1.0, epsilon=epsilon, delta=delta)


def asked(measure: Measure = Measure.SATISFACTION, month: str = "2026-11", epsilon: float | None = None) -> Asked:
    return Asked(measure=measure, month=month, epsilon=epsilon, who="olga", at=NOW)


def records(those: list[tuple[str, str]]) -> list[Contribution]:
    return [
        Contribution(person=person, of=InteractionId(f"{person}{number}"), cell=cell)
        for number, (person, cell) in enumerate(those)
    ]


@given(RECORDS, st.sampled_from("pqrs"), st.integers(1, 5), st.booleans())
def test_a_person_changes_the_counts_by_as_much_as_is_allowed_and_shifts_nobody_else(
    those: list[tuple[str, str]], gone: str, most: int, once: bool
) -> None:
    found = records(those)
    whole = counts(found, per_person=most, key=b"k", once=once)
    without = counts([each for each in found if each.person != gone], per_person=most, key=b"k", once=once)
    added = {cell: whole.get(cell, 0) - without.get(cell, 0) for cell in whole}
    assert min(added.values(), default=0) >= 0
    assert sum(added.values()) <= most
    if once:
        assert max(added.values(), default=0) <= 1


def test_a_keyed_draw_and_no_order_decides_which_records_of_a_person_count() -> None:
    found = records([("p", cell) for cell in "abcdefghij"])
    chosen = counts(found, per_person=3, key=b"k", once=False)
    assert counts(found[::-1], per_person=3, key=b"k", once=False) == chosen
    others = [counts(found, per_person=3, key=bytes([number]), once=False) for number in range(20)]
    assert len({frozenset(each) for each in others}) > 10


def test_the_same_question_again_gives_the_stored_release_and_costs_nothing() -> None:
    ledger = MemoryLedger()
    first = publish(ledger, asked())
    assert publish(ledger, asked(epsilon=0.5)) == first
    left = budget("2026-11", SETTINGS, ledger)
    assert (left.spent_epsilon, left.spent_delta) == (1.0, 0.0)
    assert [entry.action for entry in ledger.audit(limit=10)] == ["release"]


def test_a_budget_that_is_used_up_refuses_and_another_month_has_its_own() -> None:
    ledger = MemoryLedger()
    for measure in (Measure.SATISFACTION, Measure.GAPS):
        publish(ledger, asked(measure))
    with pytest.raises(BudgetSpent):
        publish(ledger, asked(Measure.USAGE))
    with pytest.raises(BudgetSpent):
        price(asked(Measure.USAGE, epsilon=0.1), SETTINGS, ledger)
    assert price(asked(Measure.USAGE, "2026-10"), SETTINGS, ledger) == (1.0, 0.0)


@pytest.mark.parametrize("month", ["2026-13", "26-11", "2026-1", "november", "0000-01", "9999-12"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(InvalidInput):
        asked(month=month)


def test_a_month_that_has_not_begun_is_refused() -> None:
    with pytest.raises(Conflict, match="has not begun"):
        asked(month="2027-01")


def test_small_counts_are_not_told_and_topics_of_few_are_not_even_named() -> None:
    found = records([("p", "good"), ("q", "good"), ("r", "good"), ("s", "bad")])
    known = publish(MemoryLedger(), asked(), found, cells=["good", "bad"])
    assert {cell.name: cell.count for cell in known.cells} == {"good": 3, "bad": None}
    unknown = publish(MemoryLedger(), asked(Measure.GAPS), found, cells=None)
    assert {cell.name: cell.count for cell in unknown.cells} == {"good": 3}


def test_what_is_stated_is_what_the_library_says_of_the_very_measurement() -> None:
    noise = OpenDpNoise()
    known = noise.on_known({"good": 5, "bad": 0}, per_person=2, epsilon=0.7)
    assert 0.69 < known.epsilon <= 0.7
    assert known.delta == 0.0
    unknown = noise.on_unknown({"often": 10_000, "once": 1}, per_person=2, epsilon=0.7, delta=1e-6)
    assert 0.69 < unknown.epsilon <= 0.7
    assert 0 < unknown.delta <= 1e-6
    assert set(unknown.counts) <= {"often"}


def publish(
    ledger: MemoryLedger,
    question: Asked,
    found: Sequence[Contribution] = (),
    cells: Sequence[str] | None = ("good", "bad"),
) -> Release:
    return release(question, found, cells=cells, smallest=3, settings=SETTINGS, noise=NoNoise(), ledger=ledger)
