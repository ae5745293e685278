"""Runs of the cycle, each as soon as a correction was accepted: `reindex --watch`."""

from collections.abc import Callable, Iterator

from rag_flywheel.cycle.result import CycleDecision, CycleResult
from rag_flywheel.domain import CorrectionState
from rag_flywheel.errors import AlreadyRunning
from rag_flywheel.ports import Ledger

SECONDS = 2.0  # between two looks, which cost one small query where nothing has changed
HELD_UP_SECONDS = 60.0  # until what a canary, a freeze or another run held up is tried again
HELD_UP = (CycleDecision.WAITING, CycleDecision.FROZEN)


def whenever_accepted(
    run: Callable[[], CycleResult], *, ledger: Ledger, wait: Callable[[float], None]
) -> Iterator[CycleResult]:
    """The results of a run at once, and of one after each acceptance. It does not end by itself.

    A run that is held up is tried again, and is told only once. What was refused waits for the next acceptance.
    """
    while True:
        mark, seen = ledger.corrections_mark(), _accepted(ledger)
        result = _unless_running(run)
        told = None
        while result is None or result.decision in HELD_UP:
            if result is not None and result.decision is not told:
                yield result
                told = result.decision
            wait(HELD_UP_SECONDS)
            mark, seen = ledger.corrections_mark(), _accepted(ledger)
            result = _unless_running(run)
        yield result
        while True:
            if ledger.corrections_mark() != mark:
                mark, now = ledger.corrections_mark(), _accepted(ledger)
                if now - seen:
                    break
            wait(SECONDS)


def _unless_running(run: Callable[[], CycleResult]) -> CycleResult | None:
    try:
        return run()
    except AlreadyRunning:
        return None


def _accepted(ledger: Ledger) -> frozenset[str]:
    """The reviews by which corrections are accepted: who accepts one again, in other words, has done something new."""
    return frozenset(
        entry.review.review_id
        for entry in ledger.corrections()
        if entry.review is not None and entry.verdict_state is CorrectionState.ACCEPTED
    )
