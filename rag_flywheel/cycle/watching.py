"""Runs of the cycle, each as soon as a correction was accepted: `reindex --watch`."""

from collections.abc import Callable, Iterator

from rag_flywheel.cycle.result import CycleDecision, CycleResult
from rag_flywheel.domain import CorrectionState
from rag_flywheel.errors import AliasMoved, AlreadyRunning, FlywheelError, Unavailable
from rag_flywheel.ports import Ledger

SECONDS = 2.0  # between two looks, which cost one small query where nothing has changed
HELD_UP_SECONDS = 60.0  # until what a canary, a freeze, another run or an outage held up is tried again
HELD_UP = (CycleDecision.WAITING, CycleDecision.FROZEN)
PASSING = (AlreadyRunning, AliasMoved, Unavailable)  # errors that nobody here need see to


def whenever_accepted(
    run: Callable[[], CycleResult], *, ledger: Ledger, wait: Callable[[float], None]
) -> Iterator[CycleResult | FlywheelError]:
    """The results of a run at once, and of one after each acceptance. It does not end by itself.

    A run that is held up is tried again, and is told only once; so is an outage, as its error. What was refused waits
    for the next acceptance. Raises what does not pass by itself, such as ConfigError.
    """
    due, mark, seen = True, "", frozenset[str]()
    told: object = None
    while True:
        outcome: CycleResult | FlywheelError
        try:
            now = ledger.corrections_mark()
            if due or now != mark:
                mark, accepted = now, _accepted(ledger)
                due = due or not accepted <= seen
            if not due:
                told = None
                wait(SECONDS)
                continue
            seen = accepted
            outcome = run()
        except PASSING as error:
            outcome = error
        kind = outcome.decision if isinstance(outcome, CycleResult) else type(outcome)
        if isinstance(outcome, CycleResult) and outcome.decision not in HELD_UP:
            due, told = False, None
            yield outcome
            continue
        if kind not in (told, AlreadyRunning):
            told = kind
            yield outcome
        wait(HELD_UP_SECONDS)


def _accepted(ledger: Ledger) -> frozenset[str]:
    """The reviews by which corrections are accepted: who accepts one again, in other words, has done something new."""
    return frozenset(
        entry.review.review_id
        for entry in ledger.corrections()
        if entry.review is not None and entry.verdict_state is CorrectionState.ACCEPTED
    )
