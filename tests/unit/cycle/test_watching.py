"""`reindex --watch`: a run whenever a correction was accepted."""

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from rag_flywheel.cycle.result import CycleDecision, CycleResult
from rag_flywheel.cycle.watching import whenever_accepted
from rag_flywheel.domain import Verdict
from rag_flywheel.errors import AlreadyRunning
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import correction, interaction, review

HAPPENS = Callable[[], None]


@pytest.fixture
def ledger() -> MemoryLedger:
    made = MemoryLedger()
    made.add_interaction(interaction("i1"))
    for name in ("c1", "c2"):
        made.add_correction(correction(name))
    return made


def after(*events: HAPPENS) -> Callable[[float], None]:
    """A wait during which one thing happens each time; once all have, it is interrupted, as by a person."""
    left: Iterator[HAPPENS] = iter(events)

    def wait(seconds: float) -> None:
        try:
            happens = next(left)
        except StopIteration:
            raise KeyboardInterrupt from None
        happens()

    return wait


def nothing() -> None:
    pass


def ended(decision: CycleDecision) -> CycleResult:
    return CycleResult(decision=decision, version=None, reasons=())


def runs_of(*decisions: CycleDecision | None) -> Callable[[], CycleResult]:
    """Runs that end so, one after the other; None is one that another run is in the way of."""
    left = iter(decisions)

    def run() -> CycleResult:
        decision = next(left)
        if decision is None:
            raise AlreadyRunning("another run is on")
        return ended(decision)

    return run


def test_it_runs_at_once_and_after_each_acceptance_and_for_nothing_else(ledger: MemoryLedger) -> None:
    run = runs_of(*[CycleDecision.PROMOTED] * 3)
    wait = after(
        nothing,
        lambda: ledger.add_review(review("c1", Verdict.REJECT, name="r1")),
        lambda: ledger.add_review(review("c1", name="r2")),
        nothing,
        lambda: ledger.add_review(review("c2", name="r3")),
        nothing,
    )
    results = whenever_accepted(run, ledger=ledger, wait=wait)
    assert [result.decision for result in islice(results, 3)] == [CycleDecision.PROMOTED] * 3
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_what_is_accepted_during_a_run_is_taken_by_the_next(ledger: MemoryLedger) -> None:
    begun: list[int] = []

    def run() -> CycleResult:
        begun.append(1)
        if len(begun) == 1:
            ledger.add_review(review("c1"))
        return ended(CycleDecision.PROMOTED)

    results = whenever_accepted(run, ledger=ledger, wait=after())
    assert len(list(islice(results, 2))) == len(begun) == 2


def test_a_run_that_is_held_up_is_tried_again_and_told_once(ledger: MemoryLedger) -> None:
    waiting, promoted = CycleDecision.WAITING, CycleDecision.PROMOTED
    run = runs_of(None, waiting, waiting, None, promoted)
    results = whenever_accepted(run, ledger=ledger, wait=after(*[nothing] * 4))
    assert [result.decision for result in islice(results, 2)] == [waiting, promoted]


def test_what_the_gate_refused_waits_for_the_next_acceptance(ledger: MemoryLedger) -> None:
    ledger.add_review(review("c1"))
    results = whenever_accepted(runs_of(CycleDecision.REFUSED), ledger=ledger, wait=after(nothing, nothing))
    assert next(results).decision is CycleDecision.REFUSED
    with pytest.raises(KeyboardInterrupt):
        next(results)
