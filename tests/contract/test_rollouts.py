"""What `Rollouts` promises."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from rag_flywheel.domain import (
    Arm,
    CanaryId,
    CanaryState,
)
from rag_flywheel.errors import NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, SECOND, a_freeze, a_holdout, an_interaction
from tests.contract.running import at_once
from tests.fakes.samples import canary, exposure


def test_an_exposure_comes_back_as_it_was_added_and_a_failed_one_needs_no_interaction(ledger: Ledger) -> None:
    at = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    added = [
        exposure(at=at, arm=Arm.TREATMENT, step=2, seconds=0.0123456789012345),
        exposure(at=NOON, arm=Arm.HOLDOUT, canary=None, answered=False),
        exposure(at=NOON + SECOND, of=None),
    ]
    ledger.add_interaction(an_interaction())
    for met in added:
        ledger.add_exposure(met)
    kept = ledger.exposures()
    assert kept == added
    assert [type(met.arm) for met in kept] == [Arm] * 3
    assert [(type(met.answered), type(met.failed)) for met in kept] == [(bool, bool)] * 3


def test_an_exposure_of_an_unknown_interaction_is_refused_as_not_found_and_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="i9"):
        ledger.add_exposure(exposure(of="i9"))
    assert ledger.exposures() == []


def test_exposures_come_oldest_first_of_one_canary_of_one_of_its_steps_and_from_an_instant_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    added = [
        ("late", "canary1", 1, 2),
        ("early", "canary1", 0, 0),
        ("other", "canary2", 0, 1),
        ("none", None, 0, 1),
        ("again", "canary1", 1, 1),
    ]
    for unit, of, step, seconds in added:
        ledger.add_exposure(exposure(unit, canary=of, step=step, at=NOON + seconds * SECOND))
    first, second = CanaryId("canary1"), NOON + SECOND
    assert [met.unit for met in ledger.exposures()] == ["early", "other", "none", "again", "late"]
    assert [met.unit for met in ledger.exposures(canary_id=first)] == ["early", "again", "late"]
    assert [met.unit for met in ledger.exposures(canary_id=first, step=1)] == ["again", "late"]
    assert [met.unit for met in ledger.exposures(canary_id=first, step=0)] == ["early"]
    assert [met.unit for met in ledger.exposures(since=second)] == ["other", "none", "again", "late"]
    assert [met.unit for met in ledger.exposures(canary_id=first, since=NOON + 2 * SECOND)] == ["late"]
    assert ledger.exposures(canary_id=CanaryId("canary9")) == []


def test_the_change_of_a_canary_that_was_appended_last_is_how_it_stands_whatever_the_clock_said(ledger: Ledger) -> None:
    assert ledger.canary() is None
    assert ledger.canaries() == []
    begun = canary(expected=0.1 + 0.2, superior=True, shadow=True)
    ledger.add_canary(begun)
    assert ledger.canary() == begun
    stepped = replace(begun, step=1, stepped=NOON - SECOND, reasons=("enough people", "no harm"))
    ledger.add_canary(stepped)
    assert ledger.canary() == stepped
    ended = replace(stepped, state=CanaryState.ROLLED_BACK)
    ledger.add_canary(ended)
    assert ledger.canary() == ended
    assert ledger.canaries() == [ended]


def test_each_canary_is_listed_once_as_it_stands_in_the_order_in_which_they_began(ledger: Ledger) -> None:
    for name in ("b", "a", "c"):
        ledger.add_canary(canary(name))
        ledger.add_canary(canary(name, state=CanaryState.PROMOTED))
    ledger.add_canary(canary("b", state=CanaryState.ROLLED_BACK))  # a late change does not make it a new one
    listed = [(stands.canary_id, stands.state) for stands in ledger.canaries()]
    assert listed == [
        ("b", CanaryState.ROLLED_BACK),
        ("a", CanaryState.PROMOTED),
        ("c", CanaryState.PROMOTED),
    ]


def test_the_hold_out_and_the_freeze_that_were_appended_last_count_whatever_the_clock_said(ledger: Ledger) -> None:
    assert (ledger.holdout(), ledger.freeze()) == (None, None)
    ledger.add_holdout(a_holdout())
    ledger.add_freeze(a_freeze())
    assert (ledger.holdout(), ledger.freeze()) == (a_holdout(), a_freeze())
    ended, thawed = a_holdout(None, since=NOON - SECOND), a_freeze(False, at=NOON - SECOND)
    ledger.add_holdout(ended)
    ledger.add_freeze(thawed)
    assert (ledger.holdout(), ledger.freeze()) == (ended, thawed)


def test_sixteen_threads_record_exposures_while_the_canary_that_is_asked_for_goes_one_step_on(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    ledger.add_canary(canary())
    done = threading.Event()

    def ask() -> list[int]:
        steps = []
        while not done.is_set():
            found = ledger.canary()
            assert found is not None
            steps.append(found.step)
        return steps

    def work(number: int) -> None:
        ledger.add_exposure(exposure(f"u{number}", at=NOON + number * SECOND))
        if number == 32:
            ledger.add_canary(canary(step=1))

    with ThreadPoolExecutor(2) as askers:
        asking = [askers.submit(ask) for _ in range(2)]
        try:
            at_once(work, 16, rounds=4)
        finally:
            done.set()
        seen = [future.result() for future in asking]
    assert [met.unit for met in ledger.exposures()] == [f"u{number}" for number in range(64)]
    assert all(steps and set(steps) <= {0, 1} and steps == sorted(steps) for steps in seen)
    assert ledger.canary() == canary(step=1)
