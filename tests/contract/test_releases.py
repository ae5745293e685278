"""What `Releases` promises."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag_flywheel.domain.erasures import Theirs
from rag_flywheel.domain.releases import Measure
from rag_flywheel.errors import BudgetSpent
from rag_flywheel.ports import Ledger
from tests.contract.rows import a_release


def test_a_release_comes_back_as_it_was_made_and_by_its_month(ledger: Ledger) -> None:
    march, april = a_release(), a_release(month="2026-04")
    for made in (march, april):
        assert ledger.spend(made, epsilon=1.0, delta=1e-6) is made
    assert ledger.releases() == [march, april]
    assert ledger.releases(month="2026-04") == [april]


def test_the_same_question_about_a_month_spends_nothing_more(ledger: Ledger) -> None:
    first = ledger.spend(a_release(), epsilon=1.0, delta=1e-6)
    assert ledger.spend(a_release(epsilon=0.5), epsilon=1.0, delta=1e-6) == first
    assert ledger.releases() == [first]


@pytest.mark.parametrize(("epsilon", "delta"), [(1.9, 1.0), (2.0, 1.9e-6)])
def test_what_a_month_does_not_allow_is_refused_and_leaves_nothing(
    ledger: Ledger, epsilon: float, delta: float
) -> None:
    first = ledger.spend(a_release(), epsilon=epsilon, delta=delta)
    with pytest.raises(BudgetSpent, match="2026-03"):
        ledger.spend(a_release(Measure.USAGE), epsilon=epsilon, delta=delta)
    assert ledger.releases() == [first]


def test_releases_at_once_never_spend_more_than_there_is(ledger: Ledger) -> None:
    together = threading.Barrier(len(Measure), timeout=60)

    def release(measure: Measure) -> bool:
        together.wait()
        try:
            ledger.spend(a_release(measure), epsilon=2.0, delta=1.0)
        except BudgetSpent:
            return False
        return True

    with ThreadPoolExecutor(len(Measure)) as pool:
        assert sorted(pool.map(release, Measure)) == [False, True, True]
    assert sum(made.epsilon for made in ledger.releases()) == 2.0


def test_words_of_somebody_who_is_erased_go_from_the_names_of_topics(ledger: Ledger) -> None:
    ledger.spend(a_release(), epsilon=1.0, delta=1.0)
    wrote: Callable[[str], bool] = lambda text: "cleaned" in text  # noqa: E731
    ledger.scrub(Theirs(names=lambda text: False, wrote=wrote), manifests=False)
    [left] = ledger.releases()
    assert "cleaned" not in str(left)
    assert left.epsilon == 1.0
