"""`reindex --watch`: a run whenever a correction was accepted."""

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from rag_flywheel.cycle.result import CycleDecision, CycleResult
from rag_flywheel.cycle.watching import HELD_UP_SECONDS, whenever_accepted
from rag_flywheel.domain import Verdict
from rag_flywheel.errors import (
    AliasMoved,
    AlreadyRunning,
    ConfigError,
    Damaged,
    DiskUnavailable,
    FlywheelError,
    IndexUnavailable,
    LanguageModelUnavailable,
    LedgerUnavailable,
    WrongKey,
)
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


def runs_of(*ends: CycleDecision | type[FlywheelError]) -> Callable[[], CycleResult]:
    """Runs that end so, one after the other."""
    left = iter(ends)

    def run() -> CycleResult:
        end = next(left)
        if isinstance(end, CycleDecision):
            return ended(end)
        raise end("it was so")

    return run


def told(results: Iterator[CycleResult | FlywheelError], number: int) -> list[CycleDecision | type[FlywheelError]]:
    """What each of the next ones is."""
    return [each.decision if isinstance(each, CycleResult) else type(each) for each in islice(results, number)]


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
    assert told(results, 3) == [CycleDecision.PROMOTED] * 3
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
    run = runs_of(AlreadyRunning, waiting, waiting, AlreadyRunning, promoted)
    results = whenever_accepted(run, ledger=ledger, wait=after(*[nothing] * 4))
    assert told(results, 2) == [waiting, promoted]


def test_what_the_gate_refused_waits_for_the_next_acceptance(ledger: MemoryLedger) -> None:
    ledger.add_review(review("c1"))
    results = whenever_accepted(runs_of(CycleDecision.REFUSED), ledger=ledger, wait=after(nothing, nothing))
    assert told(results, 1) == [CycleDecision.REFUSED]
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_an_outage_is_told_once_and_outlasted(ledger: MemoryLedger) -> None:
    outages = [IndexUnavailable, DiskUnavailable, LanguageModelUnavailable, AliasMoved, LedgerUnavailable]
    waits: list[float] = []
    run = runs_of(*[each for each in outages for _ in range(2)], CycleDecision.PROMOTED)
    results = whenever_accepted(run, ledger=ledger, wait=waits.append)
    assert told(results, 6) == [*outages, CycleDecision.PROMOTED]
    assert waits == [HELD_UP_SECONDS] * 10


class Restarted(MemoryLedger):
    """A ledger whose database can be away."""

    away = False

    def corrections_mark(self) -> str:
        if self.away:
            raise LedgerUnavailable("the database is away")
        return super().corrections_mark()


def test_what_was_accepted_while_the_database_was_away_is_taken_when_it_is_back() -> None:
    ledger = Restarted()
    ledger.add_interaction(interaction("i1"))
    ledger.add_correction(correction("c1"))

    def back() -> None:
        ledger.away = False
        ledger.add_review(review("c1"))

    wait = after(nothing, lambda: setattr(ledger, "away", True), nothing, back, nothing)
    results = whenever_accepted(runs_of(*[CycleDecision.PROMOTED] * 2), ledger=ledger, wait=wait)
    assert told(results, 3) == [CycleDecision.PROMOTED, LedgerUnavailable, CycleDecision.PROMOTED]
    with pytest.raises(KeyboardInterrupt):
        next(results)


@pytest.mark.parametrize("fault", [ConfigError, WrongKey, Damaged])
def test_what_a_person_has_to_see_to_ends_it(ledger: MemoryLedger, fault: type[FlywheelError]) -> None:
    with pytest.raises(fault):
        next(whenever_accepted(runs_of(fault), ledger=ledger, wait=after()))
